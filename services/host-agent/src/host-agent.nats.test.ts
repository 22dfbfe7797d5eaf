import assert from "node:assert/strict";
import { damageCode } from "@tidepool/actors/testing";
import { tidepool } from "@tidepool/proto";
import { leaseMs } from "./fleet/lease.ts";
import { SimulatedHypervisor } from "./simulated/simulated-hypervisor.ts";
import type { HostHarness } from "./testing/host-harness.ts";
import { startSimulatedHost } from "./testing/simulated-host.ts";

const { Start } = tidepool.v1;

describe("HostAgent over a real nats-server and gRPC, simulated VMs", function () {
  let host: HostHarness;

  const start = async (...given: Parameters<typeof startSimulatedHost>): Promise<void> => {
    host = await startSimulatedHost(...given);
  };
  afterEach(() => host.stop());

  describe("a call", () => {
    it("is answered by a VM cloned for it, and the next one by the same VM, warm", async () => {
      await start();
      const first = await host.acquireAndInvoke("echo", { n: 1 });
      assert.deepEqual(first.value, { n: 1 });
      assert.equal(first.message.result?.start, Start.START_COLD);
      const next = await host.frontend.invoke("echo", 2);
      assert.equal(next.message.result?.start, Start.START_WARM);
      assert.equal(next.message.result?.vmId, first.message.result?.vmId);
      assert.ok((next.message.result?.readyBeforeMs ?? 0) >= 0);
    });

    it("takes a VM of the warming pool, which is then refilled", async () => {
      await start({ poolBaseTarget: 2 });
      await host.until("pool filled", () => host.count("warming") === 2);
      const answer = await host.acquireAndInvoke("echo", 1);
      assert.equal(answer.message.result?.start, Start.START_POOL);
      await host.until("pool refilled", () => host.count("warming") === 2);
      assert.equal(host.agent.fleet.all().length, 3);
    });

    it("finds the VM that was made ready for its window: predicted, with the window", async () => {
      await start();
      const nowMs = Date.now();
      const window = { startAtMs: nowMs, endAtMs: nowMs + 10_000 };
      const vmId = await host.assign({ window, keepUntilMs: nowMs + 20_000 });
      await host.until("ready", () => host.count("idle") === 1);
      const { result } = (await host.frontend.invoke("echo", 1)).message;
      assert.equal(result?.start, Start.START_PREDICTED);
      assert.equal(result?.vmId, vmId);
      assert.ok(result?.window?.startAt);
      const next = await host.frontend.invoke("echo", 1);
      assert.equal(next.message.result?.start, Start.START_WARM);
      assert.equal(next.message.result?.window, null);
    });

    it("carries payloads over 64 KiB both ways while small calls pass by", async () => {
      await start();
      await host.acquireAndInvoke("echo", 0);
      await host.assign();
      await host.until("two VMs", () => host.count("idle") === 2);
      const large = "x".repeat(5 * 1024 * 1024);
      const [answer, small] = await Promise.all([
        host.frontend.invoke("echo", large),
        host.frontend.invoke("echo", "small"),
      ]);
      assert.equal(answer.value, large);
      assert.equal(small.value, "small");
    });

    it("is refused at once when there is no free VM of its version", async () => {
      await start();
      const beganAtMs = Date.now();
      const { refused } = await host.frontend.invoke("echo", 1);
      assert.equal(refused?.code, "unavailable");
      assert.match(refused?.message ?? "", /host h-1 has no free VM of echo version 1/);
      assert.ok(Date.now() - beganAtMs < 5_000);
    });

    it("is refused while the only VM runs another call", async () => {
      await start();
      await host.acquireAndInvoke("echo", 0);
      const slow = host.frontend.invoke("echo", { simulated: { runMs: 1_500 } });
      await host.until("busy", () => host.count("busy") === 1);
      const { refused } = await host.frontend.invoke("echo", 1);
      assert.equal(refused?.code, "unavailable");
      assert.ok((await slow).value);
    });

    it("says why it is too large, and the next good one works", async () => {
      await start();
      await host.acquireAndInvoke("echo", 0);
      const { failure } = await host.frontend.invoke("echo", "x".repeat(6 * 1024 * 1024));
      assert.equal(failure?.code, "tooLarge");
      assert.match(failure?.message ?? "", /6291458 bytes, at most 6291456/);
      assert.equal((await host.frontend.invoke("echo", 3)).value, 3);
    });
  });

  describe("a failing function", () => {
    const cases = [
      { failure: "throw", code: "functionError", says: /simulated failure/, isVmKept: true },
      { failure: "exit", code: "guestCrash", says: /exited with code 1/ },
      { failure: "oom", code: "memoryLimit", says: /memory/ },
      { failure: "crash", code: "guestCrash", says: /simulated crash/ },
      { failure: "output", code: "outputLimit", says: /8388608 bytes/ },
      { failure: "answer", code: "outputLimit", says: /6291456/ },
      { failure: "hang", code: "timeout", says: /limit of 200 ms/ },
    ] as const;
    for (const { failure, code, says, ...rest } of cases) {
      const isVmKept = "isVmKept" in rest;
      it(`that does '${failure}' fails its call with ${code}, and the next call works`, async () => {
        await start();
        await host.acquireAndInvoke("echo", 0);
        const payload = { simulated: { failure } };
        const timeoutMs = failure === "hang" ? 200 : 20_000;
        const answer = await host.frontend.invoke("echo", payload, { timeoutMs });
        assert.equal(answer.failure?.code, code);
        assert.match(answer.failure?.message ?? "", says);
        assert.equal(answer.message.failure?.start, Start.START_WARM);
        const vmId = answer.message.failure?.vmId ?? "";
        if (isVmKept) assert.equal((await host.frontend.invoke("echo", 1)).value, 1);
        else await host.until("VM destroyed", () => host.agent.fleet.get(vmId) === undefined);
        assert.equal((await host.acquireAndInvoke("echo", 2)).value, 2);
        if (isVmKept) return;
        await host.until("said to be gone", () => host.phasesOf(vmId).at(-1) === "gone");
        const gone = host.facts.find((fact) => fact.vmId === vmId && fact.phase === "gone");
        assert.equal(gone?.reason, "failed");
        assert.equal(gone?.failure?.code, code);
      });
    }

    it("whose handler is missing fails the call that waits with functionError", async () => {
      await start();
      const { failure } = await host.acquireAndInvoke("bad", 1, { handler: "index.missing" });
      assert.equal(failure?.code, "functionError");
      assert.match(failure?.message ?? "", /index\.missing/);
      assert.equal((await host.acquireAndInvoke("echo", 2)).value, 2);
    });

    it("whose load failed before its call came still tells the call why", async () => {
      await start();
      const vmId = await host.assign({ requestId: "late", handler: "index.missing" });
      await host.until("gone", () => host.agent.fleet.get(vmId) === undefined);
      const { failure } = await host.frontend.invoke("echo", 1, { requestId: "late", vmId });
      assert.equal(failure?.code, "functionError");
      assert.match(failure?.message ?? "", /index\.missing/);
    });

    for (const [what, upload, code, says] of [
      ["is no zip", () => host.uploadZip(Buffer.from("no zip")), "invalid", /no zip/],
      ["is not in the store", async () => "0".repeat(64), "notFound", /0{64} is not in the store/],
    ] as const) {
      it(`whose code ${what} fails its call with ${code}`, async () => {
        await start();
        const { failure } = await host.acquireAndInvoke("bad", 1, { digest: await upload() });
        assert.equal(failure?.code, code);
        assert.match(failure?.message ?? "", says);
      });
    }

    it("whose code is damaged in the store is refused, with the digest named", async () => {
      await start();
      const digest = await host.uploadZip(Buffer.from("other"), "1".repeat(64));
      const { refused } = await host.acquireAndInvoke("bad", 1, { digest });
      assert.equal(refused?.code, "unavailable");
      assert.match(refused?.message ?? "", /1{64} is damaged/);
    });

    it("whose code has changed in the store is refused as damaged, until it is written anew", async () => {
      await start();
      const files = { "index.js": "exports.handler = () => 'of its own'" };
      const digest = await host.upload(files);
      await damageCode(host.bus, digest);
      const { refused } = await host.acquireAndInvoke("own", 1, { digest });
      assert.deepEqual([refused?.code, refused?.reason], ["unavailable", "codeDamaged"]);
      assert.match(refused?.message ?? "", new RegExp(`code ${digest} is damaged in the store`));
      await host.upload(files);
      const { failure } = await host.acquireAndInvoke("own", 1, { digest, version: "2" });
      assert.equal(failure, undefined);
    });
  });

  it("gives a module's init up after its own limit, with the limit named, and the next call works", async () => {
    await start();
    const slow = { environment: { SIMULATED_FAILURE: "loadHang" }, initTimeoutMs: 200 };
    const { failure } = await host.acquireAndInvoke("slow", 1, slow);
    assert.equal(failure?.code, "timeout");
    assert.equal(failure.reason, "initTimeout");
    assert.equal(failure.component, "function");
    assert.match(failure.message ?? "", /init of slow took longer than its limit of 200 ms/);
    assert.equal((await host.acquireAndInvoke("echo", 2)).value, 2);
  });

  it("tells of an idle VM that dies, and gives no call to it", async () => {
    const hypervisor = new SimulatedHypervisor({ bootMs: 1, cloneMs: 1 });
    await start({ makeHypervisor: () => hypervisor });
    const { result } = (await host.acquireAndInvoke("echo", 0)).message;
    hypervisor.crash(result?.vmId ?? "");
    assert.ok((await host.frontend.invoke("echo", 1)).refused);
    await host.until("told", () => host.phasesOf(result?.vmId ?? "").includes("gone"));
    assert.equal(host.facts.at(-1)?.reason, "failed");
    assert.equal(host.facts.at(-1)?.failure?.code, "guestCrash");
  });

  it("lets running calls finish when it stops, and takes no more", async () => {
    await start();
    await host.acquireAndInvoke("echo", 0);
    await host.assign();
    await host.until("two VMs", () => host.count("idle") === 2);
    const running = host.frontend.invoke("echo", { simulated: { runMs: 1_500 } });
    await host.until("busy", () => host.count("busy") === 1);
    const stopping = host.agent.stop();
    const { refused } = await host.frontend.invoke("echo", 1);
    assert.match(refused?.message ?? "", /host h-1 is stopping/);
    assert.ok((await running).value);
    await stopping;
  });

  describe("a deadline and a cancel", () => {
    it("end a call that waits for its VM, and leave the VM to others", async () => {
      await start({}, { cloneMs: 300 });
      const { failure } = await host.acquireAndInvoke("echo", 1, { deadlineMs: 50 });
      assert.equal(failure?.code, "timeout");
      assert.match(failure?.message ?? "", /deadline of 50 ms/);
      await host.until("VM ready", () => host.count("idle") === 1);
      assert.equal((await host.frontend.invoke("echo", 2)).value, 2);
    });

    it("end a running call with its VM", async () => {
      await start();
      await host.acquireAndInvoke("echo", 0);
      const running = host.frontend.invoke("echo", { simulated: { failure: "hang" } });
      await host.until("running", () => host.count("busy") === 1);
      running.cancel();
      assert.equal((await running).failure?.code, "cancelled");
      await host.until("destroyed", () => host.agent.fleet.all().length === 0);
    });
  });

  describe("an assignment", () => {
    it("that comes again gets the same VM", async () => {
      await start();
      const first = await host.assign({ assignmentId: "a-7" });
      assert.equal(await host.assign({ assignmentId: "a-7" }), first);
      assert.equal(host.agent.fleet.all().length, 1);
    });

    it("of an older epoch is refused as stale", async () => {
      await start();
      await host.assign({ epoch: 5 });
      await assert.rejects(host.assign({ epoch: 4 }), {
        code: "stale",
        message: /shard 1 is at epoch 5, this command has 4/,
      });
      await host.assign({ epoch: 5 });
    });

    it("for a call takes an idle VM of the same version; for a window it wants another", async () => {
      await start();
      await host.acquireAndInvoke("echo", 0);
      const [idle] = host.agent.fleet.all();
      assert.equal(await host.assign({ requestId: "r-x" }), idle?.vmId);
      assert.notEqual(await host.assign(), idle?.vmId);
    });

    it("keeps its VM from other calls until its own has come", async () => {
      await start();
      const vmId = await host.assign({ requestId: "mine" });
      await host.until("ready", () => host.count("idle") === 1);
      assert.ok((await host.frontend.invoke("echo", 1, { requestId: "other" })).refused);
      const mine = await host.frontend.invoke("echo", 2, { requestId: "mine", vmId });
      assert.equal(mine.value, 2);
      assert.equal(mine.message.result?.start, Start.START_COLD);
    });

    it("evicts the idle VM whose next use is farthest before it is refused", async () => {
      await start({ vmCountMax: 2 });
      await host.acquireAndInvoke("soon", 0, { keepAliveMs: 30_000 });
      await host.acquireAndInvoke("late", 0, { keepAliveMs: 90_000 });
      assert.equal((await host.acquireAndInvoke("new", 1)).value, 1);
      const names = host.agent.fleet.all().map((vm) => vm.assignment?.owned.name);
      assert.deepEqual(new Set(names), new Set(["new", "soon"]));
      const gone = host.facts.find((fact) => fact.phase === "gone");
      assert.equal(gone?.reason, "evicted");
    });

    it("is refused with the host's numbers when nobody can make room", async () => {
      await start({ memoryMib: 256 });
      await host.acquireAndInvoke("echo", 0);
      const running = host.frontend.invoke("echo", { simulated: { runMs: 1_500 } });
      await host.until("busy", () => host.count("busy") === 1);
      await assert.rejects(host.assign({ name: "other" }), {
        code: "noCapacity",
        message: /host h-1 has 32 MiB of 256 free .* needs 224 MiB/,
      });
      await running;
      await host.assign({ name: "other" });
    });

    it("never gives a VM that held one owner's code to another", async () => {
      await start({ vmCountMax: 1 });
      const used = new Map<string, string>();
      for (const name of ["a", "b", "a", "c"]) {
        const { result } = (await host.acquireAndInvoke(name, 0)).message;
        assert.equal(used.get(result?.vmId ?? "") ?? name, name);
        used.set(result?.vmId ?? "", name);
      }
      assert.equal(used.size, 4);
    });
  });

  it("answers warm calls while nats-server is away, and takes assignments when it is back", async () => {
    await start();
    await host.acquireAndInvoke("echo", 0);
    await host.restartNats(async () => {
      assert.equal((await host.frontend.invoke("echo", 1)).value, 1);
    });
    assert.equal((await host.acquireAndInvoke("other", 2)).value, 2);
  });

  it("that is cut off from NATS for long serves only callers that are too", async () => {
    await start();
    await host.acquireAndInvoke("echo", 0);
    await host.restartNats(async () => {
      await host.until("cut off", () => host.agent.fleet.isCutOff, 2 * leaseMs);
      const { refused } = await host.frontend.invoke("echo", 1);
      assert.equal(refused?.message, "host h-1 is cut off from NATS");
      assert.equal((await host.frontend.invoke("echo", 2, { isCutOff: true })).value, 2);
    });
    await host.until("back", () => !host.agent.fleet.isCutOff);
    assert.equal((await host.frontend.invoke("echo", 3)).value, 3);
  });

  it("destroys at its start what an earlier process left", async () => {
    const left = new SimulatedHypervisor({ bootMs: 1, cloneMs: 1 });
    const template = await left.ensureTemplate({ runtime: "nodejs20", memoryMib: 128 });
    await left.clone(template, "vm-left");
    await start({ makeHypervisor: () => left });
    assert.deepEqual(await left.list(), []);
  });
});
