/** Failures of JetStream's stores as ours. */
import { JetStreamApiError } from "@nats-io/jetstream";
import { messageOf, TidepoolError } from "@tidepool/common";

const wrongLastSequence = 10_071;
const outOfStorage = [10_023, 10_047, 10_077];

const natsIsSilent = "NATS does not answer";

/** Another writer was faster, or the key exists. */
export function isLostRace(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === wrongLastSequence;
}

function storeFailure(what: string, error: unknown): TidepoolError {
  if (error instanceof TidepoolError) return error;
  if (error instanceof JetStreamApiError && outOfStorage.includes(error.code)) {
    return new TidepoolError("noCapacity", `${what} failed: the store is full`, {
      cause: error,
      reason: "storeFull",
    });
  }
  // The client's own limit, of which its text says no more than "timeout".
  const isLate = error instanceof Error && error.name === "TimeoutError";
  const reason = isLate ? natsIsSilent : messageOf(error);
  return new TidepoolError("unavailable", `${what} failed: ${reason}`, {
    cause: error,
    reason: "storeSilent",
  });
}

/** Ends a wait for a server that has gone; the operation itself may still happen. */
export async function within<T>(what: string, timeoutMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const message = `${what} failed: ${natsIsSilent} in ${timeoutMs} ms`;
      reject(new TidepoolError("unavailable", message, { reason: "storeSilent" }));
    }, timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } catch (error) {
    throw storeFailure(what, error);
  } finally {
    clearTimeout(timer);
  }
}
