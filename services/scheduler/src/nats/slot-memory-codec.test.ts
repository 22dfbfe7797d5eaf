/** The wire must not change what is remembered: a forecast is the same before and after a restart. */
import assert from "node:assert/strict";
import { planPolicyDefault, policies } from "@tidepool/policy";
import { tidepool } from "@tidepool/proto";
import { slotMemoryFromWire, slotMemoryToWire } from "./slot-memory-codec.ts";

const { SlotMemory } = tidepool.internal.v1;
const recordBytesMax = 2_048;

function remembered(calls: number, everyMs: number): tidepool.internal.v1.SlotMemory.$Properties {
  let record = policies.learned.createRecord(planPolicyDefault);
  for (let i = 0; i < calls; i += 1)
    record = policies.learned.noteArrival(
      record,
      planPolicyDefault,
      i * everyMs + (i % 7) * 11_000,
    );
  assert.ok(record.slots);
  return slotMemoryToWire(record.slots);
}

describe("slot memory on the wire", () => {
  it("is the same again, for few calls and for more than are remembered one by one", () => {
    for (const calls of [1, 9, 600]) {
      const wire = remembered(calls, 180_000);
      const bytes = SlotMemory.encode(wire).finish();
      assert.ok(bytes.length <= recordBytesMax, `${bytes.length} bytes`);
      assert.deepEqual(slotMemoryToWire(slotMemoryFromWire(SlotMemory.decode(bytes))), wire);
    }
  });
});
