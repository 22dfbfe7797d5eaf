/**
 * A handler written in TypeScript: bundled with what it imports into one module, so that nothing is to be
 * built or installed in the VM. Types are stripped, not checked: that is an editor's and a test's work.
 */
import { access } from "node:fs/promises";
import { join } from "node:path";
import { TidepoolError } from "@tidepool/common";

const sourceEndings = [".ts", ".mts"];
const moduleEndings = [".mjs", ".js", ".cjs"];
/** Of a failed build; more would scroll the first away. */
const errorsShownMax = 10;

export interface BundledModule {
  /** Where it stands in the zip, as "index.mjs". */
  readonly name: string;
  readonly content: Uint8Array;
}

/**
 * @param handler as "index.handler"; a module of that name beside the source takes precedence
 * @returns undefined where the handler is not in TypeScript
 * @throws TidepoolError `invalid` with file, line and column of what cannot be built
 */
export async function bundleTypeScript(
  folder: string,
  handler: string,
): Promise<BundledModule | undefined> {
  const module = handler.slice(0, Math.max(0, handler.lastIndexOf(".")));
  const source = module === "" ? undefined : await firstOf(folder, module, sourceEndings);
  if (source === undefined || (await firstOf(folder, module, moduleEndings)) !== undefined)
    return undefined;
  const { build, formatMessages } = await import("esbuild");
  const result = await build({
    absWorkingDir: folder,
    entryPoints: [source],
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    sourcemap: "inline",
    // Packages in CommonJS ask for Node's own modules with require.
    banner: { js: requireShim },
    write: false,
    logLevel: "silent",
  }).catch(async (error: unknown) => {
    const { errors } = error as { errors?: Parameters<typeof formatMessages>[0] };
    if (errors === undefined) throw error;
    const texts = errors.slice(0, errorsShownMax).map(({ text, location }) => {
      const { file = source, line = 1, column = 0 } = location ?? {};
      return `${file}:${line}:${column + 1} ${text}`;
    });
    throw new TidepoolError("invalid", `${source} cannot be built\n${texts.join("\n")}`, {
      component: "client",
    });
  });
  const [file] = result.outputFiles;
  if (file === undefined) throw new TidepoolError("internal", `${source} was built into nothing`);
  return { name: `${module}.mjs`, content: file.contents };
}

const requireShim =
  'import { createRequire as __tidepoolRequire } from "node:module"; const require = __tidepoolRequire(import.meta.url);';

async function firstOf(
  folder: string,
  module: string,
  endings: readonly string[],
): Promise<string | undefined> {
  for (const ending of endings) {
    const name = `${module}${ending}`;
    const isThere = await access(join(folder, name)).then(
      () => true,
      () => false,
    );
    if (isThere) return name;
  }
  return undefined;
}
