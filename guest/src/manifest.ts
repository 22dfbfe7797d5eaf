/** A runtime's manifest: guest/runtimes/<name>/manifest.json, checked. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { TidepoolError, messageOf } from "@tidepool/common";

export interface RuntimeManifest {
  readonly name: string;
  readonly language: string;
  readonly languageVersion: string;
  /** An interpreter taken from the host: the Node binary that runs this process. */
  readonly binary: { readonly from: "host-node"; readonly major: number; readonly path: string };
  /** Debian packages that the runtime needs in the guest. */
  readonly packages: readonly string[];
  /** The runtime's own program: made of `entry`, put at `path` in the guest. */
  readonly bundle: { readonly entry: string; readonly path: string };
  /** What init starts; "{heapMib}" is replaced by what the memory limit leaves for the heap. */
  readonly command: readonly string[];
}

/** The package's own folder: the same from src/ and from dist/. */
export const guestFolder = fileURLToPath(new URL("..", import.meta.url));

export const initFolder = join(guestFolder, "init");

export const runtimeFolder = (runtime: string): string => join(guestFolder, "runtimes", runtime);

export async function readManifest(runtime: string): Promise<RuntimeManifest> {
  if (!/^[a-z0-9-]+$/.test(runtime)) {
    throw new TidepoolError("invalid", `runtime name '${runtime}' is not of a-z, 0-9 and -`);
  }
  const path = join(runtimeFolder(runtime), "manifest.json");
  let manifest: RuntimeManifest;
  try {
    manifest = JSON.parse(await readFile(path, "utf8")) as RuntimeManifest;
  } catch (thrown) {
    throw new TidepoolError("notFound", `no runtime '${runtime}': ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
  if (manifest.name !== runtime || manifest.command.length === 0) {
    throw new TidepoolError("invalid", `manifest of runtime '${runtime}' does not describe it`);
  }
  return manifest;
}
