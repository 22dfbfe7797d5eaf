import assert from "node:assert/strict";
import type { HostDescription } from "@tidepool/sdk";
import { describeHosts, progressOf, takesWork } from "./host.ts";

const aHost = (more: Partial<HostDescription> = {}): HostDescription => ({
  hostId: "h-1",
  state: "ready",
  address: "10.0.0.7:7071",
  hypervisor: "qemu",
  accelerator: "kvm",
  memoryMib: 8_192,
  memoryUsedMib: 448,
  vcpuCount: 64,
  vcpuUsed: 2,
  vmCount: 2,
  vmCountMax: 32,
  busyCount: 1,
  drainedAtMs: undefined,
  heardAtMs: 5,
  offersInternet: false,
  ...more,
});

describe("describeHosts", () => {
  it("has a line for each host with what it holds, also for one that was never heard", () => {
    const silent = aHost({
      hostId: "h-2",
      state: "silent",
      address: "",
      hypervisor: "",
      vcpuCount: 0,
      vcpuUsed: 0,
      drainedAtMs: 0,
    });
    const [title = "", ready = "", drained = ""] = describeHosts([aHost(), silent]).split("\n");
    assert.match(title, /HOST +STATE +DRIVER +MEMORY +CPUS +VMS +BUSY +NETWORK +ADDRESS/);
    assert.match(
      ready,
      /h-1 +ready +qemu \(kvm\) +448 of 8192 MiB +2 of 64 +2 of 32 +1 +none +10\.0/,
    );
    assert.match(drained, /h-2 +silent since 1970-01-01 .* - +448/);
    assert.match(describeHosts([aHost({ offersInternet: true })]), /1 +internet +10\.0/);
    assert.equal(describeHosts([]), "no host has reported yet\n");
  });
});

describe("takesWork", () => {
  it("needs one host that is neither drained, silent nor stopping", () => {
    const others = (["draining", "drained", "silent", "stopping"] as const).map((state) =>
      aHost({ state }),
    );
    assert.equal(takesWork(others), false);
    assert.equal(takesWork([...others, aHost()]), true);
  });
});

describe("progressOf", () => {
  it("says what a drain still waits for, and when it is over", () => {
    const draining = aHost({ state: "draining" });
    assert.equal(progressOf(draining), "drains: 2 VMs left, 1 with a call");
    assert.match(progressOf({ ...draining, vmCount: 1 }), /1 VM left/);
    assert.match(progressOf({ ...draining, state: "drained" }), /is drained/);
    assert.match(progressOf({ ...draining, state: "silent" }), /is silent/);
  });
});
