import assert from "node:assert/strict";
import { tidepool } from "@tidepool/proto";
import { SimulatedHypervisor } from "./simulated/simulated-hypervisor.ts";
import type { HostHarness } from "./testing/host-harness.ts";
import { startSimulatedHost } from "./testing/simulated-host.ts";

const { FunctionRecord } = tidepool.internal.v1;

describe("The VMs of a HostAgent, simulated", function () {
  let host: HostHarness;

  const start = async (...given: Parameters<typeof startSimulatedHost>): Promise<void> => {
    host = await startSimulatedHost(...given);
  };
  afterEach(() => host.stop());

  describe("idle VMs", () => {
    const goneReasons = (): (string | null | undefined)[] =>
      host.facts.filter(({ phase }) => phase === "gone").map(({ reason }) => reason);

    it("pre-warmed and never called are released at keep_until as missed", async () => {
      await start();
      const nowMs = Date.now();
      const window = { startAtMs: nowMs, endAtMs: nowMs + 200 };
      await host.assign({ window, keepUntilMs: nowMs + 250 });
      await host.until("gone", () => goneReasons().length === 1);
      assert.deepEqual(goneReasons(), ["missed"]);
      assert.ok(host.facts.at(-1)?.window?.startAt);
      assert.ok((host.facts.at(-1)?.idleMs ?? 0) > 0);
    });

    it("are released as used when their keep-alive is over", async () => {
      await start();
      await host.acquireAndInvoke("echo", 0, { keepAliveMs: 150 });
      await host.until("gone", () => goneReasons().length === 1);
      assert.deepEqual(goneReasons(), ["used"]);
    });

    it("beyond a keep's count go at once, the others at its time", async () => {
      await start();
      for (const _ of [1, 2, 3]) await host.assign();
      await host.until("ready", () => host.count("idle") === 3);
      await host.keep({ name: "echo", count: 1, keepUntilMs: Date.now() + 300 });
      await host.until("two gone", () => host.agent.fleet.all().length === 1);
      await host.until("all gone", () => host.agent.fleet.all().length === 0);
    });

    it("under a floor stay when their time is over and when a keep lets the rest go", async () => {
      await start();
      const floor = { count: 1, untilMs: Date.now() + 60_000 };
      const command = { name: "echo", count: 0, keepUntilMs: 0 };
      for (const _ of [1, 2]) await host.assign({ keepUntilMs: Date.now() + 300 });
      await host.until("ready", () => host.count("idle") === 2);
      await host.keep({ ...command, floor });
      await host.until("one gone", () => goneReasons().length === 1);
      await host.keep(command);
      const told = (): number | null | undefined => host.heartbeats.at(-1)?.pools?.[0]?.provisioned;
      await host.until("told", () => told() === 1);
      assert.equal(host.count("idle"), 1);
      await host.keep({ ...command, floor: { count: 0, untilMs: Date.now() } });
      await host.until("all gone", () => host.agent.fleet.all().length === 0);
    });

    it("follow the newest keep, whatever the order in which keeps come", async () => {
      await start();
      await host.assign();
      await host.until("ready", () => host.count("idle") === 1);
      const nowMs = Date.now();
      await host.keep({ name: "echo", count: 1, keepUntilMs: nowMs + 9_000, sentAtMs: nowMs });
      await host.keep({ name: "echo", count: 0, keepUntilMs: nowMs, sentAtMs: nowMs - 1 });
      assert.equal(host.count("idle"), 1);
    });

    it("that a keep spoke of while they were busy go when their call ends", async () => {
      await start();
      await host.acquireAndInvoke("echo", 0);
      const running = host.frontend.invoke("echo", { simulated: { runMs: 1_500 } });
      await host.until("busy", () => host.count("busy") === 1);
      await host.keep({ name: "echo", count: 0, keepUntilMs: Date.now() });
      assert.ok((await running).value);
      await host.until("gone", () => goneReasons().length === 1);
      assert.deepEqual(goneReasons(), ["used"]);
    });
  });

  describe("a function that is deployed again or deleted", () => {
    const put = async (version: string, aliased: readonly string[] = []): Promise<unknown> => {
      const aliases = aliased.map((one) => ({ name: `v-${one}`, version: one }));
      const record = FunctionRecord.encode({ function: { name: "echo", version, aliases } });
      return host.storage.functions.put("echo", record.finish());
    };
    const reasonOf = async (vmId: string): Promise<unknown> => {
      await host.until("gone", () => host.phasesOf(vmId).includes("gone"));
      return host.facts.find((fact) => fact.vmId === vmId && fact.phase === "gone")?.reason;
    };

    it("loses its idle VMs as 'replaced', not those of the new version", async () => {
      await start();
      await put("1");
      const old = await host.assign();
      const current = await host.assign({ version: "2" });
      await host.until("ready", () => host.count("idle") === 2);
      await put("2");
      assert.equal(await reasonOf(old), "replaced");
      assert.equal(host.agent.fleet.get(current)?.phase, "idle");
    });

    it("keeps VMs of an older version that an alias names, and loses newer ones after a rollback", async () => {
      await start();
      await put("2", ["1"]);
      const aliased = await host.assign();
      const newest = await host.assign({ version: "3" });
      await host.until("ready", () => host.count("idle") === 2);
      await put("3", ["1"]);
      await put("2", ["1"]);
      assert.equal(await reasonOf(newest), "replaced");
      assert.equal(host.agent.fleet.get(aliased)?.phase, "idle");
    });

    it("loses its idle VMs at once and its busy ones after their call, as 'deleted'", async () => {
      await start();
      await put("1");
      const { result } = (await host.acquireAndInvoke("echo", 0)).message;
      const idle = await host.assign();
      await host.until("ready", () => host.count("idle") === 2);
      const running = host.frontend.invoke("echo", { simulated: { runMs: 1_500 } });
      await host.until("busy", () => host.count("busy") === 1);
      const busy = [idle, result?.vmId].find(
        (id) => host.agent.fleet.get(id ?? "")?.phase === "busy",
      );
      await host.storage.functions.delete("echo");
      await host.until("idle one gone", () => host.agent.fleet.all().length === 1);
      assert.ok((await running).value);
      assert.equal(await reasonOf(busy ?? ""), "deleted");
    });
  });

  describe("the warming pool", () => {
    it("of a new memory size is there before the first call of the function that wants it", async () => {
      await start();
      const settings = { runtime: "nodejs20", memoryMib: 512 };
      const wide = FunctionRecord.encode({ function: { name: "wide", version: "1", settings } });
      await host.storage.functions.put("wide", wide.finish());
      await host.until("one waits", () =>
        host.agent.fleet
          .views()
          .some((vm) => vm.config.memoryMib === 512 && vm.phase === "warming"),
      );
    });

    it("follows its target up and down, and says 'reduced' of those that go", async () => {
      await start({ poolBaseTarget: 1 });
      await host.until("at 1", () => host.count("warming") === 1);
      host.target(4);
      await host.until("at 4", () => host.count("warming") === 4);
      host.target(2);
      await host.until("at 2", () => host.agent.fleet.all().length === 2);
      const gone = () => host.facts.filter(({ phase }) => phase === "gone");
      await host.until("told", () => gone().length === 2);
      assert.deepEqual(
        gone().map(({ reason }) => reason),
        ["reduced", "reduced"],
      );
    });

    it("ignores targets of an older epoch", async () => {
      await start();
      host.target(2, { epoch: 3 });
      await host.until("at 2", () => host.count("warming") === 2);
      host.target(0, { epoch: 2 });
      host.target(3, { epoch: 3 });
      await host.until("at 3", () => host.count("warming") === 3);
    });

    it("is filled although half of all clones fail", async () => {
      await start({ poolBaseTarget: 4 }, { cloneFailureShare: 0.5, seed: 7 });
      await host.until("filled", () => host.count("warming") === 4);
    });

    it("says in the heartbeat why it cannot be filled, and does not spin", async () => {
      let bootCount = 0;
      class Broken extends SimulatedHypervisor {
        override ensureTemplate(...args: Parameters<SimulatedHypervisor["ensureTemplate"]>) {
          bootCount += 1;
          return super.ensureTemplate(...args);
        }
      }
      await start({
        poolBaseTarget: 4,
        makeHypervisor: () => new Broken({ bootMs: 1, bootFailureShare: 1 }),
      });
      const problem = (): string => host.heartbeats.at(-1)?.pools?.[0]?.problem ?? "";
      await host.until("told", () => problem().includes("simulated failure of the boot"));
      assert.match(problem(), /template nodejs20\/128/);
      assert.ok(bootCount <= 4, `${bootCount} boots`);
    });

    it("appears for the config of a function that is seen first", async () => {
      await start();
      await host.acquireAndInvoke("big", 0, { memoryMib: 256 });
      const pools = (): unknown => host.heartbeats.at(-1)?.pools?.map((pool) => pool.memoryMib);
      await host.until("told", () => JSON.stringify(pools()) === "[128,256]");
    });
  });

  describe("what it tells", () => {
    it("each phase of a VM, in order, with how long preparing took", async () => {
      await start();
      const { result } = (await host.acquireAndInvoke("echo", 0)).message;
      const vmId = result?.vmId ?? "";
      await host.until("told", () => host.phasesOf(vmId).length >= 5);
      assert.deepEqual(host.phasesOf(vmId), ["cloning", "loading", "idle", "busy", "idle"]);
      const idle = host.facts.find((fact) => fact.vmId === vmId && fact.phase === "idle");
      assert.ok((idle?.prepareMs ?? 0) >= 5, `${idle?.prepareMs ?? 0} ms`);
    });

    it("a heartbeat with its address, functions and measured times", async () => {
      await start();
      await host.acquireAndInvoke("echo", 0);
      const last = () => host.heartbeats.at(-1);
      await host.until("idle told", () => last()?.functions?.[0]?.idle === 1);
      assert.equal(last()?.address, host.agent.address);
      assert.equal(last()?.hypervisor, "simulated");
      assert.ok((last()?.pools?.[0]?.cloneMs ?? 0) > 0);
      assert.ok((last()?.pools?.[0]?.prepareP95Ms ?? 0) > 0);
    });

    it("what functions print, by line, with the request", async () => {
      await start();
      await host.acquireAndInvoke("echo", 12_345);
      await host.until("told", () => host.logLines.length === 1);
      const [line] = host.logLines;
      assert.equal(line?.text, "echo 5 bytes");
      assert.match(line?.requestId ?? "", /^acquired-/);
    });
  });
});
