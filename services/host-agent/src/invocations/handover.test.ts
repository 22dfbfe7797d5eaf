import assert from "node:assert/strict";
import { TidepoolError } from "@tidepool/common";
import type { Vm } from "../vm/vm.ts";
import type { VmPhase } from "../vm/phases.ts";
import { Handover } from "./handover.ts";

const never = new AbortController().signal;

class FakeVm {
  phase: VmPhase = "cloning";
  isTaken = true;
  isBegun = true;
  isOutdated = false;
  isReserved = false;
  stopped: string | undefined;
  readonly assignment: object;
  readonly whenReady: Promise<void>;
  becomesReady: () => void = () => {};
  fails: (error: Error) => void = () => {};

  constructor(name = "f") {
    this.assignment = { owned: { name, version: "1" } };
    this.whenReady = new Promise((resolve, reject) => {
      this.fails = reject;
      this.becomesReady = () => {
        this.phase = "idle";
        resolve();
      };
    });
    this.whenReady.catch(() => {});
  }

  take(): void {
    assert.ok(!this.isTaken, "two calls have it");
    this.isTaken = true;
  }

  giveBack(): void {
    assert.ok(this.isTaken);
    this.isTaken = false;
  }

  stop(reason: string): void {
    this.stopped = reason;
  }

  get vm(): Vm {
    return this as unknown as Vm;
  }
}

/** One that no call has. */
function aFreeVm(name?: string): FakeVm {
  const free = new FakeVm(name);
  free.isTaken = false;
  free.becomesReady();
  return free;
}

describe("Handover", () => {
  it("has a call run in its own VM when that is ready first", async () => {
    const handover = new Handover();
    const own = new FakeVm();
    const ready = handover.readyFor(own.vm, never);
    own.becomesReady();
    assert.equal(await ready, own.vm);
    const free = aFreeVm();
    handover.offer(free.vm);
    assert.equal(free.isTaken, false);
  });

  it("gives what becomes free to the call that has waited longest, and not to others' functions", async () => {
    const handover = new Handover();
    const [first, second] = [new FakeVm(), new FakeVm()];
    const calls = [first, second].map(({ vm }) => handover.readyFor(vm, never));
    const [other, free] = [aFreeVm("g"), aFreeVm()];
    handover.offer(other.vm);
    handover.offer(free.vm);
    assert.equal(other.isTaken, false);
    assert.equal(await calls[0], free.vm);
    assert.deepEqual([free.isTaken, first.isTaken, second.isTaken], [true, false, true]);

    // What the first does not need is the second's as soon as it is ready.
    first.becomesReady();
    handover.offer(first.vm);
    assert.equal(await calls[1], first.vm);
    assert.equal(second.isTaken, false);
  });

  it("does not make the clone of a call that has found another VM, unless it is begun", async () => {
    const handover = new Handover();
    for (const isBegun of [true, false]) {
      const own = new FakeVm();
      own.isBegun = isBegun;
      const ready = handover.readyFor(own.vm, never);
      handover.offer(aFreeVm().vm);
      await ready;
      assert.equal(own.stopped, isBegun ? undefined : "reduced");
    }
  });

  it("passes over a VM that is taken, promised to a call, or outdated", () => {
    const handover = new Handover();
    void handover.readyFor(new FakeVm().vm, never);
    const unfit = [aFreeVm(), aFreeVm(), aFreeVm(), new FakeVm()] as const;
    unfit[0].isTaken = true;
    unfit[1].isReserved = true;
    unfit[2].isOutdated = true;
    unfit[3].isTaken = false;
    for (const { vm } of unfit) handover.offer(vm);
    assert.deepEqual(
      unfit.map(({ isTaken }) => isTaken),
      [true, false, false, false],
    );
  });

  it("gives nothing to a call that is over, and passes on what it was given at the same time", async () => {
    const handover = new Handover();
    const failing = new FakeVm();
    const failed = handover.readyFor(failing.vm, never);
    const gone = new AbortController();
    const left = handover.readyFor(new FakeVm().vm, gone.signal);
    const waiting = handover.readyFor(new FakeVm().vm, never);
    const free = aFreeVm();
    failing.fails(new TidepoolError("guestCrash", "it broke"));
    gone.abort(new TidepoolError("cancelled", "nobody waits"));
    handover.offer(free.vm);
    await Promise.allSettled([failed, left]);
    await assert.rejects(left, { code: "cancelled" });
    assert.equal(await Promise.race([waiting, failed]), free.vm);
  });
});
