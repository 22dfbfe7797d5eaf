/** Code from the JetStream Object Store: one object per digest. */
import type { Storage } from "@tidepool/actors";
import { messageOf, TidepoolError } from "@tidepool/common";
import { damagedCode } from "../code/code-cache.ts";
import type { CodeSource } from "../ports.ts";

/** Longest a fetch may take. */
export const codeFetchMaxMs = 10_000;

export function codeFromObjectStore(store: Storage["code"]): CodeSource {
  return {
    async fetch(digest, maxBytes) {
      const late = new AbortController();
      const timer = setTimeout(() => late.abort(), codeFetchMaxMs);
      try {
        return await fetchObject(store, digest, maxBytes, late.signal);
      } catch (error) {
        if (error instanceof TidepoolError) throw error;
        if (isDamaged(error)) throw damagedCode(digest, error);
        const why = late.signal.aborted ? `no answer in ${codeFetchMaxMs} ms` : messageOf(error);
        throw new TidepoolError("unavailable", `code ${digest} cannot be fetched: ${why}`, {
          reason: "storeSilent",
          cause: error,
        });
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/** The store's own digest does not fit, as its client says. */
function isDamaged(error: unknown): boolean {
  return /corrupt object/.test(messageOf(error));
}

async function fetchObject(
  store: Storage["code"],
  digest: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const found = await store.get(digest);
  if (found === null)
    throw new TidepoolError("notFound", `code ${digest} is not in the store`, {
      reason: "codeMissing",
    });
  if (found.info.size > maxBytes) {
    throw new TidepoolError(
      "tooLarge",
      `code ${digest} has ${found.info.size} bytes, at most ${maxBytes} are allowed`,
    );
  }
  const chunks: Uint8Array[] = [];
  const reader = found.data.getReader();
  const onAbort = (): void => void reader.cancel();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
  signal.throwIfAborted();
  const failure = await found.error;
  if (failure instanceof Error) throw failure;
  return Buffer.concat(chunks);
}
