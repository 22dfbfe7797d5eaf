/** Tokens: made, listed, revoked, and known again. Reading costs no round trip; a revocation is heard by a watch. */
import { timingSafeEqual } from "node:crypto";
import {
  digestOfToken,
  given,
  makeToken,
  messageOf,
  TidepoolError,
  tokenIdOf,
} from "@tidepool/common";
import type { Clock, Logger } from "@tidepool/common";
import { fromTimestamp, subjects, toTimestamp } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import { requireRoom } from "../count-limits.ts";
import { descriptionMaxBytes, tokenLifetimeMaxMs } from "../limits.ts";
import { unknownTenant } from "../tenants/unknown-tenant.ts";
import { holdsNoMore } from "./token-end.ts";
import { roleFromWire, roleToWire } from "./roles.ts";
import type { Role } from "./roles.ts";
import { isOperator } from "./visit.ts";
import type { Caller } from "./visit.ts";

export interface StoredToken {
  readonly id: string;
  readonly tenant: string;
  readonly role: Role;
  readonly description: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | undefined;
  /** A day, UTC; "" for never. */
  readonly lastUsedOn: string;
  /** SHA-256 of its text. */
  readonly digest: Uint8Array;
}

export interface TokenStore {
  /** From the copy. */
  get(id: string): StoredToken | undefined;
  values(): readonly StoredToken[];
  read(id: string): Promise<{ revision: number; value: StoredToken | undefined } | undefined>;
  /** Undefined when another writer was faster. */
  write(id: string, token: StoredToken, revision: number): Promise<unknown>;
  remove(id: string): Promise<void>;
}

export interface TokensOptions {
  readonly store: TokenStore;
  /** Makes the tenant's record where there is none. */
  readonly ensureTenant: (tenant: string) => Promise<void>;
  /** The operator's own token, which is stored nowhere; undefined: none. */
  readonly adminToken: string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

type TokenMaker = Pick<Caller, "tenant" | "role">;
type Wire = tidepool.v1.Token.$Properties;

const noDigest = Buffer.alloc(32);
const never = new AbortController().signal;

export class Tokens {
  private readonly options: TokensOptions;
  private readonly adminDigest: Buffer | undefined;
  private readonly endings = new Map<string, AbortController>();
  private readonly noting = new Set<string>();

  constructor(options: TokensOptions) {
    const { adminToken } = options;
    if (adminToken !== undefined && tokenIdOf(adminToken) === undefined) {
      throw new TidepoolError(
        "invalid",
        "the operator's token must be as tidepool token generate prints it",
      );
    }
    this.options = options;
    this.adminDigest = adminToken === undefined ? undefined : digestOfToken(adminToken);
  }

  /** Undefined for one that does not hold; takes the same time whatever is wrong with it. */
  identify(text: string): Caller | undefined {
    const digest = digestOfToken(text);
    const isAdmin = timingSafeEqual(digest, this.adminDigest ?? noDigest);
    const known = this.options.store.get(tokenIdOf(text) ?? "");
    const isKnown = timingSafeEqual(digest, known?.digest ?? noDigest);
    if (isAdmin) return { tenant: subjects.tenantDefault, role: "admin", revoked: never };
    if (!isKnown || known === undefined || this.hasExpired(known)) return undefined;
    this.noteUse(known);
    const { tenant, role, expiresAtMs } = known;
    return { tenant, role, revoked: this.endingOf(known.id).signal, ...given({ expiresAtMs }) };
  }

  /** To be told of each token that is gone, whoever revoked it. */
  revoked(id: string): void {
    this.endings.get(id)?.abort(holdsNoMore("the token was revoked"));
    this.endings.delete(id);
  }

  /** Of one's own tenant, but for operators. @throws TidepoolError `invalid`, `notFound` */
  async create(
    request: tidepool.v1.CreateTokenRequest.$Properties,
    caller: TokenMaker,
  ): Promise<tidepool.v1.CreateTokenResponse.$Properties> {
    const { store, clock, ensureTenant } = this.options;
    const { tenant, role, description, lifetimeMs } = parseWish(request, caller.tenant);
    if (!reaches(caller, tenant)) throw unknownTenant(tenant);
    const tenants = store.values().map((each) => each.tenant);
    requireRoom("tokens", tenant, tenants);
    await ensureTenant(tenant);
    const { id, text, digest } = makeToken();
    const createdAtMs = clock.nowMs();
    const expiresAtMs = lifetimeMs === 0 ? undefined : createdAtMs + lifetimeMs;
    const token = {
      id,
      tenant,
      role,
      description,
      createdAtMs,
      expiresAtMs,
      lastUsedOn: "",
      digest,
    };
    if ((await store.write(id, token, 0)) === undefined) {
      throw new TidepoolError("stale", `token '${id}' was there already`);
    }
    return { token: tokenToWire(token), text };
  }

