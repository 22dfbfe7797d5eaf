import assert from "node:assert/strict";
import { Keyring, newKey } from "@tidepool/common";
import { tidepool } from "@tidepool/proto";
import { Secrets } from "./secrets.ts";

type Bucket = ConstructorParameters<typeof Secrets>[0];
type Get = () => Promise<unknown>;

const key = newKey();
const aBucket = (get: Get): Bucket => ({ get }) as unknown as Bucket;

function sealed(name: string, value: string, keyring = new Keyring(key)): Get {
  const record = keyring.seal(Buffer.from(value), name);
  const bytes = tidepool.internal.v1.SecretRecord.encode(record).finish();
  return () => Promise.resolve({ operation: "PUT", value: bytes });
}

const failing: Record<string, [Get, Keyring | undefined, string, string]> = {
  "without a key file": [sealed("s", "v"), undefined, "unavailable", "secretsKeyMissing"],
  "sealed with a key that this host lacks": [
    sealed("s", "v", new Keyring(newKey())),
    new Keyring(key),
    "unavailable",
    "secretsKeyMissing",
  ],
  "that is not there": [() => Promise.resolve(null), new Keyring(key), "notFound", "secretMissing"],
  "that was deleted": [
    () => Promise.resolve({ operation: "DEL" }),
    new Keyring(key),
    "notFound",
    "secretMissing",
  ],
  "stored under another's name": [
    sealed("other", "v"),
    new Keyring(key),
    "internal",
    "secretDamaged",
  ],
  "while the store does not answer": [
    () => Promise.reject(new Error("no answer")),
    new Keyring(key),
    "unavailable",
    "storeSilent",
  ],
};

describe("Secrets of a host", () => {
  it("opens what a function names, by its variables", async () => {
    const secrets = new Secrets(aBucket(sealed("s", "välue")), new Keyring(key));
    assert.deepEqual(await secrets.open({ A: "s", B: "s" }), { A: "välue", B: "välue" });
  });

  it("asks nobody for a function that names none", async () => {
    const secrets = new Secrets(
      aBucket(() => Promise.reject(new Error("asked"))),
      undefined,
    );
    assert.deepEqual(await secrets.open({}), {});
  });

  for (const [what, [get, keyring, code, reason]] of Object.entries(failing)) {
    it(`names the secret and the reason for one ${what}`, async () => {
      const secrets = new Secrets(aBucket(get), keyring);
      await assert.rejects(secrets.open({ A: "s" }), {
        code,
        reason,
        component: "host",
        message: /^(no )?secret 's'/,
      });
    });
  }
});
