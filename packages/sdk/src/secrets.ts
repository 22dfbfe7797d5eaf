/** Secrets of functions: a value goes in, and never comes out again. */
import { fromTimestamp, tidepoolService } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import type { Caller } from "./caller.ts";
import type { CallLimits } from "./transport.ts";

export interface Secret {
  readonly name: string;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
  /** Functions that name it. */
  readonly usedBy: readonly string[];
}

export class SecretsClient {
  private readonly caller: Caller;

  constructor(caller: Caller) {
    this.caller = caller;
  }

  /** Stores a secret, or a new value of it. @param value text, at most 4 KiB */
  async put(name: string, value: string, limits: CallLimits = {}): Promise<Secret> {
    const request = { name, value: new TextEncoder().encode(value) };
    return parseSecret(await this.caller.change(tidepoolService.putSecret, request, limits));
  }

  /** By name. */
  async list(limits: CallLimits = {}): Promise<readonly Secret[]> {
    const { secrets } = await this.caller.read(tidepoolService.listSecrets, {}, limits);
    return (secrets ?? []).map(parseSecret);
  }

  /** @throws TidepoolError `wrongPhase` while a function names it */
  async delete(name: string, limits: CallLimits = {}): Promise<void> {
    await this.caller.change(tidepoolService.deleteSecret, { name }, limits);
  }
}

function parseSecret(wire: tidepool.v1.Secret.$Properties): Secret {
  return {
    name: wire.name ?? "",
    createdAtMs: fromTimestamp(wire.createdAt) ?? 0,
    updatedAtMs: fromTimestamp(wire.updatedAt) ?? 0,
    usedBy: wire.usedBy ?? [],
  };
}
