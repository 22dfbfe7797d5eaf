import assert from "node:assert/strict";
import { readConfig } from "./config.ts";

const home = { HOME: "/home/ada" };

describe("readConfig of the host-agent", () => {
  it("gives every host of one machine a state folder of its own", () => {
    const { stateDir, cacheDir } = readConfig({ ...home, TIDEPOOL_HOST_ID: "h-2" });
    assert.equal(stateDir, "/home/ada/.local/state/tidepool/h-2");
    assert.equal(cacheDir, "/home/ada/.cache/tidepool");
  });

  it("never chooses the simulation by itself", () => {
    assert.equal(readConfig(home).hypervisor, "qemu");
    assert.equal(readConfig({ ...home, TIDEPOOL_HYPERVISOR: "simulated" }).hypervisor, "simulated");
  });

  for (const [name, value] of [
    ["TIDEPOOL_HOST_ID", "a.b"],
    ["TIDEPOOL_HOST_ADDRESS", "nowhere"],
    ["TIDEPOOL_HYPERVISOR", "xen"],
    ["TIDEPOOL_MEMORY_MIB", "1"],
    ["TIDEPOOL_VM_COUNT_MAX", "0"],
  ] as const) {
    it(`refuses ${name}='${value}' and names it`, () => {
      assert.throws(() => readConfig({ ...home, [name]: value }), {
        code: "invalid",
        message: new RegExp(`${name} .*'${value}'`),
      });
    });
  }
});
