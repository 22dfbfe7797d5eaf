/**
 * From "folder/file.export" to a function: the file is one of .js, .mjs and .cjs, and Node decides between
 * ESM and CommonJS as it always does (extension, package.json, then the syntax itself).
 */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { locatingSyntaxErrors } from "./syntax-error.ts";

export type Handler = (...parameters: unknown[]) => unknown;

type Namespace = Record<string, unknown>;

const extensions = [".js", ".mjs", ".cjs"] as const;

export async function findHandler(folder: string, handler: string): Promise<Handler> {
  const { module, exportPath } = splitHandler(handler);
  const file = extensions
    .map((extension) => join(folder, module + extension))
    .find((path) => existsSync(path));
  if (file === undefined) {
    const tried = extensions.map((extension) => module + extension).join(", ");
    throw new HandlerError(
      `handler module '${module}' not found in the code (looked for ${tried})`,
    );
  }
  const namespace = await locatingSyntaxErrors(pathToFileURL(file).href, () => loadModule(file));
  const found = lookUp(namespace, exportPath) ?? lookUp(namespace["default"], exportPath);
  if (typeof found === "function") return found as Handler;
  const name = exportPath.join(".");
  if (found !== undefined) {
    throw new HandlerError(
      `export '${name}' of module '${module}' is no function but of type ${typeof found}`,
    );
  }
  throw new HandlerError(
    `module '${module}' has no export '${name}'; it exports: ${listExports(namespace)}`,
  );
}

/** require() takes both kinds of modules, in half the time of import(), but none with top-level await. */
async function loadModule(file: string): Promise<Namespace> {
  try {
    return asNamespace(createRequire(file)(file));
  } catch (thrown) {
    const code = (thrown as { code?: unknown } | null | undefined)?.code;
    if (code !== "ERR_REQUIRE_ASYNC_MODULE") throw thrown;
  }
  return (await import(pathToFileURL(file).href)) as Namespace;
}

/** module.exports can be anything. */
function asNamespace(loaded: unknown): Namespace {
  const isObject = typeof loaded === "object" && loaded !== null;
  return isObject || typeof loaded === "function" ? (loaded as Namespace) : { default: loaded };
}

/** The first dot after the last slash ends the file's name: "a.b/c.d.e" is export d.e of a.b/c. */
export function splitHandler(handler: string): { module: string; exportPath: string[] } {
  const name = basename(handler);
  const dot = name.indexOf(".");
  if (dot <= 0 || dot === name.length - 1) {
    throw new HandlerError(`handler '${handler}' is not of the form 'file.export'`);
  }
  const exportPath = name.slice(dot + 1).split(".");
  return { module: join(dirname(handler), name.slice(0, dot)), exportPath };
}

/** What is wrong with how a function is put together, rather than with its code. */
class HandlerError extends Error {
  override readonly name = "HandlerError";
}

function lookUp(from: unknown, path: readonly string[]): unknown {
  let value = from;
  for (const part of path) {
    if ((typeof value !== "object" && typeof value !== "function") || value === null) return;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}

function listExports(namespace: Namespace): string {
  const { default: whole } = namespace;
  const names = new Set(Object.keys(namespace));
  if (typeof whole === "object" && whole !== null) {
    for (const name of Object.keys(whole)) names.add(name);
    names.delete("default");
  }
  names.delete("module.exports");
  names.delete("__esModule");
  return names.size === 0
    ? "nothing"
    : [...names].toSorted((a, b) => a.localeCompare(b)).join(", ");
}
