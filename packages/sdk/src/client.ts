/**
 * The client of Tidepool's API.
 *
 * Sent again by itself: reads, when the server was unavailable; an invocation, only when the server answered
 * that it is retryable, which it says only when nothing was started. A call whose connection broke is never
 * sent again: it may have run.
 */
import { randomUUID } from "node:crypto";
import { TidepoolError } from "@tidepool/common";
import { tidepoolService, toTimestamp } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import { invokeAsync, parseAcceptedCall, waitForInvocation } from "./accepted-calls.ts";
import type {
  AcceptedCall,
  Acceptance,
  InvokeAsyncOptions,
  WaitOptions,
} from "./accepted-calls.ts";
import { DeadLettersClient } from "./dead-letters.ts";
import {
  encodePayload,
  parseForecast,
  parseFunction,
  parseLogLine,
  parsePools,
  parseTenant,
  tenantSettingsToWire,
} from "./parse.ts";
import { parseExplanation } from "./parse-explanation.ts";
import { Caller } from "./caller.ts";
import { parseSettings, settingsToWire } from "./settings.ts";
import type { CompleteSettings, FunctionSettings } from "./settings.ts";
import { HostsClient } from "./hosts.ts";
import { invoke } from "./invoke.ts";
import type { InvokeOptions } from "./invoke.ts";
import { SchedulesClient } from "./schedules.ts";
import { SecretsClient } from "./secrets.ts";
import { TokensClient } from "./tokens.ts";
import { StreamedAnswer } from "./streamed-answer.ts";
import { SubscriptionsClient } from "./subscriptions.ts";
import type { DeletedTriggers } from "./types.ts";
import { parseUsage } from "./usage.ts";
import type { UsageOptions, UsageRecord } from "./usage.ts";
import { Transport } from "./transport.ts";
import type { CallLimits, TlsOptions } from "./transport.ts";
import { aliasToWire, parseAlias, parseVersion } from "./versions.ts";
import type { Alias, AliasWish, FunctionVersion } from "./versions.ts";
import type {
  CallExplanation,
  Forecast,
  FunctionDescription,
  InvokeResult,
  LogLine,
  PoolsSnapshot,
  Tenant,
  TenantSettings,
} from "./types.ts";

export interface ConnectOptions {
  /** Longest to wait for the first connection; default connectTimeoutDefaultMs. */
  readonly connectTimeoutMs?: number;
  /** Absent: plain text. */
  readonly tls?: TlsOptions;
  /** As `tidepool token create` printed it; where calls need none: absent. */
  readonly token?: string;
  /** Longest that calls other than invoke and uploadCode may take; default timeoutDefaultMs, for changes changeTimeoutDefaultMs. */
  readonly timeoutMs?: number;
}

export interface ChangeOptions extends CallLimits {
  /** Refused with `stale` when the function's is another. */
  readonly revision?: string;
}

export interface UploadOptions extends ChangeOptions {
  /** New ones for this version; absent: those that the function has. */
  readonly settings?: FunctionSettings;
  /** Of the version, for people. */
  readonly description?: string;
  /** The active version stays as it is. */
  readonly keepActive?: boolean;
}

export interface LogOptions {
  /** Only lines of this version. */
  readonly version?: string;
  /** Only lines since then; absent: all that are kept. */
  readonly fromMs?: number;
  /** Go on after the newest line, until the signal aborts. */
  readonly follow?: boolean;
  /** Old lines at most; the server's default when absent. */
  readonly limit?: number;
  /** Only lines of this request. */
  readonly requestId?: string;
  readonly signal?: AbortSignal;
}

export const connectTimeoutDefaultMs = 5_000;
const uploadChunkBytes = 64 * 1024;

export class TidepoolClient {
  readonly schedules: SchedulesClient;
  readonly secrets: SecretsClient;
  readonly subscriptions: SubscriptionsClient;
  readonly deadLetters: DeadLettersClient;
  readonly hosts: HostsClient;
  readonly tokens: TokensClient;
  private readonly caller: Caller;

  private constructor(caller: Caller) {
    this.caller = caller;
    this.schedules = new SchedulesClient(caller);
    this.secrets = new SecretsClient(caller);
    this.subscriptions = new SubscriptionsClient(caller);
    this.deadLetters = new DeadLettersClient(caller);
    this.hosts = new HostsClient(caller);
    this.tokens = new TokensClient(caller);
  }

  /**
   * @param address host:port, or several with commas: IP addresses, of which calls take turns. A DNS name that
   *   stands for several is taken the same way.
   * @throws TidepoolError `unavailable` when nobody answers there
   */
  static async connect(address: string, options: ConnectOptions = {}): Promise<TidepoolClient> {
    const transport = new Transport(address, options.tls, options.token);
    try {
      await transport.ready(options.connectTimeoutMs ?? connectTimeoutDefaultMs);
    } catch (error) {
      transport.close();
      throw error;
    }
    return new TidepoolClient(new Caller(transport, options.timeoutMs));
  }

  close(): void {
    this.caller.transport.close();
  }

