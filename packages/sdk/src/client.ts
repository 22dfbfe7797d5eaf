/**
 * The client of Tidepool's API.
 *
 * Sent again by itself: reads, when the server was unavailable; an invocation, only when the server answered
 * that it is retryable, which it says only when nothing was started. A call whose connection broke is never
 * sent again: it may have run.
 */
import { systemClock, TidepoolError } from "@tidepool/common";
import { tidepoolService } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import { callDetails } from "./call-error.ts";
import {
  parseForecast,
  parseFunction,
  parseInvokeResult,
  parseLogLine,
  parsePools,
  parseTenant,
  settingsToWire,
  tenantSettingsToWire,
} from "./parse.ts";
import { parseExplanation } from "./parse-explanation.ts";
import { Transport } from "./transport.ts";
import type { CallLimits } from "./transport.ts";
import type {
  CallExplanation,
  Forecast,
  FunctionDescription,
  FunctionSettings,
  InvokeResult,
  LogLine,
  PoolsSnapshot,
  Tenant,
  TenantSettings,
} from "./types.ts";

export interface ConnectOptions {
  /** Longest to wait for the first connection; default connectTimeoutDefaultMs. */
  readonly connectTimeoutMs?: number;
  /** Longest that calls other than invoke and uploadCode may take; default timeoutDefaultMs. */
  readonly timeoutMs?: number;
}

export interface InvokeOptions extends CallLimits {
  /** Letters, digits, "-" and "_", at most 64; chosen by the server when absent. */
  readonly requestId?: string;
}

export interface LogOptions {
  /** Go on after the newest line, until the signal aborts. */
  readonly follow?: boolean;
  /** Old lines at most; the server's default when absent. */
  readonly limit?: number;
  /** Only lines of this request. */
  readonly requestId?: string;
  readonly signal?: AbortSignal;
}

export const connectTimeoutDefaultMs = 5_000;
export const timeoutDefaultMs = 10_000;
/** Times that one call is sent, at most. */
export const attemptsMax = 3;
/** Wait before the second attempt; doubles for the third. */
export const retryWaitMs = 100;
const uploadChunkBytes = 64 * 1024;

export class TidepoolClient {
  private readonly transport: Transport;
  private readonly timeoutMs: number;

  private constructor(transport: Transport, timeoutMs: number) {
    this.transport = transport;
    this.timeoutMs = timeoutMs;
  }

  /** @param address host:port. @throws TidepoolError `unavailable` when nobody answers there */
  static async connect(address: string, options: ConnectOptions = {}): Promise<TidepoolClient> {
    const transport = new Transport(address);
    try {
      await transport.ready(options.connectTimeoutMs ?? connectTimeoutDefaultMs);
    } catch (error) {
      transport.close();
      throw error;
    }
    return new TidepoolClient(transport, options.timeoutMs ?? timeoutDefaultMs);
  }

  close(): void {
    this.transport.close();
  }

  async createFunction(
    name: string,
    settings: FunctionSettings,
    limits: CallLimits = {},
  ): Promise<FunctionDescription> {
    const request = { name, settings: settingsToWire(settings) };
    return parseFunction(
      await this.transport.unary(tidepoolService.createFunction, request, this.within(limits)),
    );
  }

  /** Replaces all settings; what is absent gets its default. */
  async updateFunction(
    name: string,
    settings: FunctionSettings,
    limits: CallLimits = {},
  ): Promise<FunctionDescription> {
    const request = { name, settings: settingsToWire(settings) };
    return parseFunction(
      await this.transport.unary(tidepoolService.updateFunction, request, this.within(limits)),
    );
  }

  async getFunction(name: string, limits: CallLimits = {}): Promise<FunctionDescription> {
    return this.repeatRead(limits.signal, async () =>
      parseFunction(
        await this.transport.unary(tidepoolService.getFunction, { name }, this.within(limits)),
      ),
    );
  }

  async listFunctions(limits: CallLimits = {}): Promise<readonly FunctionDescription[]> {
    return this.repeatRead(limits.signal, async () => {
      const { functions } = await this.transport.unary(
        tidepoolService.listFunctions,
        {},
        this.within(limits),
      );
      return (functions ?? []).map(parseFunction);
    });
  }

  async deleteFunction(name: string, limits: CallLimits = {}): Promise<void> {
    await this.transport.unary(tidepoolService.deleteFunction, { name }, this.within(limits));
  }

  /** @param zip whole, or as it comes */
  async uploadCode(
    name: string,
    zip: Uint8Array | AsyncIterable<Uint8Array>,
    limits: CallLimits = {},
  ): Promise<FunctionDescription> {
    const requests = uploadRequests(name, zip);
    return parseFunction(
      await this.transport.clientStream(tidepoolService.uploadCode, requests, limits),
    );
  }

