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
      replicas: 1,
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
      replicas: 1,
      isConnected: true,
      request: () => Promise.reject(new TidepoolError("stale", "not ours")),
    };
    const scheduler = new NatsScheduler(bus as unknown as Bus, 64);
    await assert.rejects(scheduler.acquire(request, 20 * acquireAgainMs), { code: "stale" });
  });

  it("waits for another server of a cluster when the connection to one is lost, and for nobody else", async () => {
    const vm = { hostId: "h-1", hostAddress: "x:1", vmId: "vm-1" };
    let looks = 0;
    const busOf = (replicas: number): Bus =>
      ({
        replicas,
        get isConnected() {
          looks += 1;
          return looks > 2;
        },
        request: () => Promise.resolve(vm),
      }) as unknown as Bus;
    const acquire = (replicas: number): Promise<unknown> => {
      looks = 0;
      return new NatsScheduler(busOf(replicas), 64).acquire(request, 20 * acquireAgainMs);
    };
    assert.deepEqual(await acquire(3), vm);
    await assert.rejects(acquire(1), { code: "unavailable", reason: "natsAway" });
  });
});
