/**
 * What people are told of calls and forecasts, over all services: the records of frontend and shard come
 * together, prediction can be switched while it runs, and shadow changes nothing.
 */
import assert from "node:assert/strict";
import { TidepoolError } from "@tidepool/common";
import type { CallExplanation, FunctionSettings } from "@tidepool/sdk";
import { runTidepool } from "../cli/tidepool-process.ts";
import { aSystem, echoZip } from "./a-system.ts";
import type { TestSystem } from "./a-system.ts";
import { periodicCalls, untilInARow } from "./periodic-calls.ts";
import { waitFor } from "./wait-for.ts";

const settings = { runtime: "nodejs20", handler: "index.handler" };
/** Far longer than preparing takes on a busy machine: a VM that is due sooner than that is kept, not loaded again. */
const periodMs = 3_000;
const base = 6;
/** Those that the machine holds up are not as they should be: so many at most. */
const callsMax = 20;

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
  const vmsOf = (name: string): ReturnType<TestSystem["agent"]["fleet"]["views"]> =>
    system.agent.fleet.views().filter(({ functionName }) => functionName === name);
  const untilGone = (name: string): Promise<unknown> =>
    waitFor(
      `no VM of ${name}`,
      () => [...vmsOf(name), ...system.toldVms(name)],
      ({ length }) => length === 0,
    );
  /** Its pattern is known, and goes on: each call is one more of it, explained. */
  const aPeriodic = async (
    name: string,
    more: Partial<FunctionSettings>,
  ): Promise<() => Promise<CallExplanation>> => {
    await deploy(name, more);
    const lastAtMs = await system.teach(name, periodMs, 12);
    const next = periodicCalls(system.client, name, periodMs, lastAtMs);
    return async () => why((await next()).requestId);
  };
  const isPredicted = ({ reason }: CallExplanation): boolean => reason === "predicted";

  it("tells the first call ever, a warm one, and one whose VM was busy", async () => {
    await deploy("plain");
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
    const long = { simulated: { runMs: 3_000 } };
    const busyWith = system.client.invoke("plain", long, { requestId: "long-one" });
    await waitFor(
      "a busy VM",
      () => vmsOf("plain"),
      (vms) => vms.some(({ phase }) => phase === "busy"),
    );
    const { requestId } = await system.client.invoke("plain", 2);
    await busyWith;
    await why("long-one");
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
    await untilGone("rare");
    const { reason, summary } = await call("rare");
    assert.equal(reason, "noPeriod", summary);
    assert.match(
      summary,
      /no period known: kept 0\.4 s after the call of [\d:]+ UTC, this came [\d.]+ s after/,
    );
  });

  it("tells that a version is new", async () => {
    await deploy("renewed", { keepAliveMs: 400 });
    await call("renewed");
    // With its VM gone there is none to serve in the new version's place, and none to replace.
    await untilGone("renewed");
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
    const tick = await aPeriodic("tick", { keepAliveMs: 6_000 });
    const [, last] = await untilInARow(2, tick, isPredicted, callsMax);
    assert.ok(last !== undefined);
    assert.match(
      last.summary,
      /had waited for it for .* it was expected .* ± .* \(degree 0\.\d+\)/,
    );
    assert.ok(last.expectation?.prewarm?.vmIds.includes(last.outcome?.vmId ?? ""));
    assert.ok(
      last.vmSteps.some(({ phase, vmId }) => phase === "idle" && vmId === last.outcome?.vmId),
    );
    await untilGone("tick");
    const early = await call("tick");
    assert.equal(early.reason, "early", early.summary);
    assert.match(early.summary, /expected .*, came [\d.]+ s early; VMs had been kept until/);
    const forecast = await system.client.getForecast("tick");
    const hits = forecast.recent.filter(({ calledAtMs }) => calledAtMs !== undefined);
    assert.ok(hits.length >= 2, JSON.stringify(forecast.recent));
    assert.ok(hits.some(({ wasPrepared }) => wasPrepared));
    assert.deepEqual([forecast.prediction, forecast.predictionFrom], ["on", "default"]);
    assert.deepEqual([forecast.coldStartCost, forecast.coldStartCostFrom], [12, "default"]);
    assert.ok(forecast.tenantCap.used > 0 && forecast.tenantCap.used < 60);
  });

  it("decides and records in shadow, and changes nothing", async () => {
    const next = await aPeriodic("shadowed", { keepAliveMs: 1_000, prediction: "shadow" });
    const inShadow = await untilInARow(4, next, ({ reason }) => reason === "shadow", callsMax);
    const starts = inShadow.map(({ outcome }) => outcome?.start ?? "");
    assert.ok(
      starts.every((start) => start === "pool" || start === "cold"),
      starts.join(" "),
    );
    const last = inShadow.at(-1);
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
    await untilInARow(2, next, isPredicted, callsMax);
  });

  it("is told by the command, and its tenant's settings hold for all functions", async () => {
    const at = ["--address", system.address];
    await deploy("asked");
    const { requestId } = await system.client.invoke("asked");
    const { code, stdout } = await runTidepool([...at, "why", requestId]);
    assert.equal(code, 0);
    assert.match(stdout, /^\w+: .*\.\n\nrequest +\S+ of asked\n/);
    const json = await runTidepool([...at, "why", requestId, "--json"]);
    assert.equal((JSON.parse(json.stdout) as CallExplanation).requestId, requestId);
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
      () => system.client.getForecast("asked"),
      ({ prediction }) => prediction === "off",
    );
    assert.deepEqual([forecast.predictionFrom, forecast.coldStartCost], ["tenant", 5]);
    assert.equal(forecast.tenantCap.max, 9);
    assert.equal(forecast.degree, 0);
    const text = (await runTidepool([...at, "forecast", "asked"])).stdout;
    assert.match(text, /prediction off \(tenant\)/);
    const wrong = await runTidepool([...at, "tenant", "show", "other"]);
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /no tenant 'other'/);
  });
});
