/**
 * stdout and stderr go to init through pipes. Node would write to them when it finds the time; here a write
 * returns when the bytes are in the pipe, so that what a handler printed is out before its answer is, and a
 * flood of output slows the handler down instead of filling its memory.
 */
interface BlockingHandle {
  readonly _handle?: { setBlocking?(isBlocking: boolean): number };
}

export function makeOutputBlocking(): void {
  for (const stream of [process.stdout, process.stderr]) {
    (stream as unknown as BlockingHandle)._handle?.setBlocking?.(true);
  }
  // The first write makes more than it writes.
  process.stdout.write("");
}
