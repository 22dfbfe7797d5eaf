/** What becomes of a host's real VMs when its agent, a process, is killed or restarted: the same for each driver. */
import assert from "node:assert/strict";
import { tidepool } from "@tidepool/proto";
import { AgentProcess } from "./agent-process.ts";

export interface AdoptionSubject {
  /** Chooses the driver. */
  readonly env: Readonly<Record<string, string>>;
  /** Ids of all VMs that exist, whoever knows of them. */
  vmIds(stateDir: string): Promise<readonly string[]>;
  dispose(): Promise<void>;
}

const countCalls = `
let calls = 0;
exports.handler = async ({ runMs = 0, say = "" }) => {
  if (say !== "") console.log(say);
  await new Promise((resolve) => setTimeout(resolve, runMs));
  return (calls += 1);
};`;

export function adoptionSuite(driver: string, make: () => Promise<AdoptionSubject>): void {
  describe(`A host-agent that takes the place of another, with ${driver}`, () => {
    let subject: AdoptionSubject;
    let host: AgentProcess;

    before(async () => {
      subject = await make();
    });
    beforeEach(async () => {
      host = await AgentProcess.prepare(countCalls);
    });
    afterEach(async () => {
      await host.end("SIGTERM");
      const left = await subject.vmIds(host.dir);
      await host.dispose();
      assert.deepEqual(left, [], "a VM was left");
    });
    after(() => subject.dispose());

    const start = (env: Readonly<Record<string, string>> = {}): Promise<void> =>
      host.start({ ...subject.env, ...env });
    /** One of the pool and these are paused, and were written down after their last call, each after its own. */
    const waiting = async (answeredAtMs: ReadonlyMap<string, number>): Promise<boolean> => {
      const records = await host.records();
      const isTold = [...answeredAtMs].every(([vmId, atMs]) => (records.get(vmId) ?? 0) > atMs);
      return isTold && records.size === answeredAtMs.size + 1 && host.pooledCount === 1;
    };

    it("adopts what waits as it was, destroys one with a call in it, and refuses an old owner's orders", async () => {
      await start();
      const kept = await host.assign("kept", { epoch: 2 });
      const busy = await host.assign("busy", { epoch: 2 });
      const answeredAtMs = new Map<string, number>();
      assert.equal((await host.invoke("kept", {}, kept)).value, 1);
      answeredAtMs.set(kept, Date.now());
      assert.equal((await host.invoke("busy", {}, busy)).value, 1);
      answeredAtMs.set(busy, Date.now());
      await host.until("all wait", () => waiting(answeredAtMs));
      void host.invoke("busy", { runMs: 600_000, say: "it runs" });
      await host.until("busy", () => host.printed.includes("it runs"));

      await host.end("SIGKILL");
      assert.equal((await subject.vmIds(host.dir)).length, 3);
      await start();
      const told = host.logged("VMs of an earlier process");
      assert.deepEqual(told?.["destroyed"], [busy], "before it serves, so that it runs nowhere");
      const adopted = told["adopted"];
      assert.ok(Array.isArray(adopted) && adopted.length === 2 && adopted.includes(kept));
      assert.ok(!(await subject.vmIds(host.dir)).includes(busy));
      await assert.rejects(host.assign("old", { epoch: 1 }), { code: "stale" });
      assert.equal(await host.assign("kept", { epoch: 2 }), kept);
      const answer = await host.invoke("kept", {}, kept);
      assert.equal(answer.value, 2, "its memory is that of before");
      assert.equal(answer.message.result?.start, tidepool.v1.Start.START_WARM);

      const againAtMs = new Map([[kept, Date.now()]]);
      await host.until("all wait again", () => waiting(againAtMs));
      await host.end("SIGKILL");
      await start();
      assert.equal((await host.invoke("kept", {})).value, 3, JSON.stringify(host.log));
    });

    it("finds what waits where its predecessor was told to leave it, also VMs made after an init", async () => {
      const keeps = { TIDEPOOL_STOP_KEEPS_VMS: "on" };
      await start(keeps);
      const first = await host.assign("made", { snapshotInit: true });
      assert.equal((await host.invoke("made", {}, first)).value, 1);
      await host.until("template", () => host.logged("template of a function made") !== undefined);
      const running = host.invoke("made", { runMs: 3_000, say: "it runs" }, first);
      await host.until("busy", () => host.printed.includes("it runs"));
      const second = await host.assign("made-2", { snapshotInit: true });
      assert.equal((await host.invoke("made-2", {}, second)).value, 1);
      await host.until("pool", () => host.pooledCount === 1);

      await host.end("SIGTERM");
      assert.equal((await running).value, 2, "a call comes to its end before");
      const left = host.logged("VMs left to the next process")?.["left"] as string[] | undefined;
      assert.equal(left?.length, 3, JSON.stringify(host.log));
      assert.deepEqual([...(await subject.vmIds(host.dir))].sort(), left.sort());

      await start();
      const told = host.logged("VMs of an earlier process");
      assert.deepEqual(told?.["destroyed"], []);
      assert.equal((await host.invoke("made", {})).value, 3);
      assert.equal((await host.invoke("made-2", {})).value, 2);
    });
  });
}
