/**
 * A whole cluster under load, its machines' clocks apart, while its processes are killed, restarted and cut off.
 * What could go wrong: an accepted call is lost, calls fail or wait for an answer that never comes, somebody who hears
 * nothing goes on as owner of a shard or a VM while another has become it, or commands that were held up by a cut
 * are obeyed after it. One cluster for all of it, since its nats-servers take long to find their first leader.
 */
import assert from "node:assert/strict";
import { thisMachine } from "@tidepool/cli";
import { systemClock, TidepoolError } from "@tidepool/common";
import { TidepoolClient } from "@tidepool/sdk";
import { killInTurn, restartInTurn } from "./chaos.ts";
import { unexplained } from "./chaos-report.ts";
import { LoadedCluster, warmAndFresh } from "./loaded-cluster.ts";
import { cutInTurn, cutKinds, uncut } from "./partitions.ts";

const seed = 1;
const clocksApartMs = 500;
const callsPerSecond = 20;
const insideKinds = cutKinds.filter((kind) => kind !== "client-frontend");
/** docs/sdk.md says 7 s; the machine of a test may be slow. */
const noticedMaxMs = 20_000;

describe(`A cluster under ${callsPerSecond} calls a second, with clocks ${clocksApartMs} ms apart`, () => {
  let loaded: LoadedCluster;
  const say = (): void => {};

  before(async () => {
    loaded = await LoadedCluster.start({
      callsPerSecond,
      clocksApartMs,
      functions: warmAndFresh,
      hypervisor: "simulated",
      say,
    });
  });
  after(() => loaded.stop());

  it(`fails only calls inside a killed process, whatever kind is killed, seed ${seed}`, async () => {
    // The first leave calls behind that are begun again after a while: it passes during the others.
    const kinds = ["host", "agent", "frontend", "scheduler", "nats"] as const;
    const [kills, { failures, refusals, syncCount, acceptedIds }] = await loaded.during(() =>
      killInTurn(loaded, { seed, everyMs: 1_000, kinds, say }),
    );
    assert.equal(kills.length, kinds.length);
    assert.ok(syncCount > 100 && acceptedIds.length > 100);
    assert.deepEqual(unexplained(failures, kills), []);
    assert.deepEqual(refusals, []);
  });

  it("fails no call, waited for or accepted, while every process is restarted", async () => {
    const [, { failures, refusals, syncCount, acceptedIds }] = await loaded.during(() =>
      restartInTurn(loaded, say),
    );
    assert.ok(syncCount > 100 && acceptedIds.length > 100);
    assert.deepEqual(failures, []);
    assert.deepEqual(refusals, []);
  });

  it("fails no call for long, and none that may not be tried again, when links are cut", async () => {
    const [cuts, { failures, refusals, syncCount, acceptedIds }] = await loaded.during(() =>
      cutInTurn(loaded, { kinds: insideKinds, cutMs: 6_000, say }),
    );
    assert.equal(cuts.length, insideKinds.length);
    assert.ok(syncCount > 200 && acceptedIds.length > 200);
    assert.deepEqual(uncut(failures, cuts), []);
    assert.deepEqual(
      refusals.filter(({ isRetryable }) => !isRetryable),
      [],
    );
  });

  it("has a call end that waits for a frontend which its caller has lost, and says nothing", async () => {
    const [address = ""] = loaded.cluster.addresses;
    const client = await TidepoolClient.connect(address);
    const { network } = loaded.cluster;
    try {
      await client.invoke("a", 1);
      await network.cut(thisMachine, "frontend-1");
      const call = client.invoke("a", 2, { timeoutMs: 3 * noticedMaxMs });
      const early = systemClock.sleep(noticedMaxMs).then(() => "waits still");
      const ended = call.catch((error: unknown) => TidepoolError.from(error).code);
      assert.equal(await Promise.race([ended, early]), "unavailable");
    } finally {
      client.close();
      await network.mend(thisMachine, "frontend-1");
    }
  });

  it("has had one owner of each VM, and obeyed one of each shard, through all of that", () => {
    const { obeyed } = loaded.witness;
    assert.ok(obeyed.length > 400, `${obeyed.length} commands were heard`);
    assert.deepEqual(loaded.witness.violations(), []);
  });

  it("has brought every accepted call to its end", async () => {
    const { acceptedCount, statuses } = await loaded.ends();
    assert.deepEqual(statuses, { succeeded: acceptedCount });
  });
});