  async createFunction(
    name: string,
    settings: FunctionSettings,
    limits: CallLimits = {},
  ): Promise<FunctionDescription> {
    const request = { name, settings: settingsToWire(settings) };
    return parseFunction(await this.caller.change(tidepoolService.createFunction, request, limits));
  }

  /** What the server would make of these settings, defaults filled in; stores nothing. @throws TidepoolError `invalid` */
  async checkSettings(
    name: string,
    settings: FunctionSettings,
    limits: CallLimits = {},
  ): Promise<CompleteSettings> {
    const request = { name, settings: settingsToWire(settings) };
    return parseSettings(await this.caller.read(tidepoolService.checkSettings, request, limits));
  }

  /** Replaces all settings; what is absent gets its default. */
  async updateFunction(
    name: string,
    settings: FunctionSettings,
    { revision = "", ...limits }: ChangeOptions = {},
  ): Promise<FunctionDescription> {
    const request = { name, settings: settingsToWire(settings), revision };
    return parseFunction(await this.caller.change(tidepoolService.updateFunction, request, limits));
  }

  async getFunction(name: string, limits: CallLimits = {}): Promise<FunctionDescription> {
    return parseFunction(await this.caller.read(tidepoolService.getFunction, { name }, limits));
  }

  async listFunctions(limits: CallLimits = {}): Promise<readonly FunctionDescription[]> {
    const { functions } = await this.caller.read(tidepoolService.listFunctions, {}, limits);
    return (functions ?? []).map(parseFunction);
  }

  /** With its schedules and subscriptions: resolves with their names. */
  async deleteFunction(name: string, limits: CallLimits = {}): Promise<DeletedTriggers> {
    const { schedules, subscriptions } = await this.caller.change(
      tidepoolService.deleteFunction,
      { name },
      limits,
    );
    return { schedules: schedules ?? [], subscriptions: subscriptions ?? [] };
  }

  /** Makes a new version. @param zip whole, or as it comes */
  async uploadCode(
    name: string,
    zip: Uint8Array | AsyncIterable<Uint8Array>,
    options: UploadOptions = {},
  ): Promise<FunctionDescription> {
    const { signal, timeoutMs, settings, ...said } = options;
    const limits = { signal, timeoutMs };
    const wire = settings === undefined ? {} : { settings: settingsToWire(settings) };
    const requests = uploadRequests({ name, ...said, ...wire }, zip);
    return parseFunction(
      await this.caller.transport.clientStream(tidepoolService.uploadCode, requests, limits),
    );
  }

  /** Creates the function where there is none, and makes settings and code one new version of it. */
  async deploy(
    name: string,
    settings: FunctionSettings,
    zip: Uint8Array | AsyncIterable<Uint8Array>,
    options: Omit<UploadOptions, "settings"> = {},
  ): Promise<FunctionDescription> {
    const { signal } = options;
    const isNew = await this.getFunction(name, { signal }).then(
      () => false,
      (error: unknown) => {
        if (error instanceof TidepoolError && error.code === "notFound") return true;
        throw error;
      },
    );
    if (isNew) await this.createFunction(name, settings, { signal });
    try {
      return await this.uploadCode(name, zip, { ...options, settings });
    } catch (error) {
      // Refused code leaves no function behind that nobody can call; the upload's error is what matters.
      if (isNew) await this.deleteWithoutCode(name).catch(() => undefined);
      throw error;
    }
  }

  /** What has code by now is left: the answer to its upload was lost, or somebody else's upload came first. */
  private async deleteWithoutCode(name: string): Promise<void> {
    const { version } = await this.getFunction(name);
    if (version === undefined) await this.deleteFunction(name);
  }

  /** Newest first. */
  async listVersions(name: string, limits: CallLimits = {}): Promise<readonly FunctionVersion[]> {
    const { versions } = await this.caller.read(tidepoolService.listVersions, { name }, limits);
    return (versions ?? []).map(parseVersion);
  }

  /** Lets calls without a qualifier run this version. No call fails for it; all run it within a second. */
  async activateVersion(
    name: string,
    version: string,
    { revision = "", ...limits }: ChangeOptions = {},
  ): Promise<FunctionDescription> {
    const request = { name, version, revision };
    return parseFunction(
      await this.caller.change(tidepoolService.activateVersion, request, limits),
    );
  }

  /** Activates the version that was active before. */
  rollback(name: string, options: ChangeOptions = {}): Promise<FunctionDescription> {
    return this.activateVersion(name, "", options);
  }

  /** Creates the alias or replaces all of it. */
  async putAlias(functionName: string, alias: AliasWish, limits: CallLimits = {}): Promise<Alias> {
    const request = { functionName, alias: aliasToWire(alias) };
    return parseAlias(await this.caller.change(tidepoolService.putAlias, request, limits));
  }

  /** By name. */
  async listAliases(functionName: string, limits: CallLimits = {}): Promise<readonly Alias[]> {
    const request = { functionName };
    const { aliases } = await this.caller.read(tidepoolService.listAliases, request, limits);
    return (aliases ?? []).map(parseAlias);
  }

