/**
 * Where one request waits for its answer. Answers that nobody waits for are dropped, as many as requests that were
 * given up can have left on their way; a guest that sends more breaks the protocol.
 */
import { TidepoolError } from "@tidepool/common";

export const unaskedAnswersMax = 8;

export class Slot<T> {
  readonly #what: string;
  #waiting:
    { readonly resolve: (value: T) => void; readonly reject: (error: unknown) => void } | undefined;
  /** Since the last request. */
  #unaskedCount = 0;

  constructor(what: string) {
    this.#what = what;
  }

  /** @throws TidepoolError `wrongPhase` when another request waits here */
  run(begin: () => void, signal?: AbortSignal): Promise<T> {
    if (this.#waiting !== undefined) {
      const text = `${this.#what} is under way in this vm; it does one at a time`;
      return Promise.reject(new TidepoolError("wrongPhase", text));
    }
    return new Promise<T>((resolve, reject) => {
      const onAbort = (): void => {
        this.reject(signal?.reason);
      };
      const done = (): void => {
        this.#waiting = undefined;
        signal?.removeEventListener("abort", onAbort);
      };
      this.#waiting = {
        resolve(value) {
          done();
          resolve(value);
        },
        reject(error) {
          done();
          reject(error as Error);
        },
      };
      if (signal?.aborted === true) {
        onAbort();
        return;
      }
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#unaskedCount = 0;
      begin();
    });
  }

  /** @throws Error when nobody waited for it, nor for those before it */
  resolve(value: T): void {
    if (this.#waiting !== undefined) this.#waiting.resolve(value);
    else if (++this.#unaskedCount > unaskedAnswersMax)
      throw new Error(`answers to ${this.#what} that nobody asked for`);
  }

  reject(error: unknown): void {
    this.#waiting?.reject(error);
  }
}
