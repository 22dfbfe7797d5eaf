/** Hosts of a cluster that die, are cut off, or are drained: what their VMs were for goes on elsewhere. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "@tidepool/actors/testing";
import { Cluster } from "@tidepool/cli";
import { TidepoolClient } from "@tidepool/sdk";
import { echoZip } from "../system/a-system.ts";
import { watchHosts } from "./seen-hosts.ts";
import type { SeenHosts } from "./seen-hosts.ts";

/** The promise of docs/operations.md; the machine of a test may be slow, but not slower than that. */
const replannedMaxMs = 10_000;

describe("Hosts of a cluster", function () {
  let folder = "";
  let cluster: Cluster;
  let client: TidepoolClient;
  let seen: SeenHosts;
  const stopping = new AbortController();

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidepool-hosts-"));
    cluster = await Cluster.start({
      folder,
      nats: 1,
      frontends: 1,
      schedulers: 2,
      hosts: 3,
      hypervisor: "simulated",
      env: { TIDEPOOL_POOL_BASE_TARGET: "3" },
      say: () => {},
      signal: stopping.signal,
    });
    client = await TidepoolClient.connect(cluster.addresses.join(","));
    seen = await watchHosts(cluster);
    const settings = { runtime: "nodejs20", handler: "index.handler" };
    for (const name of ["kept", "held"]) {
      const provisioned = name === "held" ? [{ count: 2 }] : [];
      await client.createFunction(name, { ...settings, provisioned });
      await client.uploadCode(name, echoZip);
    }
    await client.invoke("kept", 0);
    await until(() => sum(seen.idle("kept")) === 1 && sum(seen.idle("held")) === 2);
  });
  after(async () => {
    client.close();
    await seen.stop();
    await cluster.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const sum = (counts: Readonly<Record<string, number>>): number =>
    Object.values(counts).reduce((total, count) => total + count, 0);
  const without = (counts: Readonly<Record<string, number>>, hostId: string): number =>
    sum(Object.fromEntries(Object.entries(counts).filter(([id]) => id !== hostId)));
  const hostOf = (name: string): string => Object.keys(seen.idle(name))[0] ?? "";
  const stateOf = async (hostId: string): Promise<string | undefined> =>
    (await client.hosts.list()).find((host) => host.hostId === hostId)?.state;
  const isElsewhere = (hostId: string): boolean =>
    without(seen.idle("kept"), hostId) >= 1 && without(seen.idle("held"), hostId) >= 2;

  it("that die have their VMs made anew elsewhere, those kept after calls and those provisioned", async () => {
    const hostId = hostOf("kept");
    await cluster.stopPart(hostId);
    await until(() => isElsewhere(hostId), replannedMaxMs);
    assert.equal((await client.invoke("kept", 1)).start, "warm");
    await until(async () => (await stateOf(hostId)) === "silent");
    await cluster.startPart(hostId);
    await until(async () => (await stateOf(hostId)) === "ready");
  });

  it("that are cut off from NATS are not called, serve nobody, and are one of all when it is back", async () => {
    const hostId = hostOf("kept");
    await cluster.network.cut(hostId, "nats-1");
    await until(() => isElsewhere(hostId), replannedMaxMs);
    await until(async () => (await stateOf(hostId)) === "silent");
    for (let call = 0; call < 20; call += 1) {
      assert.equal((await client.invoke("kept", call)).payload, call);
    }
    await cluster.network.mend(hostId, "nats-1");
    await until(async () => (await stateOf(hostId)) === "ready");
    for (let call = 0; call < 20; call += 1) {
      assert.equal((await client.invoke("kept", call)).payload, call);
    }
    await until(async () => (await client.getForecast("held")).provisioned?.ready === 2);
  });

  it("that are drained stay so over restarts of host, scheduler and frontend, and get no VM", async () => {
    const hostId = hostOf("kept");
    await client.hosts.drain(hostId);
    await until(async () => (await stateOf(hostId)) === "drained");
    assert.ok(isElsewhere(hostId), JSON.stringify([seen.idle("kept"), seen.idle("held")]));
    const restarted = [hostId, "scheduler-1", "scheduler-2", "frontend-1"];
    await Promise.all(restarted.map((name) => cluster.restart(name)));
    await until(async () => (await stateOf(hostId)) === "drained");
    for (let call = 0; call < 20; call += 1) {
      assert.equal((await client.invoke("kept", call)).payload, call);
    }
    assert.equal(seen.heartbeats.get(hostId)?.vmCount ?? 0, 0);
    await client.hosts.undrain(hostId);
    await until(() => (seen.heartbeats.get(hostId)?.vmCount ?? 0) > 0);
  });
});
