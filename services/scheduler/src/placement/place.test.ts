import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, it } from "mocha";
import { seededRandom } from "@tidepool/policy";
import { place, type HostView, type PlacementRequest } from "./index.ts";

const request: PlacementRequest = {
  versionKey: "report@3",
  configKey: "node20-256",
  codeDigest: "sha256-a",
  memoryMib: 256,
  vcpuCount: 1,
};
const empty: HostView = {
  hostId: "h-0",
  state: "ready",
  memoryFreeMib: 1024,
  memoryTotalMib: 4096,
  vmOverheadMib: 0,
  vcpuFree: 4,
  vcpuTotal: 8,
  vmCount: 2,
  vmCountMax: 8,
  evictableCount: 0,
  idleByVersion: {},
  poolByConfig: {},
  templates: new Set(),
  codeKeys: new Set(),
};
const idle = { ...empty, hostId: "h-idle", idleByVersion: { "report@3": 1 } };
const pool = { ...empty, hostId: "h-pool", poolByConfig: { "node20-256": 2 } };
const template = { ...empty, hostId: "h-template", templates: new Set(["node20-256"]) };
const code = { ...template, hostId: "h-code", codeKeys: new Set(["sha256-a"]) };
const onlyCode = { ...code, hostId: "h-only-code", templates: new Set<string>() };
const full = { ...empty, hostId: "h-full", vmCount: 8 };
const small = { ...empty, hostId: "h-small", memoryFreeMib: 128 };
const draining = { ...idle, hostId: "h-draining", state: "draining" as const };
const silent = { ...pool, hostId: "h-silent", state: "silent" as const };

const chosen = (hosts: readonly HostView[], wish: Partial<PlacementRequest> = {}) => {
  const placement = place({ ...request, ...wish }, hosts, seededRandom(1));
  return placement.ok ? [placement.hostId, placement.reason] : placement.failure;
};

