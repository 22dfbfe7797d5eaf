/** What a host holds is never more than it has, also while VMs that make room are still ending. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "@tidepool/common";
import type { Domain, Template, WaitOptions } from "./hypervisor/hypervisor.ts";
import { SimulatedHypervisor } from "./simulated/simulated-hypervisor.ts";
import { HostHarness } from "./testing/host-harness.ts";
import { clonesAtOnceMax } from "./vm/limits.ts";

/** Its VMs take their time to end. */
class SlowToEnd extends SimulatedHypervisor {
  mostAtOnce = 0;

  override async clone(
    template: Template,
    vmId: string,
    options: WaitOptions = {},
  ): Promise<Domain> {
    const domain = await super.clone(template, vmId, options);
    this.mostAtOnce = Math.max(this.mostAtOnce, (await this.list()).length);
    const destroy = domain.destroy.bind(domain);
    domain.destroy = async () => {
      await sleep(200);
      await destroy();
    };
    return domain;
  }
}

/** From some moment on, no clone of it comes to its end. */
class HeldClones extends SimulatedHypervisor {
  isHeld = false;

  override async clone(
    template: Template,
    vmId: string,
    options: WaitOptions = {},
  ): Promise<Domain> {
    if (this.isHeld) await systemClock.sleep(2 ** 30, options.signal);
    return super.clone(template, vmId, options);
  }
}

describe("The capacity of a HostAgent", function () {
  it("is not exceeded while VMs end that make room, and heartbeats tell no more than it", async () => {
    const hypervisor = new SlowToEnd({ bootMs: 10, cloneMs: 10 });
    const host = await HostHarness.start({ makeHypervisor: () => hypervisor, vmCountMax: 2 });
    try {
      for (const name of ["a", "b", "c", "d"]) {
        assert.equal((await host.acquireAndInvoke(name, 1)).value, 1);
      }
      assert.equal(hypervisor.mostAtOnce, 2);
      const counts = host.heartbeats.map(({ vmCount }) => vmCount ?? 0);
      assert.equal(Math.max(...counts), 2);
    } finally {
      await host.stop();
    }
  });

  it("serves calls that wait for clones with a VM that becomes free before, and makes no more of those", async () => {
    const hypervisor = new HeldClones({ bootMs: 10, cloneMs: 10 });
    const host = await HostHarness.start({ makeHypervisor: () => hypervisor, poolBaseTarget: 0 });
    try {
      await host.acquireAndInvoke("a", 0);
      const running = host.frontend.invoke("a", { simulated: { runMs: 300 } });
      await host.until("busy", () => host.count("busy") === 1);
      hypervisor.isHeld = true;
      const calls = Array.from({ length: 12 }, (_, i) => host.acquireAndInvoke("a", i));
      await running;
      const answers = await Promise.all(calls);
      assert.deepEqual(
        answers.map(({ value }) => value),
        calls.map((_, i) => i),
      );
      await host.until(
        "as many clones as are begun",
        () => host.count("cloning") <= clonesAtOnceMax,
      );
    } finally {
      await host.stop();
    }
  });

  it("counts virtual CPUs, and code and templates are told for placement", async () => {
    const host = await HostHarness.start({
      makeHypervisor: () => new SimulatedHypervisor({ bootMs: 10, cloneMs: 10 }),
      vcpuMax: 1,
    });
    try {
      await host.acquireAndInvoke("a", 0);
      const running = host.frontend.invoke("a", { simulated: { runMs: 1_500 } });
      await host.until("busy", () => host.count("busy") === 1);
      await assert.rejects(host.assign({ name: "b" }), {
        code: "noCapacity",
        message: /1 of at most 16 VMs with 1 of at most 1 CPUs/,
      });
      await running;
      await host.until("told", () => {
        const { vcpuCount, vcpuUsed, code, pools } = host.heartbeats.at(-1) ?? {};
        const isTold = vcpuCount === 1 && vcpuUsed === 1 && code?.length === 8;
        return isTold && pools?.[0]?.hasTemplate === true;
      });
    } finally {
      await host.stop();
    }
  });
});
