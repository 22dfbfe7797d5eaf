import assert from "node:assert/strict";
import { hostSilenceMaxMs, HostTable } from "./host-table.ts";
import type { Heartbeat } from "./heartbeat.ts";
import { digestsMax } from "./host-view.ts";
import { aVersion } from "../testing/a-version.ts";

const aHeartbeat = (heartbeat: Partial<Heartbeat> = {}): Heartbeat => ({
  hostId: "h-1",
  address: "127.0.0.1:7000",
  memoryMib: 1_024,
  memoryUsedMib: 256,
  vmCount: 2,
  vmCountMax: 8,
  isDraining: false,
  pools: [],
  functions: [],
  ...heartbeat,
});
const pool = { runtime: "nodejs20", memoryMib: 128, vcpuCount: 1, ready: 1, prepareP95Ms: 90 };

describe("HostTable", () => {
  it("gives no orders to a host that was not heard for three heartbeats, until it is heard again", () => {
    const table = new HostTable();
    table.note(aHeartbeat(), 0);
    assert.deepEqual(table.sweep(hostSilenceMaxMs - 1), []);
    assert.deepEqual(table.sweep(hostSilenceMaxMs), ["h-1"]);
    assert.deepEqual(table.sweep(hostSilenceMaxMs + 1), []);
    assert.equal(table.views()[0]?.state, "silent");
    assert.equal(table.note(aHeartbeat(), 9_000), true);
    assert.equal(table.views()[0]?.state, "ready");
  });

  it("says whether a heartbeat changes who can be used", () => {
    const table = new HostTable();
    assert.equal(table.note(aHeartbeat(), 0), true);
    assert.equal(table.note(aHeartbeat({ vmCount: 3 }), 1), false);
    assert.equal(table.note(aHeartbeat({ isDraining: true }), 2), true);
  });

  it("tells once whose VMs go, when their host falls silent, drains or stops", () => {
    const table = new HostTable();
    const left: unknown[] = [];
    table.onLeft = (hostId, vms) => left.push([hostId, vms]);
    const functions = [{ name: "f", version: "1", idle: 2, busy: 1, loading: 0 }];
    for (const hostId of ["h-1", "h-2"]) table.note(aHeartbeat({ hostId, functions }), 0);
    table.note(aHeartbeat({ isDraining: true, functions: [] }), 1);
    assert.deepEqual(left, [["h-1", functions]]);
    table.sweep(hostSilenceMaxMs + 1);
    table.sweep(hostSilenceMaxMs + 2);
    assert.deepEqual(left.slice(1), [["h-2", functions]]);
  });

  it("counts no VM of a host that drains, but knows where it is", () => {
    const table = new HostTable();
    const functions = [{ name: "f", version: "1", idle: 2, busy: 0, loading: 1 }];
    for (const hostId of ["h-1", "h-2"]) table.note(aHeartbeat({ hostId, functions }), 0);
    table.note(aHeartbeat({ isDraining: true, functions }), 1);
    assert.deepEqual([table.idleCount("f", "1"), table.vmCount("f", "1")], [2, 3]);
    assert.deepEqual([...table.lasting("f").keys()], ["h-2"]);
    assert.deepEqual([...table.whereabouts("f").keys()].sort(), ["h-1", "h-2"]);
  });

  it("takes its own orders off until the next heartbeat: idle first, then the pool, then free memory", () => {
    const table = new HostTable();
    const functions = [{ name: "hello", version: "1", idle: 1, busy: 0, loading: 0 }];
    table.note(aHeartbeat({ pools: [pool], functions }), 0);
    const seen = (): unknown => {
      const [view] = table.views();
      const idle = view?.idleByVersion["hello@1"];
      return [idle, view?.poolByConfig["nodejs20/128/1"], view?.vmCount, view?.memoryFreeMib];
    };
    assert.deepEqual(seen(), [1, 1, 2, 768]);
    table.noteOrdered("h-1", aVersion({ name: "hello" }), false);
    assert.deepEqual(seen(), [0, 1, 2, 768]);
    table.noteOrdered("h-1", aVersion({ name: "hello" }), false);
    assert.deepEqual(seen(), [0, 0, 2, 768]);
    table.noteOrdered("h-1", aVersion({ name: "hello" }), false);
    assert.deepEqual(seen(), [0, 0, 3, 640]);
    table.note(aHeartbeat({ pools: [pool], functions }), 1);
    assert.deepEqual(seen(), [1, 1, 2, 768]);
  });

  it("leaves idle VMs alone when a pre-warm is ordered", () => {
    const table = new HostTable();
    const functions = [{ name: "hello", version: "1", idle: 1, busy: 0, loading: 0 }];
    table.note(aHeartbeat({ pools: [pool], functions }), 0);
    table.noteOrdered("h-1", aVersion({ name: "hello" }), true);
    assert.equal(table.views()[0]?.idleByVersion["hello@1"], 1);
    assert.equal(table.views()[0]?.poolByConfig["nodejs20/128/1"], 0);
  });

  it("counts a version's idle VMs over all hosts, and forgets those that a heartbeat no longer tells", () => {
    const table = new HostTable();
    const part = { name: "hello", busy: 0, loading: 0 };
    table.note(aHeartbeat({ functions: [{ ...part, version: "1", idle: 2 }] }), 0);
    table.note(
      aHeartbeat({
        hostId: "h-2",
        functions: [
          { ...part, version: "1", idle: 1 },
          { ...part, version: "2", idle: 4 },
        ],
      }),
      0,
    );
    assert.equal(table.idleCount("hello", "1"), 3);
    table.note(aHeartbeat({ hostId: "h-2" }), 1);
    assert.equal(table.idleCount("hello", "1"), 2);
    table.sweep(hostSilenceMaxMs);
    assert.equal(table.idleCount("hello", "1"), 0);
  });

  it("takes the slowest host's preparing time, and none before any is known", () => {
    const table = new HostTable();
    table.note(aHeartbeat({ pools: [{ ...pool, prepareP95Ms: 0 }] }), 0);
    assert.equal(
      table.prepareP95Ms({ runtime: "nodejs20", memoryMib: 128, vcpuCount: 1 }),
      undefined,
    );
    table.note(aHeartbeat({ pools: [pool] }), 1);
    table.note(aHeartbeat({ hostId: "h-2", pools: [{ ...pool, prepareP95Ms: 300 }] }), 1);
    assert.equal(table.prepareP95Ms({ runtime: "nodejs20", memoryMib: 128, vcpuCount: 1 }), 300);
  });

  it("remembers the digests that were loaded last, and no more than its limit", () => {
    const table = new HostTable();
    table.note(aHeartbeat(), 0);
    for (let i = 0; i <= digestsMax; i += 1)
      table.noteOrdered("h-1", aVersion({ codeDigest: `sha256:${i}` }), false);
    const digests = table.views()[0]?.codeKeys;
    assert.equal(digests?.size, digestsMax);
    assert.equal(digests.has("0"), false);
    assert.equal(digests.has(String(digestsMax)), true);
  });
});
