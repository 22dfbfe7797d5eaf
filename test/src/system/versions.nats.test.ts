/**
 * A switch of versions under load. What could go wrong is between the services: the frontend sends calls to a
 * version whose VMs the host has let go, or holds them until one of the new version is there; one frontend
 * switches and the other does not. Calls go on at 50 a second, at two frontends in turn, while the active
 * version, and then an alias, goes back and forth: none may fail, and all that begin a second after an answer
 * must run the version that was answered.
 */
import assert from "node:assert/strict";
import { systemClock } from "@tidepool/common";
import { TidepoolClient } from "@tidepool/sdk";
import type { FunctionVersion, InvokeResult } from "@tidepool/sdk";
import { runTidepool } from "../cli/tidepool-process.ts";
import { aSystem, echoZip } from "./a-system.ts";
import type { TestSystem } from "./a-system.ts";
import { longestGapMs } from "./longest-gap.ts";
import { waitFor } from "./wait-for.ts";

const settings = { runtime: "nodejs20", handler: "index.handler" };
const callEveryMs = 20;
const switchedWithinMs = 1_000;
/** A call that began before a switch may be routed after it. */
const longestCallMs = 500;
/** Long beside both. */
const betweenSwitchesMs = 2_500;

interface Call {
  readonly atMs: number;
  readonly answer: InvokeResult | Error;
}

