/**
 * What the guest's file tree gets besides Debian's packages, gathered in a folder: every runtime's files,
 * and for init, in /opt/tidepool/runtimes/<name>, what it starts.
 */
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { TidepoolError } from "@tidepool/common";
import { build } from "esbuild";
import { runtimeFolder } from "./manifest.ts";
import type { RuntimeManifest } from "./manifest.ts";

/** Where init finds what belongs to a runtime; see guest/init/runtime.c. */
export const runtimePathInGuest = (runtime: string): string => `/opt/tidepool/runtimes/${runtime}`;

export async function gatherAdditions(
  manifests: readonly RuntimeManifest[],
  folder: string,
): Promise<void> {
  await mkdir(join(folder, "var/task"), { recursive: true });
  for (const manifest of manifests) {
    for (const addition of manifest.additions) {
      if (addition.kind === "hostNode") await copyNode(manifest.name, addition, folder);
      else if (addition.kind === "bundle") {
        const entry = join(runtimeFolder(manifest.name), addition.entry);
        await bundleProgram(entry, join(folder, addition.path));
      } else {
        await mkdir(join(folder, addition.folder), { recursive: true });
        for (const file of addition.files) {
          const source = join(runtimeFolder(manifest.name), file);
          await copyFile(source, join(folder, addition.folder, basename(file)));
        }
      }
    }
    await writeForInit(manifest, join(folder, runtimePathInGuest(manifest.name)));
  }
}

async function copyNode(
  runtime: string,
  { major, path }: { readonly major: number; readonly path: string },
  folder: string,
): Promise<void> {
  const running = Number(process.versions.node.split(".")[0]);
  if (running !== major) {
    throw new TidepoolError(
      "unavailable",
      `the image for ${runtime} is made with the Node.js that runs tidepool: ` +
        `it must be ${String(major)}, is ${process.version}`,
    );
  }
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await copyFile(process.execPath, join(folder, path));
}

async function bundleProgram(entry: string, outfile: string): Promise<void> {
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    conditions: ["source"],
    minifySyntax: true,
    minifyWhitespace: true,
    logLevel: "silent",
    // protobufjs is CommonJS and asks for `require` when it is bundled into a module.
    banner: {
      js: 'import{createRequire as tidepoolRequire}from"node:module";const require=tidepoolRequire(import.meta.url);',
    },
  });
}

async function writeForInit(manifest: RuntimeManifest, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const lines = (words: readonly string[]): string => words.map((word) => `${word}\n`).join("");
  const environment = Object.entries(manifest.environment).map(
    ([name, value]) => `${name}=${value}`,
  );
  await writeFile(join(folder, "command"), lines(manifest.command));
  await writeFile(join(folder, "environment"), lines(environment));
  await writeFile(join(folder, "resident"), lines(manifest.resident));
}
