import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KeptRecord } from "@tidepool/actors";
import { readBackup, writeBackup } from "./file.ts";

const records: readonly KeptRecord[] = [
  {
    head: { kind: "stream", name: "S", firstSequence: 3, lastSequence: 9 },
    data: new Uint8Array(),
  },
  ...[3, 9].map((sequence) => ({
    head: { kind: "message", subject: "s", sequence, headers: { Key: ["a", "b"] } } as const,
    data: new Uint8Array(1_500_000).fill(sequence),
  })),
];

describe("a backup's file", () => {
  let dir: string;
  let path: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "tidepool-backup-"));
    path = join(dir, "a.backup");
  });
  afterEach(() => rm(dir, { recursive: true }));

  async function* each(given: readonly KeptRecord[]): AsyncGenerator<KeptRecord> {
    yield* given;
  }
  const read = async (): Promise<KeptRecord[]> => {
    const found: KeptRecord[] = [];
    for await (const { head, data } of readBackup(path))
      found.push({ head, data: new Uint8Array(data) });
    return found;
  };

  it("is read as it was written, and is its owner's alone", async () => {
    const { messageCount, bytes } = await writeBackup(path, 0, each(records));
    assert.deepEqual(await read(), records);
    const { size, mode } = await stat(path);
    assert.deepEqual([messageCount, bytes, mode & 0o777], [2, size, 0o600]);
  });

  it("is named when it cannot be read or written", async () => {
    await assert.rejects(read(), {
      code: "invalid",
      message: `${path} cannot be read: ENOENT`,
    });
    const nowhere = join(dir, "none", "a.backup");
    const message = `${nowhere} cannot be written: ENOENT`;
    await assert.rejects(writeBackup(nowhere, 0, each(records)), { code: "invalid", message });
  });

  it("is not there when it could not be written whole", async () => {
    async function* failing(): AsyncGenerator<KeptRecord> {
      yield* records;
      await Promise.reject(new Error("nats went"));
    }
    await assert.rejects(writeBackup(path, 0, failing()), /nats went/);
    assert.deepEqual(await readdir(dir), []);
  });

  it("is refused when it was cut, changed, lengthened, or is something else", async () => {
    await writeBackup(path, 0, each(records));
    const whole = await readFile(path);
    const changed = Buffer.from(whole);
    changed.writeUInt8(1, 2_000_000);
    const wrongs = [
      [whole.subarray(0, 2_000_000), /ends within a record/],
      [Buffer.alloc(0), /ends too early/],
      [changed, /its checksum is another/],
      [Buffer.concat([whole, whole]), /out of order/],
      [Buffer.from("not a backup at all"), /a record of \d+ bytes, limit is/],
    ] as const;
    for (const [bytes, message] of wrongs) {
      await writeFile(path, bytes);
      await assert.rejects(read(), { code: "invalid", message });
    }
  });

  it("is refused when a later version wrote it", async () => {
    await writeBackup(path, 0, each([]));
    const later = (await readFile(path, "latin1")).replace('"version":1', '"version":2');
    await writeFile(path, later, "latin1");
    await assert.rejects(read(), /of version 2, this command reads up to 1/);
  });
});
