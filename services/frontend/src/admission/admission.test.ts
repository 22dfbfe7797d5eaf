import assert from "node:assert/strict";
import { TidepoolError } from "@tidepool/common";
import type { RateLimit } from "../functions/concurrency-settings.ts";
import { Admission, retryAfterDefaultMs } from "./admission.ts";
import type { TenantLimits } from "./admission.ts";
import { frontendSilenceMaxMs } from "./call-counts.ts";

interface Given {
  readonly reservedConcurrency?: number;
  readonly rateLimit?: RateLimit;
}

const aFunction = (name: string, settings: Given = {}) => ({ name, tenant: "default", settings });
const anAdmission = (limits: Partial<TenantLimits> = {}): Admission =>
  new Admission(() => ({ concurrencyMax: 1_000, rateLimit: undefined, ...limits }));

function refusal(work: () => unknown): { reason: string | undefined; retryAfterMs?: number } {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof TidepoolError);
    assert.equal(error.code, "throttled");
    assert.equal(error.component, "frontend");
    const { reason, retryAfterMs } = error;
    return { reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  }
  throw new assert.AssertionError({ message: "nothing was refused" });
}

describe("Admission by concurrency", () => {
  for (const max of [1, 3]) {
    it(`lets ${max} of ${max} calls of a tenant run at once, and the next when one has ended`, () => {
      const admission = anAdmission({ concurrencyMax: max });
      const ends = Array.from({ length: max }, (_, n) => admission.admit(aFunction(`f-${n}`), 0));
      assert.equal(refusal(() => admission.admit(aFunction("g"), 0)).reason, "tenantConcurrency");
      ends[0]?.(5);
      admission.admit(aFunction("g"), 5);
      assert.equal(refusal(() => admission.admit(aFunction("g"), 5)).reason, "tenantConcurrency");
    });
  }

  it("runs as many calls of a function as it has reserved, and no more", () => {
    const admission = anAdmission();
    const f = aFunction("f", { reservedConcurrency: 2 });
    admission.admit(f, 0);
    const end = admission.admit(f, 0);
    assert.equal(refusal(() => admission.admit(f, 0)).reason, "reservedConcurrency");
    end(1);
    admission.admit(f, 1);
  });

  it("keeps free what a function has reserved, while others use all the rest", () => {
    const admission = anAdmission({ concurrencyMax: 3 });
    const f = aFunction("f", { reservedConcurrency: 2 });
    admission.noteFunction(undefined, f);
    admission.admit(aFunction("g"), 0);
    assert.equal(refusal(() => admission.admit(aFunction("g"), 0)).reason, "tenantConcurrency");
    admission.admit(f, 0);
    admission.admit(f, 0);
  });

  it("gives back to the others what is no longer reserved", () => {
    const admission = anAdmission({ concurrencyMax: 2 });
    const [before, after] = [aFunction("f", { reservedConcurrency: 2 }), aFunction("f")];
    admission.noteFunction(undefined, before);
    refusal(() => admission.admit(aFunction("g"), 0));
    admission.noteFunction(before, after);
    admission.admit(aFunction("g"), 0);
    admission.noteFunction(after, before);
    admission.noteFunction(before, undefined);
    admission.admit(aFunction("g"), 0);
  });

  it("runs nothing of a function that is stopped, and says of no time to try again", () => {
    const admission = anAdmission();
    const stopped = aFunction("f", { reservedConcurrency: 0 });
    assert.deepEqual(
      refusal(() => admission.admit(stopped, 0)),
      { reason: "functionStopped" },
    );
  });

  it("says to try again when one of the running calls should have ended", () => {
    const admission = anAdmission({ concurrencyMax: 4 });
    const f = aFunction("f");
    const ends = Array.from({ length: 4 }, () => admission.admit(f, 0));
    assert.equal(refusal(() => admission.admit(f, 0)).retryAfterMs, retryAfterDefaultMs);
    for (const end of ends) end(400);
    for (const _ of ends) admission.admit(f, 400);
    assert.equal(refusal(() => admission.admit(f, 400)).retryAfterMs, 100);
  });
});

describe("Admission by rate", () => {
  const rateLimit = { callsPerSecond: 2, burst: 2 };

  it("throttles a function above its own rate, and says how long", () => {
    const admission = anAdmission();
    const f = aFunction("f", { rateLimit });
    admission.admit(f, 0);
    admission.admit(f, 0);
    assert.deepEqual(
      refusal(() => admission.admit(f, 100)),
      { reason: "functionRate", retryAfterMs: 400 },
    );
    admission.admit(f, 500);
  });

  it("throttles all functions of a tenant together above the tenant's", () => {
    const admission = anAdmission({ rateLimit });
    admission.admit(aFunction("f"), 0);
    admission.admit(aFunction("g"), 0);
    assert.deepEqual(
      refusal(() => admission.admit(aFunction("h"), 0)),
      { reason: "tenantRate", retryAfterMs: 500 },
    );
  });

  it("takes nothing from one limit for a call that the other keeps out", () => {
    const admission = anAdmission({ rateLimit: { callsPerSecond: 1, burst: 1 } });
    const f = aFunction("f", { rateLimit });
    admission.admit(f, 0);
    for (let count = 0; count < 5; count += 1) {
      assert.equal(refusal(() => admission.admit(f, 0)).reason, "tenantRate");
    }
    admission.admit(f, 1_000);
  });

  it("counts no call that was refused for its concurrency", () => {
    const admission = anAdmission({ concurrencyMax: 1 });
    const f = aFunction("f", { rateLimit });
    const end = admission.admit(f, 0);
    for (let count = 0; count < 5; count += 1) refusal(() => admission.admit(f, 0));
    end(0);
    admission.admit(f, 0);
  });
});

describe("Admission with other frontends", () => {
  it("counts their calls towards its limits, until they are not heard any more", () => {
    const [one, two] = [anAdmission({ concurrencyMax: 2 }), anAdmission({ concurrencyMax: 2 })];
    two.admit(aFunction("f"), 0);
    two.admit(aFunction("f"), 0);
    one.note("two", two.counts.takeNews(), 0);
    assert.equal(refusal(() => one.admit(aFunction("g"), 0)).reason, "tenantConcurrency");
    one.admit(aFunction("g"), frontendSilenceMaxMs + 1);
  });

  it("counts an ended call no more once it is told", () => {
    const [one, two] = [anAdmission({ concurrencyMax: 1 }), anAdmission()];
    const end = two.admit(aFunction("f"), 0);
    one.note("two", two.counts.takeNews(), 0);
    refusal(() => one.admit(aFunction("f"), 0));
    end(1);
    one.note("two", two.counts.takeNews(), 1);
    one.admit(aFunction("f"), 1);
  });

  it("takes their calls from its buckets, each once though a message was lost", () => {
    const f = aFunction("f", { rateLimit: { callsPerSecond: 1, burst: 5 } });
    const [one, two] = [anAdmission(), anAdmission()];
    one.admit(f, 0);
    two.admit(f, 0);
    one.note("two", two.counts.takeNews(), 0);
    two.admit(f, 0);
    two.counts.takeNews();
    two.admit(f, 0);
    one.note("two", two.counts.takeNews(), 0);
    one.admit(f, 0);
    assert.equal(refusal(() => one.admit(f, 0)).reason, "functionRate");
  });
});
