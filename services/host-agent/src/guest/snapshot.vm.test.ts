/**
 * Templates taken after a function's own init. What may go wrong: clones that repeat what the init drew, a clock
 * that stands, hooks that do not run or in the wrong order, a template of a function that did not load. Init here
 * draws from every generator that there is, so that each has something to repeat.
 */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Domain, Template } from "../hypervisor/hypervisor.ts";
import { GuestHarness, invoke, rejectsWith } from "../testing/guest-harness.ts";
import { openGuestSession } from "./open-session.ts";

const node = `
import crypto from "node:crypto";
import { promisify } from "node:util";
const draw = async () => {
  const key = await crypto.webcrypto.subtle.generateKey({ name: "AES-GCM", length: 128 }, true, ["encrypt"]);
  return {
    bytes: crypto.randomBytes(8).toString("hex"),
    asyncBytes: (await Promise.all([1, 2, 3, 4, 5, 6].map(() => promisify(crypto.randomBytes)(8)))).map(String).join(),
    uuid: crypto.randomUUID(),
    webUuid: globalThis.crypto.randomUUID(),
    webValues: Buffer.from(globalThis.crypto.getRandomValues(new Uint8Array(8))).toString("hex"),
    webKey: Buffer.from(await crypto.webcrypto.subtle.exportKey("raw", key)).toString("hex"),
    keyPair: crypto.generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ type: "spki", format: "pem" }),
    integers: [crypto.randomInt(2 ** 40), crypto.randomInt(2 ** 40)].join(),
    math: Math.random(),
  };
};
const steps = [];
tidepool.beforeSnapshot(async () => { steps.push("close first"); });
tidepool.beforeSnapshot(() => { steps.push("close second"); });
tidepool.afterRestore(async () => { steps.push(Math.abs(Date.now() - Number(process.env.NOW)) < 600_000 ? "in time" : "late"); });
let atRestore;
tidepool.afterRestore(async () => { atRestore = await draw(); });
let calls = 0;
const until = Date.now() + 200;
while (Date.now() < until);
const atInit = await draw();
export const handler = async () => ({ steps, calls: ++calls, atInit, atRestore, drawn: await draw(), now: Date.now() });`;

const python = `
import os, random, secrets, ssl, tempfile, time, uuid
from snapshot_restore_py import register_after_restore, register_before_snapshot
def draw():
    return {"random": random.random(), "secrets": secrets.token_hex(8), "uuid4": str(uuid.uuid4()),
            "ssl": ssl.RAND_bytes(8).hex(), "file": tempfile.mktemp()}
steps = []
register_before_snapshot(steps.append, "close first")
register_before_snapshot(steps.append, "close second")
def back():
    steps.append("in time" if abs(time.time() * 1000 - int(os.environ["NOW"])) < 600_000 else "late")
    restored.update(draw())
restored = {}
register_after_restore(back)
time.sleep(0.2)
at_init = draw()
calls = 0
def handler(event, context):
    global calls
    calls += 1
    return {"steps": steps, "calls": calls, "atInit": at_init, "atRestore": restored, "drawn": draw(),
            "now": time.time() * 1000}`;

interface Told {
  readonly steps: string[];
  readonly calls: number;
  readonly atInit: Record<string, unknown>;
  readonly atRestore: Record<string, unknown>;
  readonly drawn: Record<string, unknown>;
  readonly now: number;
}

const cloneCount = 3;

const runtimes = [
  ["nodejs20", { "index.mjs": node }, "index.mjs", "throw new TypeError('never')", "9"],
  ["python3.11", { "index.py": python }, "index.py", "raise TypeError('never')", "5"],
] as const;

for (const [runtime, files, file, failing, kindCount] of runtimes) {
  describe(`a template after the init of a function in ${runtime}`, () => {
    let guests: GuestHarness;
    let template: Template;

    before(async () => {
      guests = await GuestHarness.open({ runtime, memoryMib: 128 });
      template = await make(files);
    });
    afterEach(() => guests.clear());
    after(() => guests.close());

    function make(sources: Record<string, string>): Promise<Template> {
      const { functionTemplates } = guests.hypervisor;
      return functionTemplates.make(guests.template, async (domain: Domain) => {
        const session = openGuestSession(domain);
        await session.handshake(guests.template);
        const code = guests.code(sources);
        const environment = { ...code.environment, NOW: String(Date.now()) };
        await session.load({ ...code, environment });
        await session.beforeSnapshot();
      });
    }

    it("makes clones that are loaded, with what the init made, and with nothing of each other", async () => {
      const drawn = new Map<string, Set<unknown>>();
      for (let count = 0; count < cloneCount; count++) {
        const session = await guests.open({}, template);
        await session.afterRestore();
        const told = (await invoke(session)) as Told;
        assert.deepEqual(told.steps, ["close second", "close first", "in time"]);
        assert.equal(told.calls, 1);
        assert.ok(Math.abs(told.now - Date.now()) < 5_000, "the clock is off");
        for (const [kind, value] of Object.entries(told.atInit)) note(drawn, `${kind} init`, value);
        for (const each of [told.atRestore, told.drawn]) {
          for (const [kind, value] of Object.entries(each)) note(drawn, kind, value);
        }
      }
      assert.equal(drawn.size, 2 * Number(kindCount));
      for (const [kind, values] of drawn) {
        assert.equal(values.size, kind.endsWith("init") ? 1 : 2 * cloneCount, kind);
      }
    });

    it("is not made when the init fails, and leaves nothing", async () => {
      const folder = join(guests.stateDir, "templates");
      const before = await readdir(folder);
      await rejectsWith(make({ [file]: failing }), "functionError", /^TypeError: never$/);
      assert.deepEqual(await readdir(folder), before);
    });

    it("is gone when it is removed, though its clones go on", async () => {
      const mine = await make({ [file]: files[file as keyof typeof files] });
      const session = await guests.open({}, mine);
      await session.afterRestore();
      await guests.hypervisor.functionTemplates.remove(mine);
      await assert.rejects(guests.hypervisor.clone(mine, "vm-late"), { code: "notFound" });
      assert.equal(((await invoke(session)) as Told).calls, 1);
    });
  });
}

function note(drawn: Map<string, Set<unknown>>, kind: string, value: unknown): void {
  drawn.set(kind, (drawn.get(kind) ?? new Set()).add(String(value)));
}
