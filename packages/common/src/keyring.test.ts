import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { Keyring, newKey, readKeyring } from "./keyring.ts";

const plain = Buffer.from("correct horse battery staple");

describe("Keyring", () => {
  it("opens what it sealed, for the same thing alone", () => {
    const keyring = new Keyring(newKey());
    const sealed = keyring.seal(plain, "a");
    assert.deepEqual(keyring.open(sealed, "a"), plain);
    assert.throws(() => keyring.open(sealed, "b"), { code: "internal", reason: "secretDamaged" });
  });

  it("never seals twice alike, and leaves nothing readable", () => {
    const keyring = new Keyring(newKey());
    const [one, two] = [keyring.seal(plain, "a").sealed, keyring.seal(plain, "a").sealed];
    assert.notDeepEqual(one, two);
    assert.ok(!Buffer.from(one).includes("horse"));
  });

  it("finds any change of what was sealed", () => {
    const keyring = new Keyring(newKey());
    const { sealed, keyId } = keyring.seal(plain, "a");
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      assert.throws(() => keyring.open({ sealed: changed, keyId }, "a"), { code: "internal" });
    }
    assert.throws(() => keyring.open({ sealed: Buffer.alloc(3), keyId }, "a"), {
      code: "internal",
    });
  });

  it("opens with an old key what it seals with a new one no more", () => {
    const [old, fresh] = [newKey(), newKey()];
    const sealed = new Keyring(old).seal(plain, "a");
    const both = new Keyring(`# since November\n${fresh}\n\n${old}\n`);
    assert.deepEqual(both.open(sealed, "a"), plain);
    const again = both.seal(plain, "a");
    assert.deepEqual(new Keyring(fresh).open(again, "a"), plain);
    assert.throws(() => new Keyring(fresh).open(sealed, "a"), {
      code: "unavailable",
      reason: "secretsKeyMissing",
    });
  });

  it("shows its keys to nobody who prints it, and no bad line in an error", () => {
    const key = newKey();
    assert.ok(!inspect(new Keyring(key), { depth: 9, showHidden: true }).includes(key.slice(0, 9)));
    assert.equal(JSON.stringify(new Keyring(key)), "{}");
    assert.throws(() => new Keyring(`${key}x`), { message: "key 1 is not 32 bytes in base64" });
    assert.throws(() => new Keyring("# nothing\n"), { code: "invalid" });
  });
});

describe("readKeyring", () => {
  let dir = "";
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "tidepool-keys-"));
  });
  after(() => rm(dir, { recursive: true }));

  it("reads a file that its owner alone may read", async () => {
    const path = join(dir, "key");
    await writeFile(path, `${newKey()}\n`, { mode: 0o600 });
    const keyring = await readKeyring(path);
    assert.deepEqual(keyring.open(keyring.seal(plain, "a"), "a"), plain);
    await chmod(path, 0o640);
    await assert.rejects(readKeyring(path), { code: "invalid", message: /others may read it/ });
  });

  it("names the file that is not there", async () => {
    await assert.rejects(readKeyring(join(dir, "none")), { message: /key file .*none: ENOENT/ });
  });
});
