import assert from "node:assert/strict";
import type { Bus } from "@tidepool/actors";
import { TidepoolError } from "@tidepool/common";
import { acquireAgainMs } from "../limits.ts";
import { NatsScheduler } from "./scheduler.ts";

const request = {
  requestId: "r-1",
  stored: { name: "f", version: "1", codeDigest: "sha256:1", settings: {} },
  refusedVmId: "",
  avoidHostIds: [],
} as unknown as Parameters<NatsScheduler["acquire"]>[0];

describe("NatsScheduler", () => {
  it("asks again for a VM when who was asked says nothing, and takes the next owner's answer", async () => {
    let asked = 0;
    const bus = {
      isConnected: true,
      request: () => {
        asked += 1;
        return asked === 1
          ? new Promise(() => {}) // it has died with the request
          : Promise.resolve({ hostId: "h-1", hostAddress: "x:1", vmId: "vm-1" });
      },
    };
    const scheduler = new NatsScheduler(bus as unknown as Bus, 64);
    const acquired = await scheduler.acquire(request, 20 * acquireAgainMs);
    assert.deepEqual(acquired, { hostId: "h-1", hostAddress: "x:1", vmId: "vm-1" });
    assert.equal(asked, 2);
  });

  it("fails with the first failure: the router decides whether it is worth another attempt", async () => {
    const bus = {
      isConnected: true,
      request: () => Promise.reject(new TidepoolError("stale", "not ours")),
    };
    const scheduler = new NatsScheduler(bus as unknown as Bus, 64);
    await assert.rejects(scheduler.acquire(request, 20 * acquireAgainMs), { code: "stale" });
  });
});
