/** A function with a period so short that its VM never goes between two calls. */
import assert from "node:assert/strict";
import { planPolicyDefault, policies } from "@tidepool/policy";
import { fromTimestamp } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import { HostTable } from "../hosts/host-table.ts";
import { testWorld } from "../testing/test-world.ts";
import { Shard } from "./shard.ts";

const minuteMs = 60_000;
const startMs = 1_763_000_057_000;
/** From then on it is known to be called in each slot. */
const knownCalls = 40;
const callCount = 80;

type Expectation = tidepool.v1.CallExpectation.$Properties;

const msOf = (at: Expectation["at"]): number => fromTimestamp(at ?? {}) ?? NaN;

interface Seen {
  readonly assigned: number;
  readonly told: readonly { readonly atMs: number; readonly untilMs: number }[];
  readonly expectations: readonly Expectation[];
}

/** One call a minute, and half an hour without any; counted from `knownCalls` on. @param idle VMs that hosts tell of between calls */
async function run(idle: number): Promise<Seen> {
  const told: { atMs: number; untilMs: number }[] = [];
  const made: (() => Expectation)[] = [];
  let assigned = 0;
  let isCounted = false;
  const hosts = new HostTable();
  const sizes = { memoryMib: 1_000_000, memoryUsedMib: 0, vmCount: 0, vmCountMax: 1_000 };
  const functions = [{ name: "f", version: "1", idle: 1, busy: 0, loading: 0 }];
  const heartbeat = { hostId: "h", address: "h:1", ...sizes, isDraining: false, pools: [] };
  hosts.note({ ...heartbeat, functions }, startMs);
  hosts.idleCount = () => idle;
  const world = testWorld(startMs, {
    hosts,
    policy: policies.learned,
    explanations: { add: (_, make) => void made.push(make) },
    commands: {
      assign: () => {
        if (isCounted) assigned += 1;
        return Promise.resolve("vm");
      },
      keep: (_hostId, { keepUntilMs }) => {
        if (isCounted) told.push({ atMs: world.nowMs, untilMs: keepUntilMs });
        return Promise.resolve();
      },
      floor: () => Promise.resolve(),
    },
  });
  const shard = new Shard(world.parts, 0);
  await shard.start();
  for (let second = 0; second < (callCount + 30) * 60; second += 1) {
    world.nowMs = startMs + second * 1_000;
    isCounted = second / 60 >= knownCalls;
    while (shard.turn());
    const index = second / 60;
    if (Number.isInteger(index) && index < callCount) {
      const call = { functionName: "f", version: "1", qualifier: "", atMs: world.nowMs };
      const arrivals = [{ ...call, requestId: `r-${index}` }];
      world.receive({ sequence: index + 1, arrivals });
    }
    await new Promise((resume) => setImmediate(resume));
  }
  await shard.stop(false);
  return { assigned, told, expectations: made.map((make) => make()) };
}

describe("A function called each minute", () => {
  it("is planned for once in several calls, and keeps its VM as long as hosts keep it by themselves", async () => {
    const { assigned, told, expectations } = await run(1);
    assert.equal(assigned, 0);
    assert.ok(
      told.length > 0 && told.length <= (callCount - knownCalls) / 2,
      `${told.length} told`,
    );
    const endMs = startMs + callCount * minuteMs;
    for (const { atMs, untilMs } of told) assert.ok(untilMs > Math.min(atMs + minuteMs, endMs));
    // No call has come any more: the VM goes before the keep-alive is over.
    assert.ok((told.at(-1)?.untilMs ?? NaN) < endMs - minuteMs + planPolicyDefault.keepAliveMs);
    const kept = expectations
      .slice(knownCalls + 6)
      .filter(({ keepBecause }) => keepBecause === "keep-alive");
    assert.ok(kept.length > 20, `${kept.length} kept by the hosts themselves`);
    for (const { at, window, keepUntil, notPreparedBecause } of kept) {
      const atMs = msOf(at);
      assert.ok(msOf(window?.startAt) <= atMs && msOf(window?.endAt) >= atMs);
      assert.equal(msOf(keepUntil), atMs - minuteMs + planPolicyDefault.keepAliveMs);
      assert.equal(notPreparedBecause, "");
    }
  });

  it("has a VM ordered for each call while none waits, as when each call ends its VM", async () => {
    const { assigned } = await run(0);
    assert.ok(assigned >= callCount - knownCalls - 2, `${assigned} ordered`);
  });
});
