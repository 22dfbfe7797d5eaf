import assert from "node:assert/strict";
import { TidepoolError } from "@tidepool/common";
import fc from "fast-check";
import { aVm, anUnowned } from "../testing/a-vm.ts";
import type { VmView } from "../vm/vm-view.ts";
import { calledLatelyMs, chooseEvictions, hasRoom } from "./admit.ts";

const config = { runtime: "nodejs20", memoryMib: 128 };
const large = { runtime: "nodejs20", memoryMib: 512 };
/** Room for three VMs of 128 MiB and their overhead. */
const limits = { hostId: "h-3", memoryMib: 3 * 224, vmCountMax: 4 };

describe("chooseEvictions", () => {
  it("evicts nobody while there is room", () => {
    assert.deepEqual(chooseEvictions([aVm(), aVm()], config, limits), []);
  });

  it("evicts the idle VM whose next use is farthest", () => {
    const [soon, far, mid] = [1, 3, 2].map((nextUseAtMs) => aVm({ nextUseAtMs }));
    assert.ok(soon && far && mid);
    assert.deepEqual(chooseEvictions([soon, far, mid], config, limits), [far]);
  });

  it("evicts as many as the new one needs", () => {
    const idle = [1, 2, 3].map((nextUseAtMs) => aVm({ nextUseAtMs }));
    assert.equal(chooseEvictions(idle, large, limits).length, 3);
  });

  it("evicts no VM that was called just now, for a function that has one already", () => {
    const vms = ["a", "b", "c"].map((functionName, index) =>
      aVm({ functionName, callCount: 1, usedAtMs: 500, nextUseAtMs: index }),
    );
    const [, b, c] = vms;
    const asked = (functionName: string, nowMs: number): readonly VmView[] =>
      chooseEvictions(vms, config, limits, { functionName, nowMs });
    assert.throws(() => asked("a", 600), { code: "noCapacity", reason: "hostsFull" });
    assert.deepEqual(asked("a", 500 + calledLatelyMs), [c]);
    assert.deepEqual(asked("new", 600), [c]);
    assert.ok(b);
    vms[1] = { ...b, callCount: 0 };
    assert.deepEqual(asked("a", 600), [vms[1]]);
  });

  it("evicts no VM that its owner has provisioned", () => {
    const [provisioned, idle] = [aVm({ isProvisioned: true, nextUseAtMs: 9_999 }), aVm()];
    assert.deepEqual(chooseEvictions([provisioned, idle, provisioned], config, limits), [idle]);
  });

  it("evicts other pools' VMs after idle ones, and never its own pool's", () => {
    const other = anUnowned({ config: { runtime: "python3", memoryMib: 128 } });
    const own = anUnowned();
    const idle = aVm();
    assert.deepEqual(chooseEvictions([other, own, idle], config, limits), [idle]);
    assert.deepEqual(chooseEvictions([other, own, own], config, limits), [other]);
  });

  it("takes the room of VMs that are stopping as coming", () => {
    const stopping = aVm({ phase: "stopping" });
    assert.deepEqual(chooseEvictions([stopping, aVm(), aVm()], config, limits), []);
  });

  for (const phase of ["busy", "loading", "cloning"] as const) {
    it(`refuses rather than evict a VM that is ${phase}, with the host's numbers`, () => {
      const vms = [1, 2, 3].map(() => aVm({ phase }));
      assert.throws(() => chooseEvictions(vms, config, limits), {
        code: "noCapacity",
        message: /host h-3 has 0 MiB of 672 free and 3 of at most 4 VMs, .* needs 224 MiB/,
      });
    });
  }

  it("refuses rather than evict a VM that is spoken for", () => {
    const vms = [1, 2, 3].map(() => aVm({ isSpokenFor: true }));
    assert.throws(() => chooseEvictions(vms, config, limits), { code: "noCapacity" });
  });
});

describe("Admission, whatever is on the host", () => {
  const phases = ["cloning", "warming", "loading", "idle", "busy", "stopping"] as const;
  const anyVm = fc.record({
    phase: fc.constantFrom(...phases),
    memoryMib: fc.constantFrom(64, 128, 512),
    vcpuCount: fc.constantFrom(1, 2, 4),
    isSpokenFor: fc.boolean(),
    isProvisioned: fc.boolean(),
    nextUseAtMs: fc.nat(100),
  });

  it("leaves no more than the limits allow, of memory, CPUs and VMs, and evicts nobody who may stay", () => {
    const roomy = { hostId: "h-3", memoryMib: 1_024, vmCountMax: 5, vcpuMax: 8 };
    fc.assert(
      fc.property(fc.array(anyVm, { maxLength: 8 }), fc.constantFrom(1, 2, 4), (vms, cpus) => {
        const views = vms.map(({ memoryMib, vcpuCount, ...view }) =>
          aVm({ ...view, config: { runtime: "nodejs20", memoryMib, vcpuCount } }),
        );
        const wanted = { runtime: "nodejs20", memoryMib: 128, vcpuCount: cpus };
        let evicted: readonly VmView[];
        try {
          evicted = chooseEvictions(views, wanted, roomy);
        } catch (error) {
          assert.ok(error instanceof TidepoolError && error.code === "noCapacity");
          return;
        }
        const staying = views.filter((vm) => vm.phase !== "stopping" && !evicted.includes(vm));
        assert.ok(hasRoom(staying, wanted, roomy));
        for (const vm of evicted) {
          const isFree = vm.phase === "idle" && !vm.isSpokenFor && !vm.isProvisioned;
          assert.ok(isFree || vm.phase === "warming", `${vm.phase} was evicted`);
        }
      }),
    );
  });
});

describe("hasRoom", () => {
  it("counts CPUs where they are limited", () => {
    const roomy = { ...limits, memoryMib: 10_000 };
    const two = { ...config, vcpuCount: 2 };
    assert.equal(hasRoom([aVm({ config: two })], two, { ...roomy, vcpuMax: 4 }), true);
    assert.equal(hasRoom([aVm({ config: two })], two, { ...roomy, vcpuMax: 3 }), false);
    assert.equal(hasRoom([aVm({ config: two })], two, roomy), true);
  });

  it("counts VMs as well as memory", () => {
    const roomy = { ...limits, memoryMib: 10_000 };
    assert.equal(hasRoom([aVm(), aVm(), aVm()], config, roomy), true);
    assert.equal(hasRoom([aVm(), aVm(), aVm(), aVm()], config, roomy), false);
  });
});
