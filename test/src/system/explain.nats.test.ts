/**
 * What people are told of calls and forecasts, over all services: the records of frontend and shard come
 * together, prediction can be switched while it runs, and shadow changes nothing.
 */
import assert from "node:assert/strict";
import { systemClock, TidepoolError } from "@tidepool/common";
import type { CallExplanation, FunctionSettings } from "@tidepool/sdk";
import { runTidepool } from "../cli/tidepool-process.ts";
import { aSystem, echoZip } from "./a-system.ts";
import type { TestSystem } from "./a-system.ts";
import { waitFor } from "./wait-for.ts";

const settings = { runtime: "nodejs20", handler: "index.handler" };
/** Far longer than preparing takes on a busy machine: a VM that is due sooner than that is kept, not loaded again. */
const periodMs = 3_000;
const base = 6;

describe("Explanations", function () {
  let system: TestSystem;
  before(async () => {
    system = await aSystem({ poolBaseTarget: base });
    const pools = async (): Promise<number> => {
      for await (const snapshot of system.client.watchPools())
        return snapshot.pools[0]?.target ?? 0;
      return 0;
    };
    await waitFor("the base target", pools, (target) => target === base);
  });
  after(() => system.stop());

  const deploy = async (name: string, more: Partial<FunctionSettings> = {}): Promise<void> => {
    await system.client.createFunction(name, { ...settings, ...more });
    await system.client.uploadCode(name, echoZip);
  };
  const why = async (requestId: string): Promise<CallExplanation> =>
    system.client.explainCall(requestId);
  const call = async (name: string, payload: unknown = 1): Promise<CallExplanation> => {
    const { requestId } = await system.client.invoke(name, payload);
    return why(requestId);
  };
  /** The start of each call. */
  const callEvery = async (name: string, times: number): Promise<string[]> => {
    const startedAtMs = Date.now();
    const ids: string[] = [];
    for (let index = 0; index < times; index++) {
      await systemClock.sleep(startedAtMs + index * periodMs - Date.now());
      ids.push((await system.client.invoke(name, index)).requestId);
    }
    return ids;
  };

  it("tells the first call ever, a warm one, and one whose VM was busy", async () => {
    await deploy("plain", { environment: { SIMULATED_RUN_MS: "300" } });
    const first = await call("plain");
    assert.equal(first.reason, "firstCall", first.summary);
    assert.match(
      first.summary,
      /^pool: first call ever of this function; a VM of the warming pool/,
    );
    assert.equal(first.expectation?.callsSeen, 0);
    const second = await call("plain");
    assert.equal(second.reason, "warm");
    assert.equal(second.expectation?.callsSeen, 1);
    const busyWith = system.client.invoke("plain", 1, { requestId: "long-one" });
    await systemClock.sleep(50);
    const { requestId } = await system.client.invoke("plain", 2);
    await busyWith;
    const busy = await why(requestId);
    assert.equal(busy.reason, "busy", busy.summary);
    assert.match(
      busy.summary,
      /a call was under way already \(long-one in \S+\), and no other VM was idle/,
    );
  });

  it("tells how long a VM was kept, when the next call came later", async () => {
    await deploy("rare", { keepAliveMs: 400 });
    await call("rare");
    await systemClock.sleep(1_200);
    const { reason, summary } = await call("rare");
    assert.equal(reason, "noPeriod", summary);
    assert.match(
      summary,
      /no period known: kept 0\.4 s after the call of [\d:]+ UTC, this came 1\.\d+ s after/,
    );
  });

  it("tells that a version is new", async () => {
    await deploy("renewed", { keepAliveMs: 400 });
    await call("renewed");
    // With its VM gone there is none to serve in the new version's place, and none to replace.
    await systemClock.sleep(1_200);
    await system.client.uploadCode("renewed", echoZip);
    const { reason, summary } = await call("renewed");
    assert.equal(reason, "newVersion", summary);
    assert.match(summary, /first call of version 2, which VMs of version 1 do not run/);
  });

  it("tells of a call that failed, and that nothing is known of another", async () => {
    await deploy("fails");
    const wish = { simulated: { failure: "throw" } };
    await assert.rejects(system.client.invoke("fails", wish, { requestId: "it-fails" }));
    const { outcome, summary } = await why("it-fails");
    assert.equal(outcome?.failure?.code, "functionError");
    assert.match(summary, /it failed with functionError/);
    await assert.rejects(why("never-was"), (error) => {
      assert.ok(error instanceof TidepoolError);
      assert.equal(error.code, "notFound");
      assert.match(error.message, /request 'never-was'; calls are told of for 24 hours/);
      return true;
    });
  });

  it("tells what was expected of a call that a forecast had a VM ready for, and of one that came early", async () => {
    await deploy("tick", { keepAliveMs: 6_000 });
    // The period is sure after six to nine calls: so many more that several windows are hit.
    const ids = await callEvery("tick", 16);
    const last = await why(ids.at(-1) ?? "");
    assert.equal(last.reason, "predicted", last.summary);
    assert.match(
      last.summary,
      /had waited for it for .* it was expected .* ± .* \(degree 0\.\d+\)/,
    );
    assert.ok(last.expectation?.prewarm?.vmIds.includes(last.outcome?.vmId ?? ""));
    assert.ok(
      last.vmSteps.some(({ phase, vmId }) => phase === "idle" && vmId === last.outcome?.vmId),
    );
    await systemClock.sleep(periodMs * 0.4);
    const early = await call("tick");
    assert.equal(early.reason, "early", early.summary);
    assert.match(early.summary, /expected .*, came 1\.\d+ s early; VMs had been kept until/);
    const forecast = await system.client.getForecast("tick");
    const hits = forecast.recent.filter(({ calledAtMs }) => calledAtMs !== undefined);
    assert.ok(hits.length >= 4, JSON.stringify(forecast.recent));
    assert.ok(hits.some(({ wasPrepared }) => wasPrepared));
    assert.deepEqual([forecast.prediction, forecast.predictionFrom], ["on", "default"]);
    assert.deepEqual([forecast.coldStartCost, forecast.coldStartCostFrom], [12, "default"]);
    assert.ok(forecast.tenantCap.used > 0 && forecast.tenantCap.used < 60);
  });

  it("decides and records in shadow, and changes nothing", async () => {
    await deploy("shadowed", { keepAliveMs: 1_000, prediction: "shadow" });
    const ids = await callEvery("shadowed", 12);
    const told = await Promise.all(ids.map(why));
    assert.ok(told.every(({ outcome }) => outcome?.start === "pool" || outcome?.start === "cold"));
    const last = told.at(-1);
    assert.equal(last?.reason, "shadow", last?.summary);
    assert.match(
      last?.summary ?? "",
      /in shadow and it would have had a VM ready .*; kept 1 s after/,
    );
    assert.equal(last?.expectation?.prewarm?.isShadow, true);
    const forecast = await system.client.getForecast("shadowed");
    assert.ok(forecast.degree > 0.5);
    assert.deepEqual([forecast.prediction, forecast.predictionFrom], ["shadow", "function"]);
    assert.ok(forecast.recent.some(({ wasShadow, wasPrepared }) => wasShadow && wasPrepared));
    const { comparison } = forecast;
    assert.ok(comparison !== undefined && comparison.calls >= 4);
    assert.equal(comparison.fixedColdStarts, comparison.calls);
    assert.ok(comparison.coldStarts < comparison.calls / 2, JSON.stringify(comparison));
    // Switched on, without a new version, it acts at the next window.
    const { version } = await system.client.getFunction("shadowed");
    const { settings: before } = await system.client.getFunction("shadowed");
    const after = await system.client.updateFunction("shadowed", { ...before, prediction: "on" });
    assert.equal(after.version, version);
    const acting = await Promise.all((await callEvery("shadowed", 4)).map(why));
    assert.ok(
      acting.slice(2).every(({ reason }) => reason === "predicted"),
      acting.map(({ summary }) => summary).join("\n"),
    );
  });

  it("is told by the command, and its tenant's settings hold for all functions", async () => {
    const at = ["--address", system.address];
    const ids = await callEvery("tick", 1);
    const { code, stdout } = await runTidepool([...at, "why", ids[0] ?? ""]);
    assert.equal(code, 0);
    assert.match(stdout, /^\w+: .*\.\n\nrequest +\S+ of tick\n/);
    const json = await runTidepool([...at, "why", ids[0] ?? "", "--json"]);
    assert.equal((JSON.parse(json.stdout) as CallExplanation).requestId, ids[0]);
    const none = await runTidepool([...at, "why", "never-was"]);
    assert.equal(none.code, 1);
    assert.match(none.stderr, /told of for 24 hours/);
    const set = await runTidepool([
      ...at,
      "tenant",
      "set",
      "default",
      "--prediction",
      "off",
      "--price",
      "5",
      "--prewarm-cap",
      "9",
    ]);
    assert.equal(set.code, 0, set.stderr);
    const shown = await runTidepool([...at, "tenant", "show", "default"]);
    assert.match(shown.stdout, /prediction +off\n.*price +5 .*\n.*cap +9 /);
    const forecast = await waitFor(
      "the tenant's word",
      () => system.client.getForecast("tick"),
      ({ prediction }) => prediction === "off",
    );
    assert.deepEqual([forecast.predictionFrom, forecast.coldStartCost], ["tenant", 5]);
    assert.equal(forecast.tenantCap.max, 9);
    assert.equal(forecast.degree, 0);
    const text = (await runTidepool([...at, "forecast", "tick"])).stdout;
    assert.match(text, /prediction off \(tenant\)/);
    const wrong = await runTidepool([...at, "tenant", "show", "other"]);
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /no tenant 'other'/);
  });
});
