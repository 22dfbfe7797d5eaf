import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@tidepool/common";
import { Epochs } from "./epochs.ts";

describe("Epochs", () => {
  let dir: string;
  let path: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "tidepool-epochs-"));
    path = join(dir, "host", "epochs.json");
  });
  afterEach(() => rm(dir, { recursive: true }));

  const open = (leases = "bucket 1"): Epochs => {
    const epochs = new Epochs(path, silentLogger);
    epochs.load(leases);
    return epochs;
  };

  it("refuses what is older than was seen of that shard", () => {
    const epochs = open();
    epochs.check(1, 5);
    epochs.check(1, 5);
    epochs.check(2, 1);
    assert.throws(() => epochs.check(1, 4), {
      code: "stale",
      message: /shard 1 is at epoch 5, this command has 4/,
    });
    assert.equal(epochs.accepts(2, 0), false);
    epochs.check(1, 6);
  });

  it("are known to the next process from the moment that a command was obeyed", () => {
    const first = open();
    first.check(1, 5);
    const next = open();
    assert.throws(() => next.check(1, 4), { code: "stale" });
    next.check(1, 5);
    next.check(2, 1);
    assert.throws(() => open().check(1, 4), { code: "stale" });
  });

  it("begin anew with another bucket of leases", () => {
    open().check(1, 5);
    const next = open("bucket 2");
    next.check(1, 1);
    assert.throws(() => open("bucket 2").check(1, 0), { code: "stale" });
  });

  it("go on from nothing where the file is damaged or cannot be written", async () => {
    open().check(1, 5);
    await writeFile(path, "{");
    open().check(1, 4);
    await rm(join(dir, "host"), { recursive: true });
    await writeFile(join(dir, "host"), "a file");
    const epochs = open();
    epochs.check(1, 3);
    assert.throws(() => epochs.check(1, 2), { code: "stale" });
  });
});
