/**
 * What every hypervisor driver promises, as a mocha suite. `qemu`, `libvirt` and `simulated` all pass it;
 * what needs a real guest (time, randomness) is left out where guests are simulated.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { TidepoolError } from "@tidepool/common";
import { openGuestSession } from "../guest/open-session.ts";
import type { GuestSession, SessionOptions } from "../guest/session.ts";
import type { Domain, Hypervisor, Template, VmConfig } from "./hypervisor.ts";

export interface ContractSubject {
  readonly hypervisor: Hypervisor;
  readonly config: VmConfig;
  readonly hasRealGuests: boolean;
  /** Another process's view of the same host; absent where the driver adopts no domain. */
  readonly reopen?: () => Hypervisor | Promise<Hypervisor>;
  /** Ends the VM as a crash of its process would, without telling the driver. */
  killBehindItsBack(vmId: string): Promise<void>;
  /** Called after the hypervisor has been closed. */
  dispose(): Promise<void>;
}

/** Long enough to see that a paused guest does not answer. */
const silenceMs = 200;

export function hypervisorContract(name: string, make: () => Promise<ContractSubject>): void {
  describe(`${name} as a hypervisor`, () => {
    let subject: ContractSubject;
    let hypervisor: Hypervisor;
    let template: Template;

    before(async () => {
      subject = await make();
      hypervisor = subject.hypervisor;
      template = await hypervisor.ensureTemplate(subject.config);
    });
    afterEach(async () => {
      for (const vmId of await hypervisor.list()) await hypervisor.destroy(vmId);
    });
    after(async () => {
      await hypervisor.close();
      await subject.dispose();
    });

    const greeted = async (domain: Domain, options?: SessionOptions): Promise<GuestSession> => {
      const session = openGuestSession(domain, options);
      await session.handshake(template);
      return session;
    };

    it("makes one template for callers that ask at the same time", async () => {
      const both = [subject.config, { ...subject.config }].map((config) =>
        hypervisor.ensureTemplate(config),
      );
      const ids = (await Promise.all(both)).map((each) => each.id);
      assert.deepEqual(ids, [template.id, template.id]);
    });

    it("clones a template into a guest that answers", async () => {
      const session = await greeted(await hypervisor.clone(template, "vm-1"));
      await session.setClock();
      assert.equal(session.failure, undefined);
    });

    it("clones twice at once, into guests that live apart", async () => {
      const [first, second] = await Promise.all([
        hypervisor.clone(template, "vm-1"),
        hypervisor.clone(template, "vm-2"),
      ]);
      const sessions = await Promise.all([greeted(first), greeted(second)]);
      await first.destroy();
      await sessions[1]?.setClock();
      assert.equal((await first.exited).isExpected, true);
    });

    it("refuses to clone a template that is not its own", async () => {
      const stranger: Template = { config: subject.config, id: "0".repeat(32) };
      await assert.rejects(hypervisor.clone(stranger, "vm-1"), { code: "notFound" });
      assert.deepEqual(await hypervisor.list(), []);
    });

    it("refuses a second VM of the same id", async () => {
      await hypervisor.clone(template, "vm-1");
      await assert.rejects(hypervisor.clone(template, "vm-1"), { code: "alreadyExists" });
      assert.deepEqual(await hypervisor.list(), ["vm-1"]);
    });

    it("refuses a vm id that cannot be part of a file name", async () => {
      await assert.rejects(hypervisor.clone(template, "../vm"), { code: "invalid" });
    });

    it("leaves no VM behind when a clone is cancelled", async () => {
      const cancel = new AbortController();
      const reason = new TidepoolError("cancelled", "the test cancelled it");
      const cloning = hypervisor.clone(template, "vm-1", { signal: cancel.signal });
      cancel.abort(reason);
      await assert.rejects(cloning, { code: "cancelled" });
      assert.deepEqual(await hypervisor.list(), []);
    });

    it("stops a paused guest, and lets it go on where it was", async () => {
      const domain = await hypervisor.clone(template, "vm-1");
      const session = await greeted(domain);
      await domain.pause();
      await domain.pause();
      let hasAnswered = false;
      const answer = session.setClock().then(() => {
        hasAnswered = true;
      });
      await sleep(silenceMs);
      assert.equal(hasAnswered, false);
      await domain.resume();
      await domain.resume();
      await answer;
    });

    it("destroys a paused VM", async () => {
      const domain = await hypervisor.clone(template, "vm-1");
      await domain.pause();
      await domain.destroy();
      assert.deepEqual(await hypervisor.list(), []);
    });

    it("destroys a VM once, however often it is told", async () => {
      const domain = await hypervisor.clone(template, "vm-1");
      await Promise.all([domain.destroy(), domain.destroy(), hypervisor.destroy("vm-1")]);
      await domain.destroy();
      await hypervisor.destroy("vm-1");
      assert.equal((await domain.exited).isExpected, true);
      assert.deepEqual(await hypervisor.list(), []);
    });

    it("closes both channels of a destroyed VM, which ends its session", async () => {
      const domain = await hypervisor.clone(template, "vm-1");
      const session = await greeted(domain);
      await domain.destroy();
      assert.equal((await session.ended).code, "guestCrash");
      await assert.rejects(session.setClock(), { code: "guestCrash" });
    });

    it("lists what exists, and destroys by id", async () => {
      await Promise.all(["vm-1", "vm-2"].map((vmId) => hypervisor.clone(template, vmId)));
      assert.deepEqual([...(await hypervisor.list())].sort(), ["vm-1", "vm-2"]);
      await hypervisor.destroy("vm-1");
      assert.deepEqual(await hypervisor.list(), ["vm-2"]);
    });

    it("reports the exit of a VM whose process dies, and frees its id", async () => {
      const domain = await hypervisor.clone(template, "vm-1");
      const session = await greeted(domain);
      await subject.killBehindItsBack("vm-1");
      assert.equal((await domain.exited).isExpected, false);
      assert.equal((await session.ended).code, "guestCrash");
      await domain.destroy();
      await greeted(await hypervisor.clone(template, "vm-1"));
    });

    it("adopts a paused VM that another process has left, code and memory as they were, and no running one", async function () {
      const next = await subject.reopen?.();
      if (next?.adopt === undefined) return this.skip();
      const left = await hypervisor.clone(template, "vm-1");
      const before = await greeted(left);
      await before.load(functionOf(countCalls));
      assert.equal(await json(before), 1);
      await before.flush();
      await assert.rejects(next.adopt("vm-1"), { code: "wrongPhase" });
      await left.pause();
      left.control.destroy();
      left.runtime.destroy();
      const domain = await next.adopt("vm-1");
      const session = openGuestSession(domain);
      await session.handshake(template);
      assert.equal(await json(session), 2);
      await session.flush();
      await domain.destroy();
      assert.deepEqual(await next.list(), []);
      await assert.rejects(next.adopt("vm-1"), { code: "notFound" });
      await next.close();
    });

    describe("a template after a load", () => {
      const make = async (handler: string): Promise<Template> => {
        return hypervisor.functionTemplates.make(template, async (domain) => {
          const session = await greeted(domain);
          await session.load({ ...functionOf(loadedOnce), handler });
          await session.beforeSnapshot();
        });
      };

      it("makes clones that are loaded, until it is removed", async () => {
        const made = await make("index.handler");
        for (const vmId of ["vm-1", "vm-2"]) {
          const session = openGuestSession(await hypervisor.clone(made, vmId));
          await session.handshake(made);
          await session.afterRestore();
          assert.deepEqual(await json(session), {});
        }
        await hypervisor.functionTemplates.remove(made);
        await hypervisor.functionTemplates.remove(made);
        await assert.rejects(hypervisor.clone(made, "vm-3"), { code: "notFound" });
      });

      it("has clones that another process adopts, also when it has gone", async function () {
        const next = await subject.reopen?.();
        if (next?.adopt === undefined) return this.skip();
        const made = await make("index.handler");
        const left = await hypervisor.clone(made, "vm-1");
        const before = openGuestSession(left);
        await before.handshake(made);
        await before.afterRestore();
        assert.deepEqual(await json(before), {});
        await before.flush();
        await left.pause();
        left.control.destroy();
        left.runtime.destroy();
        await hypervisor.functionTemplates.remove(made);
        const session = openGuestSession(await next.adopt("vm-1"));
        await session.handshake(made);
        assert.deepEqual(await json(session), {});
        await next.close();
      });

      it("is not made when the load fails, and no VM is left", async () => {
        await assert.rejects(make("index.missing"), { code: "functionError" });
        assert.deepEqual(await hypervisor.list(), []);
      });
    });

    it("gives the guest the real time and stops its clock while it is paused", async function () {
      if (!subject.hasRealGuests) this.skip();
      const domain = await hypervisor.clone(template, "vm-1");
      const session = await greeted(domain);
      await session.load(
        functionOf("exports.handler = async () => [Date.now(), performance.now()]"),
      );
      const before = await clocks(session);
      await domain.pause();
      await sleep(1_000);
      await domain.resume();
      await session.setClock();
      const after = await clocks(session);
      assert.ok(
        Math.abs(after.realMs - Date.now()) < 500,
        `off by ${after.realMs - Date.now()} ms`,
      );
      assert.ok(after.realMs - before.realMs >= 1_000);
      assert.ok(after.runningMs - before.runningMs < 900);
    });

    it("makes clones that draw different random numbers and know the time", async function () {
      if (!subject.hasRealGuests) this.skip();
      const drawn = new Map<string, Set<string>>();
      for (let batch = 0; batch < cloneCount; batch += clonesAtOnce) {
        const vmIds = Array.from({ length: clonesAtOnce }, (_, index) => `vm-${batch + index}`);
        await Promise.all(
          vmIds.map(async (vmId) => {
            const domain = await hypervisor.clone(template, vmId);
            const session = await greeted(domain);
            await session.load(functionOf(drawRandomness));
            const askedAtMs = Date.now();
            const answer = await json(session);
            const { now, ...values } = answer as { now: number } & Record<string, string>;
            const isInTime = now > askedAtMs - 5_000 && now < Date.now() + 1_000;
            assert.ok(isInTime, `the clock of ${vmId} is off by about ${now - askedAtMs} ms`);
            for (const [kind, value] of Object.entries(values)) {
              drawn.set(kind, (drawn.get(kind) ?? new Set()).add(String(value)));
            }
            await domain.destroy();
          }),
        );
      }
      assert.equal(drawn.size, 14);
      for (const [kind, values] of drawn) assert.equal(values.size, cloneCount, kind);
    });
  });
}

