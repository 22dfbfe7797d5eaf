import assert from "node:assert/strict";
import { hostSilenceMaxMs } from "../limits.ts";
import { VmTable } from "./vm-table.ts";
import type { SeenFact, SeenHeartbeat } from "./vm-table.ts";

const startMs = 1_000_000;

function aHeartbeat(part: Partial<SeenHeartbeat> & { idle?: number } = {}): SeenHeartbeat {
  const { idle = 0, ...rest } = part;
  return {
    hostId: "h-1",
    address: "127.0.0.1:1",
    isDraining: false,
    atMs: startMs,
    functions: [{ name: "f", version: "1", idle }],
    ...rest,
  };
}

function aFact(phase: string, part: Partial<SeenFact> = {}): SeenFact {
  return {
    hostId: "h-1",
    vmId: "vm-1",
    phase,
    functionName: "f",
    version: "1",
    atMs: startMs,
    ...part,
  };
}

function aTable(idle = 0): VmTable {
  const table = new VmTable();
  table.heartbeat(aHeartbeat({ idle }), startMs);
  return table;
}

describe("VmTable", () => {
  it("knows no VM before a host tells of one", () => {
    assert.equal(new VmTable().take("f", "1"), undefined);
    assert.equal(aTable(0).take("f", "1"), undefined);
  });

  it("gives each idle VM of a heartbeat to one call", () => {
    const table = aTable(2);
    assert.equal(table.take("f", "1")?.host.hostId, "h-1");
    assert.equal(table.take("f", "1")?.host.address, "127.0.0.1:1");
    assert.equal(table.take("f", "1"), undefined);
  });

  it("takes VMs of a drained host only where no other has one", () => {
    const table = new VmTable();
    table.heartbeat(aHeartbeat({ hostId: "h-1", idle: 5, isDrained: true }), startMs);
    table.heartbeat(aHeartbeat({ hostId: "h-2", idle: 1 }), startMs);
    table.heartbeat(aHeartbeat({ hostId: "h-3", idle: 5, isDrained: true }), startMs);
    const taken = [1, 2].map(() => table.take("f", "1")?.host.hostId);
    assert.deepEqual(taken, ["h-2", "h-1"]);
  });

  it("gives no VM of a host that is to be avoided", () => {
    const table = aTable(2);
    assert.equal(table.take("f", "1", new Set(["h-1"])), undefined);
    table.heartbeat(aHeartbeat({ hostId: "h-2", idle: 1 }), startMs);
    assert.equal(table.take("f", "1", new Set(["h-1"]))?.host.hostId, "h-2");
    assert.equal(table.take("f", "1")?.host.hostId, "h-1");
  });

  it("keeps versions apart", () => {
    assert.equal(aTable(1).take("f", "2"), undefined);
  });

  it("has a VM again as soon as its call has ended", () => {
    const table = aTable(1);
    const taken = table.take("f", "1");
    assert.ok(taken);
    table.finished(
      taken.host,
      { functionName: "f", version: "1", vmId: "vm-1" },
      taken,
      startMs + 5,
    );
    assert.ok(table.take("f", "1"));
    assert.equal(table.take("f", "1"), undefined);
  });

  it("does not count a VM twice when the fact that it is busy comes during our own call", () => {
    const table = new VmTable();
    table.heartbeat(aHeartbeat(), startMs);
    table.fact(aFact("idle", { vmId: "vm-1" }), startMs);
    table.fact(aFact("idle", { vmId: "vm-2" }), startMs);
    assert.ok(table.take("f", "1"));
    table.fact(aFact("busy", { vmId: "vm-2", atMs: startMs + 1 }), startMs + 1);
    assert.ok(table.take("f", "1"), "vm-1 is idle still");
    assert.equal(table.take("f", "1"), undefined);
  });

  it("ignores a fact that is older than the end of the call it tells of", () => {
    const table = aTable(1);
    const taken = table.take("f", "1");
    assert.ok(taken);
    table.finished(
      taken.host,
      { functionName: "f", version: "1", vmId: "vm-1" },
      taken,
      startMs + 9,
    );
    table.fact(aFact("busy", { atMs: startMs + 2 }), startMs + 10);
    assert.ok(table.take("f", "1"));
  });

  for (const phase of ["stopping", "gone"]) {
    it(`loses a VM that is ${phase}, however old the news of it is`, () => {
      const table = new VmTable();
      table.heartbeat(aHeartbeat(), startMs);
      table.fact(aFact("idle", { atMs: startMs + 5 }), startMs);
      table.fact(aFact(phase), startMs);
      assert.equal(table.take("f", "1"), undefined);
    });
  }

  it("asks a host that refused only after it told of an idle VM again", () => {
    const table = aTable(2);
    const taken = table.take("f", "1");
    assert.ok(taken);
    table.refused(taken);
    assert.equal(table.take("f", "1"), undefined);
    table.fact(aFact("idle", { atMs: startMs + 1 }), startMs + 1);
    assert.ok(table.take("f", "1"));
  });

  it("drops VMs that a later heartbeat no longer counts, but none that it cannot have seen", () => {
    const table = aTable();
    table.fact(aFact("idle", { vmId: "vm-1" }), startMs);
    table.fact(aFact("idle", { vmId: "vm-2", atMs: startMs + 990 }), startMs);
    table.heartbeat(aHeartbeat({ atMs: startMs + 1_000 }), startMs + 1_000);
    assert.ok(table.take("f", "1"), "vm-2 became idle as the heartbeat was made");
    assert.equal(table.take("f", "1"), undefined);
  });

  it("ignores a heartbeat that is older than the last", () => {
    const table = aTable(1);
    table.heartbeat(aHeartbeat({ atMs: startMs - 1 }), startMs);
    assert.ok(table.take("f", "1"));
  });

  it("gives no VM of a host that drains", () => {
    const table = new VmTable();
    table.heartbeat(aHeartbeat({ idle: 1, isDraining: true }), startMs);
    assert.equal(table.take("f", "1"), undefined);
  });

  it("prefers the host with the most idle VMs", () => {
    const table = aTable(1);
    table.heartbeat(aHeartbeat({ hostId: "h-2", idle: 2 }), startMs);
    assert.equal(table.take("f", "1")?.host.hostId, "h-2");
  });

  it("forgets a host that is silent, unless nothing could be heard", () => {
    const table = aTable(1);
    const lateMs = startMs + hostSilenceMaxMs + 1;
    table.forgiveSilence(lateMs - 1);
    assert.deepEqual(table.forgetSilent(lateMs), []);
    assert.deepEqual(table.forgetSilent(lateMs + hostSilenceMaxMs), ["h-1"]);
    assert.equal(table.take("f", "1"), undefined);
  });
});
