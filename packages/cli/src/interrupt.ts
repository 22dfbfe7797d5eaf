/**
 * Ctrl-C for commands that must clean up: the first signal aborts the work, which ends in order; the
 * second ends it hard.
 */
import { setMaxListeners } from "node:events";
import { TidepoolError } from "@tidepool/common";
import { exitCodes } from "./exit-codes.ts";
import { onReaderGone } from "./terminal/reader.ts";

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** @param kill ends at once what the work started, on the second signal */
export async function interruptible<T>(
  work: (signal: AbortSignal) => Promise<T>,
  kill: () => void = () => {},
): Promise<T> {
  const controller = new AbortController();
  // All calls of a command listen to the one signal: their number says nothing of a leak.
  setMaxListeners(0, controller.signal);
  const onSignal = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) {
      kill();
      process.exit(exitCodes.interrupted);
    }
    controller.abort(interruption(`interrupted by ${name}`, false));
  };
  for (const name of signals) process.on(name, onSignal);
  const done = onReaderGone(() => controller.abort(interruption("nobody reads any more", true)));
  try {
    return await work(controller.signal);
  } catch (error) {
    // Whatever broke on the way out, it was the interruption that broke it.
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    for (const name of signals) process.off(name, onSignal);
    done();
  }
}

function interruption(message: string, isReaderGone: boolean): TidepoolError {
  return new TidepoolError("cancelled", message, { details: { isInterrupt: true, isReaderGone } });
}
