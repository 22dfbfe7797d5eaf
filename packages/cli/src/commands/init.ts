/** `tidepool init`: a folder with a new function, from a template. */
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { TidepoolError } from "@tidepool/common";
import { usageError } from "../failure.ts";
import type { CommandContext } from "../program/parts.ts";

export const templates = ["node", "typescript", "python"] as const;
export type Template = (typeof templates)[number];

export interface InitOptions {
  readonly template: Template;
  readonly json?: boolean;
}

/** Beside the sources and beside what they are built into. */
const templatesFolder = new URL("../../templates/", import.meta.url);
/** Stands in a template for the function's name. */
const namePlace = /\bNAME\b/g;

export async function init(
  path: string,
  options: InitOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const folder = resolve(path);
  const name = basename(folder);
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name))
    throw usageError(
      `the folder's name '${name}' becomes the function's: it must be 1 to 64 letters, digits, "-" or "_"`,
    );
  await mkdir(folder, { recursive: true });
  const found = await readdir(folder);
  if (found.length > 0)
    throw new TidepoolError(
      "alreadyExists",
      `${path} is not empty: it holds ${found.slice(0, 3).join(", ")}`,
      { component: "client", details: { hint: "name a new folder" } },
    );
  const template = new URL(`${options.template}/`, templatesFolder);
  const files = (await readdir(template)).toSorted();
  for (const file of files) {
    const text = await readFile(new URL(file, template), "utf8");
    const isProject = file === "tidepool.yaml";
    await writeFile(join(folder, file), isProject ? text.replaceAll(namePlace, name) : text);
  }
  if (options.json === true) terminal.out(`${JSON.stringify({ name, folder, files })}\n`);
  else {
    terminal.say(`made ${path} with ${files.join(", ")}`);
    terminal.say(`deploy it with: tidepool deploy ${path}`);
    terminal.say(
      `or run it while you write: tidepool dev ${path} --payload @${join(path, "event.json")}`,
    );
  }
}