  /** @param payload what JSON can carry; the server's limit is 6 MiB */
  async invoke(
    name: string,
    payload: unknown = null,
    options: InvokeOptions = {},
  ): Promise<InvokeResult> {
    const { requestId = "", signal, timeoutMs } = options;
    const request = { name, payload: encodePayload(payload), requestId };
    const endsAtMs = systemClock.nowMs() + (timeoutMs ?? Infinity);
    return this.repeat(
      async () => {
        const leftMs = endsAtMs - systemClock.nowMs();
        const limits = { signal, timeoutMs: Number.isFinite(leftMs) ? leftMs : undefined };
        return parseInvokeResult(
          await this.transport.unary(tidepoolService.invoke, request, limits),
        );
      },
      (error, waitMs) => callDetails(error).maySendAgain && systemClock.nowMs() + waitMs < endsAtMs,
      signal,
    );
  }

  /** Now, and at each change, until the signal aborts. */
  async *watchPools(signal?: AbortSignal): AsyncGenerator<PoolsSnapshot> {
    const stream = this.transport.serverStream(tidepoolService.watchPools, {}, signal);
    for await (const snapshot of stream) yield parsePools(snapshot);
  }

  async getForecast(name: string, limits: CallLimits = {}): Promise<Forecast> {
    return this.repeatRead(limits.signal, async () =>
      parseForecast(
        await this.transport.unary(tidepoolService.getForecast, { name }, this.within(limits)),
      ),
    );
  }

  /** Why a call was cold or not. @throws TidepoolError `notFound` when nothing is recorded of it any more */
  async explainCall(requestId: string, limits: CallLimits = {}): Promise<CallExplanation> {
    return this.repeatRead(limits.signal, async () =>
      parseExplanation(
        await this.transport.unary(tidepoolService.explainCall, { requestId }, this.within(limits)),
      ),
    );
  }

  async getTenant(name: string, limits: CallLimits = {}): Promise<Tenant> {
    return this.repeatRead(limits.signal, async () =>
      parseTenant(
        await this.transport.unary(tidepoolService.getTenant, { name }, this.within(limits)),
      ),
    );
  }

  /** Replaces all its settings; what is absent gets its default. */
  async updateTenant(
    name: string,
    settings: TenantSettings,
    limits: CallLimits = {},
  ): Promise<Tenant> {
    const request = { name, settings: tenantSettingsToWire(settings) };
    return parseTenant(
      await this.transport.unary(tidepoolService.updateTenant, request, this.within(limits)),
    );
  }

  async *getLogs(name: string, options: LogOptions = {}): AsyncGenerator<LogLine> {
    const { signal, ...wanted } = options;
    const request = { name, ...wanted };
    const stream = this.transport.serverStream(tidepoolService.getLogs, request, signal);
    for await (const line of stream) yield parseLogLine(line);
  }

  private within({ timeoutMs = this.timeoutMs, signal }: CallLimits): CallLimits {
    return { timeoutMs, signal };
  }

  private repeatRead<T>(signal: AbortSignal | undefined, read: () => Promise<T>): Promise<T> {
    return this.repeat(read, ({ code }) => code === "unavailable", signal);
  }

  private async repeat<T>(
    send: () => Promise<T>,
    maySendAgain: (error: TidepoolError, waitMs: number) => boolean,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await send();
      } catch (thrown) {
        const error = TidepoolError.from(thrown);
        const waitMs = retryWaitMs * 2 ** (attempt - 1);
        if (attempt >= attemptsMax || !maySendAgain(error, waitMs)) throw error;
        await systemClock.sleep(waitMs, signal).catch(() => {
          throw error;
        });
      }
    }
  }
}

function encodePayload(payload: unknown): Uint8Array {
  const text = JSON.stringify(payload);
  if (text === undefined) {
    throw new TidepoolError("invalid", `a payload of type ${typeof payload} is not JSON`, {
      component: "client",
    });
  }
  return new TextEncoder().encode(text);
}

async function* uploadRequests(
  name: string,
  zip: Uint8Array | AsyncIterable<Uint8Array>,
): AsyncGenerator<tidepool.v1.UploadCodeRequest.$Properties> {
  yield { name };
  for await (const part of zip instanceof Uint8Array ? [zip] : zip) {
    for (let at = 0; at < part.byteLength; at += uploadChunkBytes) {
      yield { chunk: part.subarray(at, at + uploadChunkBytes) };
    }
  }
}