  async deleteAlias(functionName: string, name: string, limits: CallLimits = {}): Promise<void> {
    await this.caller.change(tidepoolService.deleteAlias, { functionName, name }, limits);
  }

  /** @param payload what JSON can carry; the server's limit is 6 MiB */
  async invoke(
    name: string,
    payload: unknown = null,
    options: InvokeOptions = {},
  ): Promise<InvokeResult> {
    return invoke(this.caller, name, payload, options);
  }

  /** The answer as the function writes it. Nothing is sent before its bytes, or its beginning, are asked for. */
  invokeStream(
    name: string,
    payload: unknown = null,
    options: Omit<InvokeOptions, "attemptsMax"> = {},
  ): StreamedAnswer {
    const { requestId: wished, qualifier = "", ...limits } = options;
    const requestId = wished || randomUUID();
    const request = { name, payload: encodePayload(payload), requestId, qualifier };
    return new StreamedAnswer(this.caller, request, limits);
  }

  /** Resolves when the call is accepted: it runs later, at least once. */
  invokeAsync(
    name: string,
    payload: unknown = null,
    options: InvokeAsyncOptions = {},
  ): Promise<Acceptance> {
    return invokeAsync(this.caller, name, payload, options);
  }

  /** What became of an accepted call. @throws TidepoolError `notFound` 24 hours after its end */
  async getInvocation(requestId: string, limits: CallLimits = {}): Promise<AcceptedCall> {
    return parseAcceptedCall(
      await this.caller.read(tidepoolService.getInvocation, { requestId }, limits),
    );
  }

  /** The accepted call when it has ended, in whatever way. @throws TidepoolError `timeout` */
  waitForInvocation(requestId: string, options: WaitOptions = {}): Promise<AcceptedCall> {
    return waitForInvocation(this.caller, requestId, options);
  }

  /** It is not begun any more, and stopped if it runs. One that has ended stays as it is. */
  async cancelInvocation(requestId: string, limits: CallLimits = {}): Promise<AcceptedCall> {
    return parseAcceptedCall(
      await this.caller.read(tidepoolService.cancelInvocation, { requestId }, limits),
    );
  }

  /** Now, and at each change, until the signal aborts. */
  async *watchPools(signal?: AbortSignal): AsyncGenerator<PoolsSnapshot> {
    const stream = this.caller.transport.serverStream(tidepoolService.watchPools, {}, signal);
    for await (const snapshot of stream) yield parsePools(snapshot);
  }

  async getForecast(name: string, limits: CallLimits = {}): Promise<Forecast> {
    return parseForecast(await this.caller.read(tidepoolService.getForecast, { name }, limits));
  }

  /** Why a call was cold or not. @throws TidepoolError `notFound` when nothing is recorded of it any more */
  async explainCall(requestId: string, limits: CallLimits = {}): Promise<CallExplanation> {
    return parseExplanation(
      await this.caller.read(tidepoolService.explainCall, { requestId }, limits),
    );
  }

  async getTenant(name: string, limits: CallLimits = {}): Promise<Tenant> {
    return parseTenant(await this.caller.read(tidepoolService.getTenant, { name }, limits));
  }

  /** Replaces all its settings; what is absent gets its default. */
  async updateTenant(
    name: string,
    settings: TenantSettings,
    limits: CallLimits = {},
  ): Promise<Tenant> {
    const request = { name, settings: tenantSettingsToWire(settings) };
    return parseTenant(await this.caller.change(tidepoolService.updateTenant, request, limits));
  }

  /** @param name "" for all functions */
  async *getLogs(name: string, options: LogOptions = {}): AsyncGenerator<LogLine> {
    const { signal, fromMs, ...wanted } = options;
    const fromAt = fromMs === undefined ? {} : { fromAt: toTimestamp(fromMs) };
    const request = { name, ...wanted, ...fromAt };
    const stream = this.caller.transport.serverStream(tidepoolService.getLogs, request, signal);
    for await (const line of stream) yield parseLogLine(line);
  }

  /** What functions used: the records that are kept, then, with follow, each new one. */
  async *getUsage(options: UsageOptions = {}): AsyncGenerator<UsageRecord> {
    const { name = "", follow = false, fromMs, signal } = options;
    const fromAt = fromMs === undefined ? {} : { fromAt: toTimestamp(fromMs) };
    const request = { functionName: name, follow, ...fromAt };
    const stream = this.caller.transport.serverStream(tidepoolService.getUsage, request, signal);
    for await (const record of stream) yield parseUsage(record);
  }
}

async function* uploadRequests(
  start: tidepool.v1.UploadStart.$Properties,
  zip: Uint8Array | AsyncIterable<Uint8Array>,
): AsyncGenerator<tidepool.v1.UploadCodeRequest.$Properties> {
  yield { start };
  for await (const part of zip instanceof Uint8Array ? [zip] : zip) {
    for (let at = 0; at < part.byteLength; at += uploadChunkBytes) {
      yield { chunk: part.subarray(at, at + uploadChunkBytes) };
    }
  }
}
