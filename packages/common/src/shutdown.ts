/** Ends a process in order: SIGINT or SIGTERM calls `stop` once; a second signal, or too long, ends it hard. */
import type { Logger } from "./logger.ts";
import { messageOf, TidepoolError } from "./error.ts";

/** For what fails before a process serves: one line that says why; a stack only of what is a fault of ours. */
export function failStart(logger: Logger, error: unknown): never {
  const isOurs = !(error instanceof TidepoolError);
  logger.error("cannot start", { error: isOurs ? error : error.message });
  process.exit(1);
}

export const shutdownMaxMs = 15_000;

export function stopOnSignal(logger: Logger, stop: () => Promise<void>): void {
  let isStopping = false;
  const begin = (signal: NodeJS.Signals): void => {
    if (isStopping) {
      logger.warn("second signal, leaving at once", { signal });
      process.exit(130);
    }
    isStopping = true;
    logger.info("stopping", { signal });
    const timer = setTimeout(() => {
      logger.error("stop took too long", { shutdownMaxMs });
      process.exit(1);
    }, shutdownMaxMs);
    stop().then(
      () => {
        clearTimeout(timer);
        logger.info("stopped");
        process.exit(0);
      },
      (error: unknown) => {
        logger.error("stop failed", { error: messageOf(error) });
        process.exit(1);
      },
    );
  };
  process.on("SIGINT", begin);
  process.on("SIGTERM", begin);
}
