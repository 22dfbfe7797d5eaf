/**
 * One call of the API as the parts of the client make it: with the client's time limit where none is given,
 * and sent again where that is safe.
 */
import { systemClock, TidepoolError } from "@tidepool/common";
import type { Clock, Reason } from "@tidepool/common";
import type { MethodDefinition } from "@tidepool/proto";
import type { CallLimits, Transport } from "./transport.ts";

export const timeoutDefaultMs = 10_000;
/** What is stored waits for as long as NATS takes to elect a leader, 12 s at most: there is an answer by then. */
export const changeTimeoutDefaultMs = 15_000;
/** Times that one call is sent, at most. */
export const attemptsMax = 3;
/** Wait before the second attempt; doubles for the third. Longer where the server says so. */
export const retryWaitMs = 100;

const requestRate: Reason = "requestRate";

export class Caller {
  readonly transport: Transport;
  readonly #timeoutMs: number;
  readonly #changeTimeoutMs: number;
  readonly #clock: Clock;

  /** @param timeoutMs of calls that name none; undefined: the defaults */
  constructor(transport: Transport, timeoutMs: number | undefined, clock: Clock = systemClock) {
    this.transport = transport;
    this.#clock = clock;
    this.#timeoutMs = timeoutMs ?? timeoutDefaultMs;
    this.#changeTimeoutMs = timeoutMs ?? changeTimeoutDefaultMs;
  }

  /** Sent once: it may have an effect. */
  change<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
    limits: CallLimits,
  ): Promise<Response> {
    return this.transport.unary(method, request, this.storing(limits));
  }

  /** Sent again while the server is unavailable, or the tenant has asked too often: within the time of one call. */
  read<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
    limits: CallLimits,
  ): Promise<Response> {
    const { timeoutMs = this.#timeoutMs, signal } = limits;
    const endsAtMs = this.#clock.nowMs() + timeoutMs;
    let leftMs = timeoutMs;
    return this.repeat(
      () => this.transport.unary(method, request, { timeoutMs: leftMs, signal }),
      ({ code, reason }, waitMs) => {
        leftMs = endsAtMs - this.#clock.nowMs() - waitMs;
        return leftMs > 0 && (code === "unavailable" || reason === requestRate);
      },
      signal,
    );
  }

  within({ timeoutMs = this.#timeoutMs, signal }: CallLimits): CallLimits {
    return { timeoutMs, signal };
  }

  /** Of what is stored before it is answered. */
  storing({ timeoutMs = this.#changeTimeoutMs, signal }: CallLimits): CallLimits {
    return { timeoutMs, signal };
  }

  async repeat<T>(
    send: () => Promise<T>,
    maySendAgain: (error: TidepoolError, waitMs: number) => boolean,
    signal: AbortSignal | undefined,
    sendsMax = attemptsMax,
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await send();
      } catch (thrown) {
        const error = TidepoolError.from(thrown);
        const waitMs = Math.max(retryWaitMs * 2 ** (attempt - 1), error.retryAfterMs ?? 0);
        if (attempt >= sendsMax || !maySendAgain(error, waitMs)) throw error;
        await this.#clock.sleep(waitMs, signal).catch(() => {
          throw error;
        });
      }
    }
  }
}
