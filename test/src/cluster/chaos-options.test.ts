import assert from "node:assert/strict";
import { chaosOptions } from "./chaos-options.ts";

const refusal = (...args: readonly string[]): string => {
  try {
    chaosOptions(args);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return "taken";
};

describe("What a chaos run is told to do", () => {
  it("is kills of every kind unless something else is asked for", () => {
    const { kinds = [], cuts, everyMs, isRolling } = chaosOptions(["--every", "5"]) ?? {};
    assert.deepEqual([kinds.length, cuts, everyMs, isRolling], [5, [], 5_000, false]);
    assert.deepEqual(chaosOptions(["--cuts", "host-nats,nats-nats"])?.cuts, [
      "host-nats",
      "nats-nats",
    ]);
    assert.equal(chaosOptions(["--help"]), undefined);
  });

  it("is refused where it is not known, not a number, or asks for two things", () => {
    assert.match(refusal("--cuts", "host-nats,nats"), /--cuts knows host-nats, .*, and not 'nats'/);
    assert.match(refusal("--cuts", ""), /and not ''/);
    assert.match(refusal("--kinds", "vm"), /--kinds knows nats, .*, and not 'vm'/);
    assert.match(refusal("--hypervisor", "kvm"), /simulated, qemu, and not 'kvm'/);
    assert.match(refusal("--rate", "fast"), /--rate must be a number from 1 on, got 'fast'/);
    assert.match(refusal("--seconds", "0"), /from 1 on, got '0'/);
    assert.match(refusal("--what"), /--what/);
    assert.match(refusal("--rolling", "--cuts", "nats-nats"), /exclude each other/);
    assert.match(refusal("--kill-in-cuts"), /--kill-in-cuts is for --cuts/);
  });
});
