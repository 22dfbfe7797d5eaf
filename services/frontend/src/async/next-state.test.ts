import assert from "node:assert/strict";
import fc from "fast-check";
import { TidepoolError } from "@tidepool/common";
import { fullJitterMs } from "./backoff.ts";
import { checkCall } from "./accept.ts";
import { hasEnded } from "./call.ts";
import type { AcceptedCall } from "./call.ts";
import { decodeCall, encodeCall } from "./call-wire.ts";
import { claimGiveUpMs, claimMs, endInGuestMs, retryMaxMs, waitMaxMs } from "./limits.ts";
import { afterOutcome, asTold, beginStep, cancelled, renewed } from "./next-state.ts";
import type { Outcome } from "./next-state.ts";
import { outcomeOfError } from "./outcome.ts";

const failure = { code: "functionError", message: "threw" };
const outcomes: readonly Outcome[] = [
  { kind: "answered", response: {}, result: { bytes: 1, inline: new Uint8Array(1), key: "out" } },
  { kind: "failed", failure, endingMs: 0 },
  { kind: "failed", failure, endingMs: endInGuestMs },
  { kind: "hopeless", failure },
  { kind: "putOff", failure, retryAfterMs: 0 },
  { kind: "putOff", failure, retryAfterMs: 90_000 },
  { kind: "interrupted" },
];

function aCall(
  given: { retries?: number; ageMaxMs?: number; delayMs?: number } = {},
): AcceptedCall {
  return checkCall({ name: "f", requestId: "r-1", ...given }, undefined, 0).call;
}

/** A frontend that runs an attempt: what it wrote last, when, and until when it goes on without a renewal. */
interface Runner {
  call: AcceptedCall;
  version: number;
  renewedAtMs: number;
}

/** The record, with what several frontends do to it in some order; any may end or be cut off at any time. */
class World {
  nowMs = 0;
  record: AcceptedCall;
  version = 1;
  runners: Runner[] = [];
  beganCount = 0;

  constructor(call: AcceptedCall) {
    this.record = call;
  }

  write(call: AcceptedCall, version: number): boolean {
    if (version !== this.version) return false;
    assert.ok(!hasEnded(this.record), "an ended call was changed");
    this.record = decodeCall(encodeCall(call));
    this.version += 1;
    return true;
  }

  /** Work is delivered to some frontend. */
  begin(ownerId: string): void {
    const step = beginStep(this.record, this.nowMs, ownerId);
    if (step.kind === "end") this.write(step.call, this.version);
    if (step.kind !== "claim") return;
    assert.ok(this.nowMs < this.record.expiresAtMs, "too old, and begun");
    assert.ok(this.nowMs >= this.record.nextAtMs, "begun before its time");
    this.write(step.call, this.version);
    this.beganCount += 1;
    this.runners.push({ call: step.call, version: this.version, renewedAtMs: this.nowMs });
  }

  renew(runner: Runner): void {
    const call = renewed(runner.call, this.nowMs);
    if (!this.write(call, runner.version)) return this.drop(runner);
    Object.assign(runner, { call, version: this.version, renewedAtMs: this.nowMs });
  }

  end(runner: Runner, outcome: Outcome, random: number): void {
    this.drop(runner);
    this.write(afterOutcome(runner.call, outcome, this.nowMs, random), runner.version);
  }

  drop(runner: Runner): void {
    this.runners = this.runners.filter((other) => other !== runner);
  }

  pass(ms: number): void {
    this.nowMs += ms;
    // A frontend ends the attempt by itself when it could not renew its claim.
    this.runners = this.runners.filter((runner) => this.nowMs - runner.renewedAtMs < claimGiveUpMs);
  }
}

const action = fc.oneof(
  fc.record({ do: fc.constant("begin" as const) }),
  fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 40_000 }) }),
  fc.record({ do: fc.constant("renew" as const), at: fc.nat(3) }),
  fc.record({ do: fc.constant("lose" as const), at: fc.nat(3) }),
  fc.record({ do: fc.constant("cancel" as const) }),
  fc.record({
    do: fc.constant("end" as const),
    at: fc.nat(3),
    outcome: fc.constantFrom(...outcomes),
    random: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
);

describe("an accepted call, whatever happens", () => {
  it("never runs twice at once, nor after its end, nor too old, nor oftener than it may fail", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 10 }),
        fc.integer({ min: 1, max: 3_600_000 }),
        fc.array(action, { maxLength: 80 }),
        (retries, ageMaxMs, actions) => {
          const world = new World(aCall({ retries, ageMaxMs }));
          for (const [index, step] of actions.entries()) {
            const runner = "at" in step ? world.runners[step.at] : undefined;
            if (step.do === "begin") world.begin(`o-${index}`);
            else if (step.do === "pass") world.pass(step.ms);
            else if (step.do === "cancel" && !hasEnded(world.record)) {
              world.write(cancelled(world.record, world.nowMs), world.version);
              world.runners = [];
            } else if (runner !== undefined && step.do === "renew") world.renew(runner);
            else if (runner !== undefined && step.do === "lose") world.drop(runner);
            else if (runner !== undefined && step.do === "end") {
              world.end(runner, step.outcome, step.random);
            }
            assert.ok(world.runners.length <= 1, "it runs twice at once");
            assert.ok(world.record.failures <= retries + 1);
            assert.ok(world.record.attempts <= world.beganCount);
            if (hasEnded(world.record)) assert.ok(world.record.endedAtMs !== undefined);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it("waits no longer than its limits, and never beyond its age", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...outcomes),
        fc.nat(20),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (outcome, waits, random) => {
          const call: AcceptedCall = {
            ...aCall({ retries: 10 }),
            status: "running",
            attempts: 1,
            waits,
          };
          const next = afterOutcome(call, outcome, 1_000, random);
          const asked = outcome.kind === "putOff" ? outcome.retryAfterMs : 0;
          assert.ok(next.nextAtMs <= 1_000 + Math.max(retryMaxMs, waitMaxMs, asked));
          assert.ok(next.nextAtMs <= call.expiresAtMs);
        },
      ),
    );
  });
});

