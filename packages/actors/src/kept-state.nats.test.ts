import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@tidepool/common";
import { subjects, tidepool } from "@tidepool/proto";
import { ensureAsyncStorage } from "./async-storage.ts";
import { connectBus } from "./bus.ts";
import type { Bus } from "./bus.ts";
import { backedUp, checkStopped, notBackedUp, readState, writeState } from "./kept-state.ts";
import type { KeptRecord } from "./kept-state.ts";
import { startNatsServer } from "./nats-server.ts";
import type { NatsServer } from "./nats-server.ts";
import { ensureStorage } from "./storage.ts";

const { HostHeartbeat } = tidepool.internal.v1;
const gentle = { isForced: false, isWithoutCalls: false };

describe("kept state", () => {
  let dir: string;
  const servers: NatsServer[] = [];
  const buses: Bus[] = [];
  let from: Bus;
  let to: Bus;

  const start = async (name: string): Promise<Bus> => {
    const server = await startNatsServer({ storeDir: join(dir, name) });
    servers.push(server);
    const options = {
      servers: server.url,
      name,
      component: "client",
      logger: silentLogger,
    } as const;
    const bus = await connectBus(options);
    buses.push(bus);
    return bus;
  };
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "tidepool-kept-"));
    [from, to] = [await start("from"), await start("to")];
  });
  afterEach(async () => {
    for (const bus of buses.splice(0)) await bus.close();
    for (const server of servers.splice(0)) await server.stop();
    await rm(dir, { recursive: true });
  });

  const read = async (bus: Bus): Promise<KeptRecord[]> => {
    const records: KeptRecord[] = [];
    for await (const record of readState(bus)) records.push(record);
    return records;
  };
  async function* each(records: readonly KeptRecord[]): AsyncGenerator<KeptRecord> {
    yield* records;
  }
  const fill = async (): Promise<void> => {
    const { functions, leases, code, client, manager } = await ensureStorage(from);
    const { invocations } = await ensureAsyncStorage(from);
    await functions.put("gone", "x");
    await functions.delete("gone");
    await functions.create("kept", "1");
    await functions.put("kept", "2");
    await leases.put("shard.3", "epoch 7");
    await leases.put("member.s-1", "alive");
    await code.putBlob({ name: "digest" }, Buffer.alloc(300_000, 7));
    for (let count = 1; count <= 6; count++)
      await client.publish(subjects.arrivals(1), `batch ${count}`, { msgID: `id-${count}` });
    await manager.streams.purge(subjects.streams.arrivals, { seq: 3 });
    await manager.streams.deleteMessage(subjects.streams.arrivals, 5);
    await invocations.put("r-1", "accepted");
    await client.publish(subjects.work(2, "r-1"), "work");
  };

  it("comes back as it was: buckets, code, work, and arrivals at their sequences", async () => {
    await fill();
    await writeState(to, each(await read(from)), gentle);
    const { functions, leases, code, manager } = await ensureStorage(to);
    assert.equal((await functions.get("kept"))?.string(), "2");
    assert.equal(await functions.get("gone"), null);
    assert.equal((await leases.get("shard.3"))?.string(), "epoch 7");
    assert.equal(await leases.get("member.s-1"), null);
    assert.deepEqual(await code.getBlob("digest"), new Uint8Array(300_000).fill(7));
    const { streams } = manager;
    const arrivals = subjects.streams.arrivals;
    for (const [seq, text] of [
      [3, "batch 3"],
      [4, "batch 4"],
      [5, ""],
      [6, "batch 6"],
    ] as const)
      assert.equal((await streams.getMessage(arrivals, { seq }))?.string(), text);
    assert.equal((await streams.info(arrivals)).state.first_seq, 3);
    const work = await streams.getMessage(subjects.streams.work, {
      last_by_subj: subjects.work(2, "r-1"),
    });
    assert.equal(work?.string(), "work");
    await functions.put("kept", "3");
  });

  it("is all that services keep, but for what only describes the past", () => {
    const all = [
      ...Object.values(subjects.streams),
      ...Object.values(subjects.buckets).map((name) => `KV_${name}`),
      `OBJ_${subjects.codeBucket}`,
    ];
    assert.deepEqual([...backedUp, ...notBackedUp].sort(), all.sort());
  });

  it("is read without a change to how the services have set it up, and where a stream is not there yet", async () => {
    await fill();
    const { manager } = await ensureStorage(from);
    const arrivals = subjects.streams.arrivals;
    await manager.streams.update(arrivals, { max_bytes: 9_000_000 });
    await manager.streams.delete(`KV_${subjects.buckets.tokens}`);
    const names = (await read(from)).flatMap(({ head }) =>
      head.kind === "stream" ? [head.name] : [],
    );
    assert.equal(names.length, backedUp.length - 1);
    assert.equal((await manager.streams.info(arrivals)).config.max_bytes, 9_000_000);
    await assert.rejects(read(to), { code: "notFound", message: /no data of Tidepool/ });
  });

  it("is not to be written while schedulers or hosts run", async () => {
    await checkStopped(to);
    const { leases } = await ensureStorage(to);
    const beat = setInterval(() => {
      const hostId = "h-1";
      to.publish(subjects.hostHeartbeat(hostId), HostHeartbeat, HostHeartbeat.create({ hostId }));
      void leases.put("member.s-1", "alive");
    }, 200);
    try {
      await assert.rejects(checkStopped(to), {
        code: "wrongPhase",
        message: "services still run (a scheduler, host-agent h-1): stop them all before a restore",
      });
    } finally {
      clearInterval(beat);
    }
  });

  it("does not replace data unless it is told to, and then has nothing of it left", async () => {
    await fill();
    const records = await read(from);
    const { functions } = await ensureStorage(to);
    await functions.put("other", "1");
    await assert.rejects(writeState(to, each(records), gentle), {
      code: "alreadyExists",
      message: "KV_tidepool_functions has 1 messages, a restore would replace them",
    });
    assert.equal((await functions.get("other"))?.string(), "1");
    for (let times = 0; times < 2; times++)
      await writeState(to, each(records), { ...gentle, isForced: true });
    assert.equal(await functions.get("other"), null);
    assert.equal((await functions.get("kept"))?.string(), "2");
    assert.deepEqual(
      (await read(to)).filter(({ head }) => head.kind === "message").length,
      // One batch stands for the one that was deleted.
      records.filter(({ head }) => head.kind === "message").length + 1,
    );
  });

  it("leaves accepted calls out when it is told to", async () => {
    await fill();
    await writeState(to, each(await read(from)), { isForced: false, isWithoutCalls: true });
    const { manager } = await ensureStorage(to);
    const { invocations } = await ensureAsyncStorage(to);
    assert.equal(await invocations.get("r-1"), null);
    assert.equal((await manager.streams.info(subjects.streams.work)).state.messages, 0);
  });
});