describe("Versions under load", function () {
  let system: TestSystem;
  /** One of each frontend: what one has answered holds at the other. */
  let clients: readonly TidepoolClient[];
  before(async () => {
    system = await aSystem({ poolBaseTarget: 8, frontendCount: 2 });
    clients = await Promise.all(system.addresses.map((at) => TidepoolClient.connect(at)));
    assert.equal(clients.length, 2);
    const ready = async (): Promise<number> => {
      for await (const { pools } of system.client.watchPools()) return pools[0]?.ready ?? 0;
      return 0;
    };
    await waitFor("ready VMs", ready, (count) => count > 0);
  });
  const timers: NodeJS.Timeout[] = [];
  afterEach(() => {
    for (const timer of timers.splice(0)) clearInterval(timer);
  });
  after(async () => {
    for (const client of clients) client.close();
    await system.stop();
  });

  const deploy = async (name: string, runMs: number, options = {}): Promise<string> => {
    const { newestVersion } = await system.client.deploy(
      name,
      { ...settings, environment: { SIMULATED_RUN_MS: String(runMs) } },
      echoZip,
      options,
    );
    return newestVersion ?? "";
  };

  /** Calls go on, one after the other in time and not in turn, until stop(). */
  const callAlong = (
    name: string,
    qualifier = "",
  ): { readonly calls: Call[]; stop(): Promise<void> } => {
    const calls: Call[] = [];
    const pending: Promise<void>[] = [];
    const timer = setInterval(() => {
      const atMs = Date.now();
      const note = (answer: InvokeResult | Error): void => void calls.push({ atMs, answer });
      const client = clients[pending.length % clients.length] ?? system.client;
      pending.push(client.invoke(name, 1, { qualifier, attemptsMax: 1 }).then(note, note));
    }, callEveryMs);
    timers.push(timer);
    return {
      calls,
      async stop() {
        clearInterval(timer);
        await Promise.all(pending);
      },
    };
  };
  const versionOf = ({ answer }: Call): string =>
    answer instanceof Error ? answer.message : answer.version;

  /** Each switch is made while calls run; all calls are then judged. */
  const judge = async (
    running: ReturnType<typeof callAlong>,
    switches: readonly { readonly to: string; make(): Promise<unknown> }[],
  ): Promise<void> => {
    const made: { readonly to: string; readonly beganAtMs: number; readonly atMs: number }[] = [];
    for (const next of switches) {
      const beganAtMs = Date.now();
      await next.make();
      made.push({ to: next.to, beganAtMs, atMs: Date.now() });
      await systemClock.sleep(betweenSwitchesMs);
    }
    await running.stop();
    const failed = running.calls.filter(({ answer }) => answer instanceof Error);
    assert.deepEqual(failed.map(versionOf), []);
    // While this process stood still, so did the frontends: they are in it.
    const stoodStillMs = longestGapMs(running.calls);
    let judged = 0;
    for (const [index, { to, atMs }] of made.entries()) {
      const untilMs = made[index + 1]?.beganAtMs ?? Infinity;
      const since = running.calls.filter(
        (call) =>
          call.atMs >= atMs + switchedWithinMs + stoodStillMs &&
          call.atMs < untilMs - longestCallMs - stoodStillMs,
      );
      judged += since.length;
      const others = since.filter((call) => versionOf(call) !== to);
      assert.deepEqual(others.map(versionOf), [], `all run version ${to}`);
    }
    assert.ok(judged > 10, `${judged} calls, ${stoodStillMs} ms between two`);
  };

  for (const runMs of [5, 200]) {
    it(`fails no call of ${runMs} ms at a rollback, and has switched within a second`, async () => {
      const name = `rolled-back-${runMs}`;
      await deploy(name, runMs);
      await deploy(name, runMs);
      const running = callAlong(name);
      await waitFor(
        "calls",
        () => running.calls.length,
        (count) => count > 25,
      );
      const activate = (version: string) => ({
        to: version,
        make: () => system.client.activateVersion(name, version),
      });
      await judge(running, [
        { to: "1", make: () => system.client.rollback(name) },
        activate("2"),
        activate("1"),
      ]);
    });
  }

  it("fails no call when an upload takes over, or an alias moves", async () => {
    await deploy("moved", 20);
    await system.client.putAlias("moved", { name: "live", version: "1" });
    const plain = callAlong("moved");
    const aliased = callAlong("moved", "live");
    await waitFor(
      "calls",
      () => aliased.calls.length,
      (count) => count > 25,
    );
    await judge(plain, [{ to: "2", make: () => deploy("moved", 20) }]);
    await judge(aliased, [
      { to: "2", make: () => system.client.putAlias("moved", { name: "live", version: "2" }) },
    ]);
  });

  it("has a VM of the version that takes over ready before its first call", async () => {
    await deploy("between", 5);
    const first = await system.client.invoke("between");
    await waitFor(
      "its history",
      () => system.client.getForecast("between"),
      ({ callsSeen }) => callsSeen > 0,
    );
    await waitFor(
      "the VM that its call has left",
      () => system.toldVms("between"),
      (told) => told.some(({ idle = 0 }) => idle > 0),
    );
    await deploy("between", 5);
    await waitFor(
      "a VM of version 2",
      () => system.toldVms("between"),
      (told) => told.some(({ version, idle = 0 }) => version === "2" && idle > 0),
    );
    // A frontend may hear of it a moment later: until then version 1 serves.
    const { start, vmId, requestId } = await waitFor(
      "its first call",
      () => system.client.invoke("between"),
      ({ version }) => version === "2",
    );
    assert.equal(start, "warm");
    assert.notEqual(vmId, first.vmId);
    const { reason, summary } = await system.client.explainCall(requestId);
    assert.equal(reason, "warm");
    assert.match(summary, /made ready when version 2 took over from version 1/);
  });

  it("is all told and done by the command", async () => {
    const at = ["--address", system.address];
    const tidepool = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await runTidepool([...at, ...args]);
      assert.equal(code, 0, stderr);
      return stdout === "" ? stderr : stdout;
    };
    await deploy("told", 5, { description: "the first" });
    await deploy("told", 5, { keepActive: true });
    assert.match(await tidepool("versions", "told"), /2 .*\n +1 +active .* the first\n/);
    const json = JSON.parse(await tidepool("versions", "told", "--json")) as FunctionVersion[];
    assert.deepEqual(
      json.map(({ version, isActive }) => [version, isActive]),
      [
        ["2", false],
        ["1", true],
      ],
    );
    assert.match(await tidepool("rollback", "told", "--to", "2"), /runs version 2 now, 1 before/);
    assert.match(await tidepool("rollback", "told"), /runs version 1 now, 2 before/);
    const split = ["--split", "2=0.25"];
    assert.match(
      await tidepool("alias", "set", "told", "live", "1", ...split),
      /told:live runs version 1 \(75 %\), 2 \(25 %\)/,
    );
    assert.match(await tidepool("alias", "list", "told"), /live +version 1 \(75 %\), 2 \(25 %\)/);
    await tidepool("alias", "set", "told", "live", "2");
    for (const target of [["told:live"], ["told", "--qualifier", "2"], ["told:2"]]) {
      const answer = await tidepool("invoke", ...target, "--json");
      assert.equal((JSON.parse(answer) as InvokeResult).version, "2");
    }
    const wrong = await runTidepool([...at, "rollback", "told", "--revision", "1"]);
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /is at revision \d+, this change was made for revision 1/);
    await tidepool("alias", "delete", "told", "live");
    const gone = await runTidepool([...at, "invoke", "told:live"]);
    assert.match(gone.stderr, /function 'told' has no alias 'live'/);
  });
});
