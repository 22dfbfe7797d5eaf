import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@tidepool/common";
import { VmRecords } from "./vm-records.ts";

const template = { config: { runtime: "nodejs20", memoryMib: 128 }, id: "t-1" };

describe("VmRecords", () => {
  let dir: string;
  let records: VmRecords;

  beforeEach(async () => {
    dir = join(await mkdtemp(join(tmpdir(), "tidepool-records-")), "records");
    records = new VmRecords(dir, silentLogger);
  });
  afterEach(() => rm(join(dir, ".."), { recursive: true }));

  it("gives back what was saved last, also to another process, and nothing where nothing was", async () => {
    assert.equal((await records.load()).size, 0);
    records.save({ vmId: "vm-1", template });
    records.save({ vmId: "vm-2", template });
    records.save({ vmId: "vm-1", template: { ...template, id: "t-2" } });
    await records.settled();
    const loaded = await new VmRecords(dir, silentLogger).load();
    assert.deepEqual([...loaded.keys()].sort(), ["vm-1", "vm-2"]);
    assert.equal(loaded.get("vm-1")?.template.id, "t-2");
  });

  it("has removed a record that was still being written when it says so", async () => {
    records.save({ vmId: "vm-1", template });
    await records.remove("vm-1");
    assert.deepEqual(await readdir(dir), []);
    await records.remove("vm-1");
  });

  it("passes over what is damaged, half written or of another format, and keeps none of it", async () => {
    records.save({ vmId: "vm-1", template });
    await records.settled();
    const text = await readFile(join(dir, "vm-1.json"), "utf8");
    await writeFile(join(dir, "vm-2.json"), text.slice(0, 10));
    await writeFile(join(dir, "vm-3.json"), text.replace('"format":1', '"format":2'));
    await writeFile(join(dir, "vm-4.json.new"), text);
    assert.deepEqual([...(await records.load()).keys()], ["vm-1"]);
    assert.deepEqual(await readdir(dir), ["vm-1.json"]);
  });

  it("keeps no record of a VM that was saved while its folder cannot be written", async () => {
    await writeFile(dir, "a file");
    records.save({ vmId: "vm-1", template });
    await records.settled();
    assert.equal((await records.load()).size, 0);
  });
});
