import assert from "node:assert/strict";
import { planPolicyDefault, policies } from "@tidepool/policy";
import type { FunctionRecord } from "@tidepool/policy";
import { FunctionState } from "./function-state.ts";
import { Memories, unpackedMax } from "./memories.ts";
import { createLedger } from "./window-ledger.ts";

function called(times: number): FunctionRecord {
  let record = policies.learned.createRecord(planPolicyDefault);
  for (let i = 0; i < times; i += 1)
    record = policies.learned.noteArrival(record, planPolicyDefault, 1_763_000_000_000 + i * 7_000);
  return record;
}

describe("Memories", () => {
  it("keeps few in full, and gives back each as it was left", () => {
    const memories = new Memories();
    const records = [1, 5, 60].map(called);
    const states = Array.from({ length: 3 * unpackedMax }, (_, i) => {
      const state = new FunctionState(`f-${i}`, memories);
      memories.add(state, records[i % records.length] ?? called(1));
      return state;
    });
    memories.rest();
    const inFull = (): number => states.filter(({ unpacked }) => unpacked !== undefined).length;
    assert.equal(inFull(), unpackedMax);
    for (const [i, state] of states.entries()) {
      assert.deepEqual(state.record, records[i % records.length]);
      if (i % 40 === 0) memories.rest();
    }
    memories.rest();
    assert.equal(inFull(), unpackedMax);
  });

  it("packs what was changed in place", () => {
    const memories = new Memories();
    const state = new FunctionState("f", memories);
    memories.add(state, called(3));
    state.ledger = createLedger(5, undefined);
    const restored = new FunctionState("f", memories);
    memories.addPacked(restored, Uint8Array.from(memories.bytesOf(state)));
    const { ledger } = restored;
    assert.ok(ledger);
    ledger.calls = 12;
    const again = new FunctionState("f", memories);
    memories.addPacked(again, Uint8Array.from(memories.bytesOf(restored)));
    assert.equal(again.ledger?.calls, 12);
  });
});
