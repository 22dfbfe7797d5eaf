/**
 * The secrets that a function names, opened when its code is loaded and given to the guest alone: they are in
 * no record, fact, log line or trace of this host.
 */
import type { Storage } from "@tidepool/actors";
import { messageOf, TidepoolError } from "@tidepool/common";
import type { Keyring } from "@tidepool/common";
import { tidepool } from "@tidepool/proto";
import { orAborted, within } from "../within.ts";

/** Longest that reading one secret may take. */
export const secretReadMaxMs = 5_000;

export class Secrets {
  private readonly bucket: Pick<Storage["secrets"], "get">;
  private readonly keyring: Keyring | undefined;

  constructor(bucket: Pick<Storage["secrets"], "get">, keyring: Keyring | undefined) {
    this.bucket = bucket;
    this.keyring = keyring;
  }

  /**
   * Values by environment variable.
   * @param named variable to the secret's name
   * @throws TidepoolError `notFound`; `unavailable` without NATS or the key; `internal` when it was changed
   */
  async open(named: Readonly<Record<string, string>>): Promise<Record<string, string>> {
    const opened = await Promise.all(
      Object.entries(named).map(async ([variable, name]) => [variable, await this.value(name)]),
    );
    return Object.fromEntries(opened) as Record<string, string>;
  }

  private async value(name: string): Promise<string> {
    if (this.keyring === undefined) {
      throw new TidepoolError(
        "unavailable",
        `secret '${name}' cannot be opened: TIDEPOOL_SECRETS_KEY_FILE is not set on this host`,
        { component: "host", reason: "secretsKeyMissing" },
      );
    }
    const record = await this.read(name);
    if (record === undefined) {
      throw new TidepoolError("notFound", `no secret '${name}'`, {
        component: "host",
        reason: "secretMissing",
      });
    }
    try {
      return this.keyring.open(record, name).toString("utf8");
    } catch (thrown) {
      const { code, message, reason } = TidepoolError.from(thrown);
      throw new TidepoolError(code, `secret '${name}' cannot be opened: ${message}`, {
        cause: thrown,
        component: "host",
        ...(reason === undefined ? {} : { reason }),
      });
    }
  }

  private async read(name: string): Promise<tidepool.internal.v1.SecretRecord | undefined> {
    const late = (): TidepoolError =>
      new TidepoolError("unavailable", `no answer in ${secretReadMaxMs} ms`);
    try {
      const entry = await within(secretReadMaxMs, late, (signal) =>
        orAborted(this.bucket.get(name), signal),
      );
      if (entry?.operation !== "PUT") return undefined;
      return tidepool.internal.v1.SecretRecord.decode(entry.value);
    } catch (cause) {
      const message = `secret '${name}' cannot be read: ${messageOf(cause)}`;
      throw new TidepoolError("unavailable", message, {
        cause,
        component: "host",
        reason: "storeSilent",
      });
    }
  }
}
