/**
 * Secrets of functions. A value comes in, is sealed here, and is never given out again: host-agents, which hold
 * the same keys, open it when they load a function that names it.
 */
import { TidepoolError } from "@tidepool/common";
import type { Clock, Keyring } from "@tidepool/common";
import { subjects, toTimestamp } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import { requireRoomFor } from "../count-limits.ts";
import { secretMaxBytes } from "../limits.ts";
import type { SecretStore, StoredSecret } from "../ports.ts";

export interface SecretsOptions {
  readonly store: SecretStore;
  /** Undefined: none was configured. */
  readonly keyring: Keyring | undefined;
  /** By secret, the functions any version of which names it. */
  readonly users: () => ReadonlyMap<string, readonly string[]>;
  readonly clock: Clock;
}

type Wire = tidepool.v1.Secret.$Properties;

export class Secrets {
  private readonly options: SecretsOptions;

  constructor(options: SecretsOptions) {
    this.options = options;
  }

  /** @throws TidepoolError `invalid`, `tooLarge`; `unavailable` without keys */
  async put({ name, value }: tidepool.v1.PutSecretRequest.$Properties): Promise<Wire> {
    const { store, keyring, clock } = this.options;
    const known = parseSecretName(name);
    if (keyring === undefined) {
      throw new TidepoolError(
        "unavailable",
        "this frontend has no key for secrets: TIDEPOOL_SECRETS_KEY_FILE is not set",
        { component: "frontend", reason: "secretsKeyMissing" },
      );
    }
    const plain = value ?? new Uint8Array();
    if (plain.byteLength === 0) {
      throw new TidepoolError("invalid", `the value of secret '${known}' is empty`);
    }
    if (plain.byteLength > secretMaxBytes) {
      throw new TidepoolError(
        "tooLarge",
        `the value of secret '${known}' has ${plain.byteLength} bytes, the limit is ${secretMaxBytes}`,
      );
    }
    // It becomes an environment variable.
    if (plain.includes(0) || !isUtf8(plain)) {
      throw new TidepoolError("invalid", `the value of secret '${known}' must be text without NUL`);
    }
    const sealed = keyring.seal(plain, known);
    const nowMs = clock.nowMs();
    const stored = await store.put(known, (before) => {
      if (before === undefined) {
        const names = store.list().map(({ name: each }) => each);
        requireRoomFor("secrets", known, names);
      }
      return { ...sealed, createdAtMs: before?.createdAtMs ?? nowMs, updatedAtMs: nowMs };
    });
    return toWire(known, stored, this.options.users());
  }

  /** By name. */
  list(): readonly Wire[] {
    const users = this.options.users();
    return this.options.store.list().map(({ name, secret }) => toWire(name, secret, users));
  }

  /** @throws TidepoolError `notFound`; `wrongPhase` while a function names it */
  async remove(name: string | undefined): Promise<void> {
    const known = parseSecretName(name);
    const usedBy = this.options.users().get(known) ?? [];
    if (usedBy.length > 0) {
      throw new TidepoolError(
        "wrongPhase",
        `secret '${known}' is named by function '${usedBy.slice(0, 5).join("', '")}'`,
        { component: "client", reason: "secretInUse" },
      );
    }
    await this.options.store.remove(known);
  }

  /** @throws TidepoolError `invalid` when one is not there */
  async requireAll(names: readonly string[]): Promise<void> {
    const missing: string[] = [];
    for (const name of new Set(names)) {
      if ((await this.options.store.find(name)) === undefined) missing.push(name);
    }
    if (missing.length === 0) return;
    throw new TidepoolError("invalid", `no secret '${missing.join("', '")}'`, {
      component: "client",
      reason: "secretMissing",
    });
  }
}

function toWire(
  name: string,
  { createdAtMs, updatedAtMs }: StoredSecret,
  users: ReadonlyMap<string, readonly string[]>,
): Wire {
  return {
    name,
    createdAt: toTimestamp(createdAtMs),
    updatedAt: toTimestamp(updatedAtMs),
    usedBy: [...(users.get(name) ?? [])],
  };
}

function parseSecretName(name: string | undefined): string {
  if (name !== undefined && subjects.isToken(name)) return name;
  throw new TidepoolError(
    "invalid",
    `secret name '${(name ?? "").slice(0, 80)}' must have 1 to ${subjects.tokenLengthMax} letters, digits, '-' or '_'`,
  );
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