  /** By tenant, then by age. @param tenant "" for all that the caller may see */
  list(tenant: string, caller: TokenMaker): Wire[] {
    return this.options.store
      .values()
      .filter((token) => reaches(caller, token.tenant))
      .filter((token) => tenant === "" || token.tenant === tenant)
      .toSorted((a, b) => a.tenant.localeCompare(b.tenant) || a.createdAtMs - b.createdAtMs)
      .map(tokenToWire);
  }

  /** @throws TidepoolError `notFound` */
  async revoke(id: string, caller: TokenMaker): Promise<void> {
    const { store } = this.options;
    const isId = /^[0-9a-f]{16}$/.test(id);
    const found = isId ? (await store.read(id))?.value : undefined;
    if (found === undefined || !reaches(caller, found.tenant)) {
      throw new TidepoolError("notFound", `no token '${id.slice(0, 16)}'`);
    }
    await store.remove(id);
  }

  private hasExpired({ expiresAtMs }: StoredToken): boolean {
    return expiresAtMs !== undefined && this.options.clock.nowMs() >= expiresAtMs;
  }

  private endingOf(id: string): AbortController {
    const ending = this.endings.get(id) ?? new AbortController();
    this.endings.set(id, ending);
    return ending;
  }

  /** Once a day and frontend; what fails is tried with the next call. */
  private noteUse(token: StoredToken): void {
    const { store, clock, logger } = this.options;
    const { id } = token;
    const today = new Date(clock.nowMs()).toISOString().slice(0, 10);
    if (token.lastUsedOn >= today || this.noting.has(id)) return;
    this.noting.add(id);
    const note = async (): Promise<void> => {
      const stored = await store.read(id);
      if (stored?.value === undefined) return;
      await store.write(id, { ...stored.value, lastUsedOn: today }, stored.revision);
    };
    note()
      .catch((error: unknown) => {
        logger.warn("use of a token not noted", { token: id, error: messageOf(error) });
      })
      .finally(() => this.noting.delete(id));
  }
}

function reaches(caller: TokenMaker, tenant: string): boolean {
  return caller.tenant === tenant || isOperator(caller);
}

/** @param own the tenant of who asks */
function parseWish(request: tidepool.v1.CreateTokenRequest.$Properties, own: string) {
  const tenant = request.tenant || own;
  const role = roleFromWire(request.role);
  const description = request.description ?? "";
  const lifetimeMs = request.lifetimeMs ?? 0;
  const problems: string[] = [];
  if (!subjects.isTenant(tenant)) {
    problems.push(
      `tenant '${tenant.slice(0, 80)}' must begin with a small letter and have at most ${subjects.tenantLengthMax} small letters, digits and '-'`,
    );
  }
  if (Buffer.byteLength(description) > descriptionMaxBytes) {
    problems.push(
      `description has ${Buffer.byteLength(description)} bytes, the limit is ${descriptionMaxBytes}`,
    );
  }
  if (!(lifetimeMs >= 0 && lifetimeMs <= tokenLifetimeMaxMs)) {
    problems.push(`lifetime of ${lifetimeMs} ms must be 0 to ${tokenLifetimeMaxMs} ms`);
  }
  if (role === undefined) problems.push("the role must be admin, deployer, invoker or viewer");
  if (role === undefined || problems.length > 0) {
    throw new TidepoolError("invalid", problems.join("; "));
  }
  return { tenant, role, description, lifetimeMs };
}

export function tokenToWire(token: StoredToken): Wire {
  const { id, tenant, role, description, createdAtMs, expiresAtMs, lastUsedOn } = token;
  return {
    id,
    tenant,
    role: roleToWire(role),
    description,
    createdAt: toTimestamp(createdAtMs),
    ...(expiresAtMs === undefined ? {} : { expiresAt: toTimestamp(expiresAtMs) }),
    lastUsedOn,
  };
}

/** @throws TidepoolError `invalid` when it was not written by a frontend, or by a newer one with other roles */
export function parseToken(wire: Wire | null | undefined, digest: Uint8Array): StoredToken {
  const role = roleFromWire(wire?.role);
  if (!wire?.id || !wire.tenant || role === undefined || digest.byteLength !== 32) {
    throw new TidepoolError("invalid", `token '${wire?.id}' cannot be read`);
  }
  return {
    id: wire.id,
    tenant: wire.tenant,
    role,
    description: wire.description ?? "",
    createdAtMs: fromTimestamp(wire.createdAt) ?? 0,
    expiresAtMs: fromTimestamp(wire.expiresAt),
    lastUsedOn: wire.lastUsedOn ?? "",
    digest,
  };
}