describe("place", () => {
  it("prefers an idle VM, then the pool, then template and code, then the template, then room", () => {
    assert.deepEqual(chosen([empty, code, pool, idle]), ["h-idle", "idle"]);
    assert.deepEqual(chosen([empty, code, template, pool]), ["h-pool", "pool"]);
    assert.deepEqual(chosen([empty, template, code]), ["h-code", "code"]);
    assert.deepEqual(chosen([empty, onlyCode, template]), ["h-template", "template"]);
    assert.deepEqual(chosen([empty]), ["h-0", "memory"]);
  });
  it("gives a pre-warm no idle VM: it is spoken for", () => {
    assert.deepEqual(chosen([idle, pool], { isPrewarm: true }), ["h-pool", "pool"]);
  });
  it("takes what is there already from a host that could not start another", () => {
    assert.deepEqual(chosen([{ ...idle, vmCount: 8, memoryFreeMib: 0 }]), ["h-idle", "idle"]);
    assert.deepEqual(chosen([{ ...pool, vmCount: 8, memoryFreeMib: 0 }]), ["h-pool", "pool"]);
  });
  it("has a VM that nobody uses make room at last, for a call and for no window", () => {
    const used = { ...full, hostId: "h-used", evictableCount: 1 };
    assert.deepEqual(chosen([full, used]), ["h-used", "evict"]);
    assert.deepEqual(chosen([full, used, empty]), ["h-0", "memory"]);
    assert.ok("code" in chosen([full, used], { isPrewarm: true }));
  });
  it("says that waiting does not help when no host is large enough", () => {
    const placed = chosen([{ ...full, evictableCount: 1 }], { memoryMib: 8_192 });
    assert.ok("reason" in placed);
    assert.equal(placed.reason, "neverFits");
  });
  it("takes what a VM needs beside its function, and its CPUs, into account", () => {
    const scarce = { ...empty, hostId: "h-scarce", memoryFreeMib: 300, vmOverheadMib: 96 };
    const busy = { ...empty, hostId: "h-busy", vcpuFree: 1 };
    assert.deepEqual(chosen([scarce, busy]), ["h-busy", "memory"]);
    assert.deepEqual(chosen([scarce, busy], { memoryMib: 128, vcpuCount: 2 }), [
      "h-scarce",
      "memory",
    ]);
    const placed = chosen([busy], { vcpuCount: 2 });
    assert.ok("message" in placed);
    assert.match(placed.message, /h-busy has 1 CPUs free of 8/);
    const never = chosen([{ ...busy, vcpuTotal: 1 }], { vcpuCount: 2 });
    assert.ok("reason" in never);
    assert.equal(never.reason, "neverFits");
  });
  it("takes only hosts that give VMs a network for a function that asks for one", () => {
    const open = { ...empty, hostId: "h-open", offersInternet: true };
    assert.deepEqual(chosen([idle, pool, open], { needsInternet: true }), ["h-open", "memory"]);
    assert.deepEqual(chosen([idle, pool], { needsInternet: true }), {
      code: "wrongPhase",
      message: "report@3 asks for the internet, which no host gives its VMs",
      reason: "noNetwork",
    });
    const others = chosen([idle, { ...open, vmCount: 8 }], { needsInternet: true });
    assert.ok("message" in others);
    assert.match(others.message, /h-idle gives VMs no network, h-open has 8 of at most 8 VMs/);
  });
  it("names each limit when nobody can", () => {
    assert.deepEqual(chosen([full, small, draining, silent]), {
      code: "noCapacity",
      message:
        "report@3 needs 256 MiB: h-full has 8 of at most 8 VMs, h-small has 128 MiB free of 4096, " +
        "h-draining is draining, h-silent is silent",
      reason: "hostsFull",
    });
    assert.deepEqual(chosen([]), {
      code: "noCapacity",
      message: "report@3 needs 256 MiB, no host has reported",
      reason: "noHost",
    });
  });
  it("never chooses the most loaded of equals, and spreads over the others", () => {
    const hosts = [0, 1, 2, 3].map((i) => ({
      ...empty,
      hostId: `h-${i}`,
      vmCount: i * 2,
      memoryFreeMib: 4096,
    }));
    const random = seededRandom(9);
    const seen = new Set<string>();
    for (let i = 0; i < 200; i += 1) {
      const placement = place(request, hosts, random);
      if (placement.ok) seen.add(placement.hostId);
    }
    assert.deepEqual([...seen].sort(), ["h-0", "h-1", "h-2"]);
  });
  it("admits nobody over a limit and chooses the same for the same seed", () => {
    const host = fc.record({
      hostId: fc.stringMatching(/^h-[0-9]{1,4}$/),
      state: fc.constantFrom("ready" as const, "draining" as const, "silent" as const),
      memoryFreeMib: fc.nat(1024),
      memoryTotalMib: fc.constant(1024),
      vmOverheadMib: fc.constantFrom(0, 96),
      vcpuFree: fc.nat(4),
      vcpuTotal: fc.constant(4),
      vmCount: fc.nat(8),
      vmCountMax: fc.constant(8),
      evictableCount: fc.nat(2),
      idleByVersion: fc.constantFrom({}, { "report@3": 1 }),
      poolByConfig: fc.constantFrom({}, { "node20-256": 1 }),
      templates: fc.constantFrom(new Set<string>(), new Set(["node20-256"])),
      codeKeys: fc.constantFrom(new Set<string>(), new Set(["sha256-a"])),
    });
    const hostsOf = fc.uniqueArray(host, { selector: (one) => one.hostId, maxLength: 12 });
    fc.assert(
      fc.property(hostsOf, fc.nat(), (hosts, seed) => {
        const placement = place(request, hosts, seededRandom(seed));
        assert.deepEqual(place(request, hosts, seededRandom(seed)), placement);
        if (!placement.ok) return;
        const on = hosts.find((one) => one.hostId === placement.hostId);
        assert.equal(on?.state, "ready");
        const isNew = ["code", "template", "memory"].includes(placement.reason);
        const room = on.memoryFreeMib >= 256 + on.vmOverheadMib && on.vcpuFree >= 1;
        if (isNew) assert.ok(room && on.vmCount < 8);
      }),
    );
  });
});
