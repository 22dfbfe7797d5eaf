/** The repository as files, for tests about its shape. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const repositoryRoot = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

const skippedFolders: readonly string[] = ["node_modules", "dist", "gen", ".git"];

/** Paths of source files below `folder`, relative to the root. */
export function sourceFiles(folder: string, endings: readonly string[]): string[] {
  const found: string[] = [];
  const visit = (path: string): void => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (skippedFolders.includes(entry.name)) continue;
      const child = join(path, entry.name);
      if (entry.isDirectory()) visit(child);
      else if (endings.some((ending) => entry.name.endsWith(ending)))
        found.push(relative(repositoryRoot, child));
    }
  };
  visit(join(repositoryRoot, folder));
  return found;
}

export function readSource(path: string): string {
  return readFileSync(join(repositoryRoot, path), "utf8");
}
