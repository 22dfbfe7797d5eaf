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

  it("gives guests no network unless it is told to, and then only by the qemu driver", () => {
    const allowed = {
      ...home,
      TIDEPOOL_GUEST_NETWORK: "internet",
      TIDEPOOL_GUEST_NETWORK_ALLOW: "10.1.0.0/16, 10.2.3.4",
    };
    assert.equal(readConfig(home).guestNetwork, undefined);
    assert.deepEqual(readConfig(allowed).guestNetwork, {
      resolvers: ["1.1.1.1", "8.8.8.8"],
      allowed: ["10.1.0.0/16", "10.2.3.4"],
      denied: [],
    });
    assert.throws(() => readConfig({ ...allowed, TIDEPOOL_HYPERVISOR: "libvirt" }), {
      message: /only the qemu driver gives guests a network/,
    });
  });

  for (const [name, value] of [
    ["TIDEPOOL_HOST_ID", "a.b"],
    ["TIDEPOOL_HOST_ADDRESS", "nowhere"],
    ["TIDEPOOL_HYPERVISOR", "xen"],
    ["TIDEPOOL_MEMORY_MIB", "1"],
    ["TIDEPOOL_VM_COUNT_MAX", "0"],
    ["TIDEPOOL_GUEST_NETWORK", "all"],
    ["TIDEPOOL_GUEST_NETWORK_ALLOW", "10.0.0.0/33"],
    ["TIDEPOOL_GUEST_NETWORK_DENY", "example.org"],
    ["TIDEPOOL_GUEST_RESOLVERS", "::1"],
  ] as const) {
    it(`refuses ${name}='${value}' and names it`, () => {
      assert.throws(() => readConfig({ ...home, [name]: value }), {
        code: "invalid",
        message: new RegExp(`${name} .*'${value}'`),
      });
    });
  }
});
