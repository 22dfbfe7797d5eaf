/** Which runtimes there are, and what their handlers look like: as the runtimes' own manifests have it. */
import { handlerFiles, listRuntimes } from "@tidepool/guest/runtimes";
import { handlerMaxBytes } from "../limits.ts";

const manifests = listRuntimes();

export const runtimes: readonly string[] = manifests.map(({ name }) => name);

/** What a handler of this runtime must be, for people; undefined when this one is. */
export function handlerProblem(runtime: string, handler: string): string | undefined {
  const { form, example } = manifestOf(runtime).handler;
  const isShort = Buffer.byteLength(handler) <= handlerMaxBytes;
  if (isShort && filesOfHandler(runtime, handler) !== undefined) return undefined;
  return `must be ${form}, as in ${example}`;
}

/** Paths of which one must be in the code; undefined when the handler is none. */
export function filesOfHandler(runtime: string, handler: string): readonly string[] | undefined {
  return handlerFiles(manifestOf(runtime), handler);
}

/** An unknown runtime is a problem of its own; its handler is looked at as if it were the first. */
function manifestOf(runtime: string): (typeof manifests)[number] {
  const found = manifests.find(({ name }) => name === runtime) ?? manifests[0];
  if (found === undefined) throw new Error("there is no runtime");
  return found;
}
