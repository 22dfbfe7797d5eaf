/**
 * What a runtime is: one folder with a manifest.json, which all that know runtimes read. The format is told
 * in docs/runtimes.md; whatever of it is wrong is named in one error.
 */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { TidepoolError, messageOf } from "@tidepool/common";

export interface RuntimeManifest {
  /** That of its folder, and of the `runtime` setting of functions. */
  readonly name: string;
  /** For people: "Node.js 20". */
  readonly title: string;
  readonly handler: {
    /** For people: "file.export". */
    readonly form: string;
    readonly example: string;
    /** A regular expression that every handler matches; a group named "module" tells its file from the rest. */
    readonly pattern: string;
    /** Paths of which one must be in the code: "{module}.js"; "{path}" is the module with its dots as slashes. */
    readonly files: readonly string[];
  };
  /** Debian packages that the runtime needs in the guest. */
  readonly packages: readonly string[];
  readonly additions: readonly Addition[];
  /** What init starts; "{memoryMib}" is replaced by the memory limit of the function. */
  readonly command: readonly string[];
  /** What the runtime's process has in its environment besides what all have. */
  readonly environment: Readonly<Record<string, string>>;
  /** Files whose pages are not counted as the function's memory: what the runtime is always executing. */
  readonly resident: readonly string[];
}

/** What the guest's file tree gets for a runtime besides Debian's packages; paths are the guest's. */
export type Addition =
  /** The Node binary that runs this process. */
  | { readonly kind: "hostNode"; readonly major: number; readonly path: string }
  /** A program bundled of TypeScript sources of the runtime's folder. */
  | { readonly kind: "bundle"; readonly entry: string; readonly path: string }
  /** Files of the runtime's folder, or of another runtime's beside it ("../python3.11/frames.py"). */
  | { readonly kind: "files"; readonly files: readonly string[]; readonly folder: string };

/** The package's own folder: the same from src/ and from dist/. */
export const guestFolder = fileURLToPath(new URL("..", import.meta.url));

export const initFolder = join(guestFolder, "init");

/** Where the runtimes are; TIDEPOOL_RUNTIMES_DIR names another folder of them. */
export const runtimesFolder = (): string =>
  process.env["TIDEPOOL_RUNTIMES_DIR"] || join(guestFolder, "runtimes");

export const runtimeFolder = (runtime: string): string => join(runtimesFolder(), runtime);

const manifestFile = "manifest.json";

/** Of all runtimes, by name. */
export function listRuntimes(): readonly RuntimeManifest[] {
  return runtimeNames().map(readManifest);
}

function runtimeNames(): readonly string[] {
  return readdirSync(runtimesFolder(), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && isRuntime(entry.name))
    .map((entry) => entry.name)
    .toSorted((a, b) => a.localeCompare(b));
}

/** @throws TidepoolError `notFound`, or `invalid` when the manifest is no such thing */
export function readManifest(runtime: string): RuntimeManifest {
  if (!/^[a-z0-9][a-z0-9.-]{0,31}$/.test(runtime)) {
    throw new TidepoolError(
      "invalid",
      `runtime name '${runtime}' is not 1 to 32 of a-z, 0-9, '.' and '-'`,
    );
  }
  let text: string;
  try {
    text = readFileSync(join(runtimeFolder(runtime), manifestFile), "utf8");
  } catch (thrown) {
    const known = runtimeNames();
    const why = known.includes(runtime) ? messageOf(thrown) : `there are ${known.join(", ")}`;
    throw new TidepoolError("notFound", `no runtime '${runtime}': ${why}`, { cause: thrown });
  }
  try {
    return parseManifest(runtime, JSON.parse(text));
  } catch (thrown) {
    throw new TidepoolError("invalid", `manifest of runtime '${runtime}': ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
}

/** Paths of which one must be in a function's code; undefined when the handler is none for this runtime. */
export function handlerFiles(
  { handler: { pattern, files } }: RuntimeManifest,
  handler: string,
): readonly string[] | undefined {
  const match = new RegExp(pattern).exec(handler);
  if (match === null) return undefined;
  const module = match.groups?.["module"] ?? "";
  return files.map((file) =>
    file.replace("{module}", module).replace("{path}", module.replaceAll(".", "/")),
  );
}

function isRuntime(name: string): boolean {
  return readdirSync(runtimeFolder(name)).includes(manifestFile);
}

function parseManifest(runtime: string, given: unknown): RuntimeManifest {
  const manifest = given as RuntimeManifest;
  const problems: string[] = [];
  const need = (claim: boolean, what: string): void => void (claim || problems.push(what));
  need(isRecord(given), "it is no object");
  if (isRecord(given)) {
    const { handler, additions } = given as { handler?: unknown; additions?: unknown };
    need(manifest.name === runtime, `'name' must be '${runtime}', as its folder`);
    need(isText(manifest.title), "'title' must be a text");
    need(
      isRecord(handler) && ["form", "example", "pattern"].every((key) => isText(handler[key])),
      "'handler' must have the texts 'form', 'example' and 'pattern'",
    );
    if (isRecord(handler)) {
      need(isMatched(manifest), "'handler.example' must match its pattern");
      need(isTexts(handler["files"]), "'handler.files' must be a list of texts");
    }
    for (const key of ["packages", "command", "resident"] as const) {
      need(isTexts(manifest[key]), `'${key}' must be a list of texts`);
    }
    need(manifest.command?.[0]?.startsWith("/") ?? false, "'command' must begin with a path");
    need(
      isRecord(manifest.environment) && Object.values(manifest.environment).every(isText),
      "'environment' must be an object of texts",
    );
    const areAdditions = Array.isArray(additions) && additions.every(isAddition);
    need(areAdditions, "'additions' must be a list of hostNode, bundle and files");
  }
  if (problems.length > 0) throw new Error(problems.join("; "));
  return manifest;
}

function isAddition(given: unknown): boolean {
  if (!isRecord(given)) return false;
  const { kind, major, path, entry, files, folder } = given;
  if (kind === "hostNode") return Number.isInteger(major) && isText(path);
  if (kind === "bundle") return isText(entry) && isText(path);
  return kind === "files" && isTexts(files) && isText(folder);
}

function isMatched({ handler }: RuntimeManifest): boolean {
  try {
    return new RegExp(handler.pattern).test(handler.example);
  } catch {
    return false;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): boolean {
  return typeof value === "string" && !/[\n\0]/.test(value);
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every(isText);
}
