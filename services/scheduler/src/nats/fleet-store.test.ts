/** What is learned of the fleet goes with the shard: the next owner forecasts the same. */
import assert from "node:assert/strict";
import { restoreMemory, storeMemory, planPolicyDefault, policies } from "@tidepool/policy";
import type { FunctionPolicy, FunctionRecord } from "@tidepool/policy";
import { fleetFromBytes, fleetToBytes } from "./fleet-store.ts";

const minuteMs = 60_000;
const periods = [7, 11, 13, 17, 29, 37];
const movedAtMinute = 2_000;
const endMinute = 3_000;

interface Owner {
  readonly policy: FunctionPolicy;
  readonly fleet: NonNullable<ReturnType<NonNullable<FunctionPolicy["onFleet"]>>>["fleet"];
  records: FunctionRecord[];
}

function owner(records: FunctionRecord[]): Owner {
  const made = policies.learned.onFleet?.();
  assert.ok(made !== undefined);
  return { ...made, records };
}

function serve({ policy, records }: Owner, from: number, to: number): void {
  for (let minute = from; minute < to; minute += 1)
    for (const [index, period] of periods.entries()) {
      const record = records[index];
      // Late now and then, so that there is always something to learn.
      const isDue = (minute - (minute % (period * 5) === 0 ? 1 : 0)) % period === 0;
      if (record !== undefined && isDue)
        records[index] = policy.noteArrival(record, planPolicyDefault, minute * minuteMs);
    }
}

function described({ policy, records }: Owner): unknown {
  return records.map((record) => [
    policy.describe(record, planPolicyDefault, endMinute * minuteMs, 3),
    policy.decide(record, planPolicyDefault, { idleVmCount: 0 }, endMinute * minuteMs),
  ]);
}

describe("what is learned of a shard's functions", () => {
  it("is the same after a move, and so are the forecasts after it", () => {
    const stays = owner(periods.map(() => policies.learned.createRecord(planPolicyDefault)));
    serve(stays, 0, movedAtMinute);
    const bytes = fleetToBytes({ sequence: 42, learning: stays.fleet.store() }, 3);
    const stored = fleetFromBytes(bytes);
    assert.ok(stored !== undefined);
    assert.equal(stored.sequence, 42);
    const moved = owner(
      stays.records.map(({ slots, ...record }) =>
        slots === undefined ? record : { ...record, slots: restoreMemory(storeMemory(slots)) },
      ),
    );
    assert.ok(moved.fleet.restore(stored.learning));
    for (const one of [stays, moved]) serve(one, movedAtMinute, endMinute);
    assert.ok(stays.fleet.version > 0, "nothing was learned");
    assert.deepEqual(moved.fleet.store(), stays.fleet.store());
    assert.deepEqual(described(moved), described(stays));
  });

  it("is not read where its format is another", () => {
    const { fleet } = owner([]);
    const bytes = fleetToBytes({ sequence: 1, learning: fleet.store() }, 1);
    bytes[1] = 99; // the first field's value
    assert.equal(fleetFromBytes(bytes), undefined);
  });
});