const cloneCount = 20;
const clonesAtOnce = 4;

const countCalls = "let calls = 0; exports.handler = async () => (calls += 1)";

const loadedOnce = "exports.handler = async (event) => event";

const drawRandomness = `
const crypto = require("node:crypto");
const { promisify } = require("node:util");
const vm = require("node:vm");
const { Worker } = require("node:worker_threads");
const atImport = [crypto.randomBytes(8).toString("hex"), String(Math.random())];
exports.handler = async () => {
  const key = await crypto.webcrypto.subtle.generateKey({ name: "AES-GCM", length: 128 }, true, ["encrypt"]);
  return {
    now: Date.now(),
    bytesAtImport: atImport[0],
    mathAtImport: atImport[1],
    bytes: crypto.randomBytes(8).toString("hex"),
    asyncBytes: (await promisify(crypto.randomBytes)(8)).toString("hex"),
    uuid: crypto.randomUUID(),
    webUuid: globalThis.crypto.randomUUID(),
    webValues: Buffer.from(globalThis.crypto.getRandomValues(new Uint8Array(8))).toString("hex"),
    webKey: Buffer.from(await crypto.webcrypto.subtle.exportKey("raw", key)).toString("hex"),
    integer: crypto.randomInt(2 ** 47),
    math: Math.random(),
    newContextMath: vm.runInNewContext("Math.random()"),
    contextMath: vm.runInContext("Math.random()", vm.createContext()),
    scriptMath: new vm.Script("Math.random()").runInNewContext(),
    workerMath: await new Promise((resolve, reject) =>
      new Worker("require('worker_threads').parentPort.postMessage(Math.random())", { eval: true })
        .on("message", resolve).on("error", reject)),
  };
};`;

function functionOf(source: string): Parameters<GuestSession["load"]>[0] {
  return {
    functionName: "contract",
    functionVersion: "1",
    handler: "index.handler",
    memoryLimitMib: 128,
    environment: {},
    files: [{ path: "index.js", mode: 0o644, content: Buffer.from(source) }],
  };
}

async function json(session: GuestSession): Promise<unknown> {
  const { payload } = await session.invoke({
    requestId: "request-1",
    payload: Buffer.from("{}"),
    timeoutMs: 10_000,
    traceparent: "",
  });
  return JSON.parse(Buffer.from(payload).toString());
}

async function clocks(session: GuestSession): Promise<{ realMs: number; runningMs: number }> {
  const [realMs = 0, runningMs = 0] = (await json(session)) as number[];
  return { realMs, runningMs };
}
