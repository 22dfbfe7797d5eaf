/** Where one request waits for its answer. Answers that nobody waits for are dropped. */
import { TidepoolError } from "@tidepool/common";

export class Slot<T> {
  readonly #what: string;
  #waiting:
    { readonly resolve: (value: T) => void; readonly reject: (error: unknown) => void } | undefined;

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
      begin();
    });
  }

  resolve(value: T): void {
    this.#waiting?.resolve(value);
  }

  reject(error: unknown): void {
    this.#waiting?.reject(error);
  }
}
