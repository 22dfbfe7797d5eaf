/**
 * What a shard really costs, under a virtual clock: calls that look periodic and then are not must not make
 * its VMs idle more than 1.1 times the fixed keep-alive would.
 */
import assert from "node:assert/strict";
import { mock } from "node:test";
import { policies, seededRandom } from "@tidepool/policy";
import { testWorld } from "../testing/test-world.ts";
import { mockedClock, settle, VirtualHost } from "../testing/virtual-host.ts";
import { Shard } from "./shard.ts";
import { aVersion } from "../testing/a-version.ts";

const keepAliveMs = 600_000;
/** Just beyond the keep-alive: a VM that waits for the next call idles longest beside it. */
const periodMs = 700_000;
const stepMs = 500;
const idleFactorMax = 1.1;
/** Guarded whatever the price says. */
const version = aVersion({ keepAliveMs, coldStartCost: 1_000_000 });

/** Counts how long its VMs idle. */
class CountingHost extends VirtualHost {
  idleMs = 0;

  call(): void {
    this.expire();
    const vm = this.vms.pop();
    if (vm !== undefined) this.idleMs += Date.now() - vm.sinceMs;
    this.takeBack(Date.now() + keepAliveMs);
  }

  override expire(): void {
    const over = this.vms.filter(({ keepUntilMs }) => keepUntilMs <= Date.now());
    for (const vm of over) this.idleMs += Math.max(0, vm.keepUntilMs - vm.sinceMs);
    if (over.length > 0) super.expire();
  }
}

async function replay(callsAtMs: readonly number[]): Promise<CountingHost> {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 0 });
  const host = new CountingHost(0, 100);
  host.tell();
  let isActing = false;
  const world = testWorld(0, {
    hosts: host.table,
    policy: policies.learned,
    commands: host.commands(() => {
      isActing = true;
    }),
    functionOf: () => version,
    clock: mockedClock,
  });
  const shard = new Shard(world.parts, 0);
  try {
    await shard.start();
    let sequence = 0;
    const endMs = (callsAtMs.at(-1) ?? 0) + 2 * keepAliveMs;
    const left = [...callsAtMs];
    while (Date.now() < endMs) {
      mock.timers.tick(stepMs);
      host.expire();
      while (left[0] !== undefined && left[0] <= Date.now()) {
        left.shift();
        host.call();
        sequence += 1;
        const call = { functionName: "f", version: "1", requestId: "", qualifier: "" };
        const arrival = { ...call, atMs: Date.now() };
        world.receive({ sequence, arrivals: [arrival] });
        isActing = true;
      }
      if (isActing) await settle();
      isActing = false;
    }
    return host;
  } finally {
    await shard.stop(false);
    mock.timers.reset();
  }
}

function fixedIdleMs(callsAtMs: readonly number[]): number {
  return callsAtMs.reduce((sum, atMs, i) => {
    const next = callsAtMs[i + 1] ?? Number.POSITIVE_INFINITY;
    return sum + Math.min(keepAliveMs, next - atMs);
  }, 0);
}

/** A clock with much jitter that strikes steadily at first and then mostly not: learned, and not worth it. */
function deceiving(seed: number): number[] {
  const random = seededRandom(seed);
  const calls: number[] = [];
  for (let tick = 1; tick <= 160; tick += 1) {
    const isSteady = tick % 40 < 14;
    if (!isSteady && random() < 0.5) continue;
    calls.push(Math.round((tick + (random() - 0.5) * 0.45) * periodMs));
  }
  return calls;
}

describe("A shard's idle time", function () {
  this.timeout(20_000);
  afterEach(() => mock.timers.reset());

  it(`is at most ${idleFactorMax} times the fixed keep-alive's for calls that deceive`, async () => {
    let orderedCount = 0;
    for (let seed = 1; seed <= 6; seed += 1) {
      const calls = deceiving(seed);
      const host = await replay(calls);
      const share = host.idleMs / fixedIdleMs(calls);
      assert.ok(share <= idleFactorMax, `seed ${seed}: ${share.toFixed(3)} times the keep-alive's`);
      orderedCount += host.orderedCount;
    }
    assert.ok(orderedCount > 0, "it was deceived at least once");
  });
});