describe("a failed attempt", () => {
  const running: AcceptedCall = { ...aCall({ retries: 1 }), status: "running", attempts: 1 };

  it("is tried again while it may be, then the call has failed", () => {
    const once = afterOutcome(running, { kind: "failed", failure, endingMs: 0 }, 0, 0.5);
    assert.equal(once.status, "retrying");
    assert.ok(once.nextAtMs > 0);
    const twice = afterOutcome(
      { ...once, status: "running" },
      { kind: "failed", failure, endingMs: 0 },
      0,
      0.5,
    );
    assert.equal(twice.status, "failed");
    assert.equal(twice.isSettled, false);
  });

  it("that nothing was run for is no failure, and no attempt", () => {
    const put = afterOutcome(running, { kind: "putOff", failure, retryAfterMs: 5_000 }, 0, 0);
    assert.deepEqual([put.status, put.failures, put.attempts], ["queued", 0, 0]);
    assert.equal(put.nextAtMs, 5_000);
  });

  it("is not begun again while it may still be ending in its guest", () => {
    const outcome: Outcome = { kind: "failed", failure, endingMs: endInGuestMs };
    assert.equal(afterOutcome(running, outcome, 0, 0).nextAtMs, endInGuestMs);
  });

  it("fails for good when there is no time left for another", () => {
    const late = running.expiresAtMs - 1;
    assert.equal(
      afterOutcome(running, { kind: "failed", failure, endingMs: 5 }, late, 0).status,
      "failed",
    );
  });
});

describe("a call of a lost frontend", () => {
  const running: AcceptedCall = {
    ...aCall(),
    status: "running",
    attempts: 1,
    claim: { ownerId: "lost", number: 1, untilMs: claimMs },
  };

  it("is another's when the claim is over, with a higher number, and not before", () => {
    assert.deepEqual(beginStep(running, claimMs - 1, "o-2"), { kind: "wait", untilMs: claimMs });
    const step = beginStep(running, claimMs, "o-2");
    assert.equal(step.kind === "claim" && step.call.claim?.number, 2);
  });

  it("is not begun again once it is too old", () => {
    const step = beginStep(running, running.expiresAtMs, "o-2");
    assert.equal(step.kind === "end" && step.call.status, "expired");
  });
});

it("a call that nobody could begin in time is told as expired", () => {
  const call = aCall({ ageMaxMs: 1_000 });
  assert.equal(asTold(call, 1_000).status, "queued");
  assert.equal(asTold(call, 1_001).status, "expired");
});

describe("the error of an attempt", () => {
  const kindOf = (code: ConstructorParameters<typeof TidepoolError>[0], mayHaveStarted: boolean) =>
    outcomeOfError(new TidepoolError(code, "m", { details: { mayHaveStarted } })).kind;

  for (const code of ["throttled", "noCapacity", "unavailable", "stale"] as const) {
    it(`${code} puts the call off when nothing was run, and is a failure when it may have been`, () => {
      assert.equal(kindOf(code, false), "putOff");
      assert.equal(kindOf(code, true), "failed");
    });
  }
  for (const code of ["functionError", "timeout", "guestCrash", "internal"] as const) {
    it(`${code} is a failure`, () => assert.equal(kindOf(code, true), "failed"));
  }
  for (const code of ["notFound", "invalid", "tooLarge"] as const) {
    it(`${code} ends the call when nothing was run`, () => {
      assert.equal(kindOf(code, false), "hopeless");
    });
  }
});

describe("full jitter", () => {
  it("is anywhere up to a bound that doubles, and is never over the longest", () => {
    const limits = { baseMs: 100, maxMs: 1_000 };
    assert.deepEqual(
      [0, 1, 2, 3, 4, 100].map((count) => fullJitterMs(count, limits, 1)),
      [100, 200, 400, 800, 1_000, 1_000],
    );
    assert.equal(fullJitterMs(5, limits, 0), 0);
  });
});
