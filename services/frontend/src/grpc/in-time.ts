/** Parts that a caller sends, each within a time and all within another: what it holds meanwhile is not held for ever. */
import { TidepoolError } from "@tidepool/common";
import { uploadMaxMs, uploadPartMaxMs } from "../limits.ts";

export interface PartTimes {
  readonly partMaxMs: number;
  readonly allMaxMs: number;
}

const ofUploads: PartTimes = { partMaxMs: uploadPartMaxMs, allMaxMs: uploadMaxMs };

/** @throws TidepoolError `timeout`; `cancelled` when the caller breaks off */
export async function* inTime<T>(
  parts: AsyncIterable<T>,
  { partMaxMs, allMaxMs } = ofUploads,
): AsyncGenerator<T> {
  const iterator = parts[Symbol.asyncIterator]();
  const endsAtMs = performance.now() + allMaxMs;
  for (;;) {
    const leftMs = endsAtMs - performance.now();
    const next =
      leftMs < partMaxMs
        ? await within(iterator.next(), leftMs, `the upload did not come whole in ${allMaxMs} ms`)
        : await within(
            iterator.next(),
            partMaxMs,
            `the upload's next part did not come in ${partMaxMs} ms`,
          );
    if (next.done === true) return;
    let isLeft = true;
    try {
      yield next.value;
      isLeft = false;
    } finally {
      // Who wants no more lets go of what is still on its way, so that it can be dropped.
      if (isLeft) await iterator.return?.();
    }
  }
}

async function within<T>(part: Promise<T>, ms: number, late: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_resolve, reject) => {
    const error = new TidepoolError("timeout", late, { component: "client" });
    timer = setTimeout(() => reject(error), Math.max(0, ms));
  });
  try {
    return await Promise.race([part, tooLate]);
  } catch (error) {
    part.catch(() => {}); // nobody waits for it any more
    if (error instanceof TidepoolError) throw error;
    throw new TidepoolError("cancelled", "the caller broke off", {
      cause: error,
      component: "client",
    });
  } finally {
    clearTimeout(timer);
  }
}
