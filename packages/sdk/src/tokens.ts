/** Tokens, for operators: a token's text is told once, when it is made. */
import { fromTimestamp, tidepool, tidepoolService } from "@tidepool/proto";
import type { Caller } from "./caller.ts";
import type { CallLimits } from "./transport.ts";

/** admin: everything; deployer: its tenant's functions; invoker: calls only; viewer: reads only. */
export type TokenRole = "admin" | "deployer" | "invoker" | "viewer";

export interface TokenDescription {
  readonly id: string;
  readonly tenant: string;
  /** Undefined: one that only a newer client knows. */
  readonly role: TokenRole | undefined;
  readonly description: string;
  readonly createdAtMs: number;
  /** Undefined: never. */
  readonly expiresAtMs: number | undefined;
  /** A day, UTC, as "2026-11-23"; undefined: never used. */
  readonly lastUsedOn: string | undefined;
}

export interface NewToken extends TokenDescription {
  /** What calls carry. It cannot be had again. */
  readonly text: string;
}

export interface TokenWish {
  readonly role: TokenRole;
  /** There is one from its first token on; absent: "default". */
  readonly tenant?: string;
  readonly description?: string;
  /** Absent: it never expires. */
  readonly lifetimeMs?: number;
}

const { Role } = tidepool.v1;

const wireRoles: readonly (readonly [TokenRole, tidepool.v1.Role])[] = [
  ["admin", Role.ROLE_ADMIN],
  ["deployer", Role.ROLE_DEPLOYER],
  ["invoker", Role.ROLE_INVOKER],
  ["viewer", Role.ROLE_VIEWER],
];

export class TokensClient {
  private readonly caller: Caller;

  constructor(caller: Caller) {
    this.caller = caller;
  }

  async create(wish: TokenWish, limits: CallLimits = {}): Promise<NewToken> {
    const { tenant = "", description = "", lifetimeMs = 0 } = wish;
    const role = wireRoles.find(([name]) => name === wish.role)?.[1] ?? Role.ROLE_UNSPECIFIED;
    const request = { tenant, description, lifetimeMs, role };
    const { token, text } = await this.caller.change(tidepoolService.createToken, request, limits);
    return { ...parseToken(token ?? {}), text: text ?? "" };
  }

  /** By tenant, then by age. @param tenant absent: of all */
  async list(tenant = "", limits: CallLimits = {}): Promise<readonly TokenDescription[]> {
    const { tokens } = await this.caller.read(tidepoolService.listTokens, { tenant }, limits);
    return (tokens ?? []).map(parseToken);
  }

  /** Every frontend refuses it within a second. @throws TidepoolError `notFound` */
  async revoke(id: string, limits: CallLimits = {}): Promise<void> {
    await this.caller.change(tidepoolService.revokeToken, { id }, limits);
  }
}

function parseToken(wire: tidepool.v1.Token.$Properties): TokenDescription {
  return {
    id: wire.id ?? "",
    tenant: wire.tenant ?? "",
    role: wireRoles.find(([, value]) => value === wire.role)?.[0],
    description: wire.description ?? "",
    createdAtMs: fromTimestamp(wire.createdAt) ?? 0,
    expiresAtMs: fromTimestamp(wire.expiresAt),
    lastUsedOn: wire.lastUsedOn || undefined,
  };
}
