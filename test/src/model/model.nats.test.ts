/**
 * Seeded random commands against a whole system, with parts that are cut off, killed and restarted between them.
 * After every step: no VM has had two owners, no shard's earlier owner was obeyed after a later one, warming
 * targets are between floor and ceiling; in the end every accepted call has ended and has run the version that
 * was deployed. TIDEPOOL_MODEL_SEED repeats a run, TIDEPOOL_MODEL_STEPS makes it longer.
 */
import assert from "node:assert/strict";
import { systemClock, TidepoolError } from "@tidepool/common";
import { seededRandom } from "@tidepool/policy";
import { subjects, tidepool } from "@tidepool/proto";
import { echoZip } from "../system/a-system.ts";
import { ModelSystem, warmingPolicy } from "./model-system.ts";

const seed = Number(process.env["TIDEPOOL_MODEL_SEED"] ?? 7);
const steps = Number(process.env["TIDEPOOL_MODEL_STEPS"] ?? 80);
const functions = ["m0", "m1", "m2", "m3"];
const settings = { runtime: "nodejs20", handler: "index.handler" };
const endMaxMs = 60_000;
const callMaxMs = 20_000;
/** Between two steps. */
const pauseMaxMs = 150;

describe(`A model of a cluster, seed ${seed}`, () => {
  let system: ModelSystem;
  const targets: number[] = [];

  before(async function () {
    system = await ModelSystem.start();
    const { WarmingTargets } = tidepool.internal.v1;
    system.bus.subscribe(subjects.warmingTargets, WarmingTargets, ({ configs }) => {
      for (const { target } of configs ?? []) targets.push(target ?? 0);
    });
    for (const name of functions) {
      await system.client.createFunction(name, { ...settings, singleUse: name === "m3" });
      await system.client.uploadCode(name, echoZip);
    }
  });
  after(() => system.stop());

  it("keeps its invariants after every step, and ends what it accepted", async function () {
    this.timeout(30_000 + steps * 3_000);
    const random = seededRandom(seed);
    const draw = <T>(from: readonly T[]): T | undefined => from[Math.floor(random() * from.length)];
    const acceptedIds: string[] = [];
    const underWay: Promise<void>[] = [];
    const wrong: string[] = [];
    const done: string[] = [];
    let answered = 0;

    const call = async (name: string, payload: number): Promise<void> => {
      try {
        const answer = await system.client.invoke(name, payload, { timeoutMs: callMaxMs });
        if (answer.payload !== payload)
          wrong.push(`${name}(${payload}) answered another's payload`);
        answered += 1;
      } catch (error) {
        const { code, retryable, message } = TidepoolError.from(error);
        if (!retryable) wrong.push(`${name}(${payload}) failed for good: ${code} ${message}`);
      }
    };
    const accept = async (name: string, payload: number): Promise<void> => {
      try {
        acceptedIds.push((await system.client.invokeAsync(name, payload)).requestId);
      } catch (error) {
        const { code, retryable, message } = TidepoolError.from(error);
        if (!retryable) wrong.push(`${name}(${payload}) was not accepted: ${code} ${message}`);
      }
    };
    const commands: Readonly<Record<string, (step: number) => Promise<void> | undefined>> = {
      call: (step) => void underWay.push(call(draw(functions) ?? "", step)),
      crowd: (step) => {
        const name = draw(functions) ?? "";
        for (let count = 0; count < 6; count++) underWay.push(call(name, 1_000 * step + count));
        return undefined;
      },
      accept: (step) => void underWay.push(accept(draw(functions) ?? "", step)),
      deploy: async () => {
        await system.client.uploadCode(draw(functions) ?? "", echoZip).catch((error: unknown) => {
          const { code, retryable } = TidepoolError.from(error);
          if (!retryable) wrong.push(`deploy failed: ${code}`);
        });
      },
      killScheduler: () => system.replace(draw(["scheduler-1", "scheduler-2"]) ?? ""),
      killHost: () => system.replace(draw(["host-1", "host-2"]) ?? ""),
      restartScheduler: () => system.stopAndStart(draw(["scheduler-1", "scheduler-2"]) ?? ""),
      breakConnection: () =>
        system.reconnect(draw(["host-1", "scheduler-1", "scheduler-2", "frontend-1"]) ?? ""),
    };
    const often = ["call", "crowd", "accept", "call", "accept", "crowd", "call", "accept"];
    const seldom = Object.keys(commands).filter((name) => !often.includes(name));
    const check = (): void => {
      const last = `seed ${seed}, after ${done.slice(-8).join(", ")}`;
      assert.deepEqual([...system.witness.violations(), ...wrong], [], last);
      const { floor, ceiling } = warmingPolicy;
      const outside = targets.filter((target) => target < floor || target > ceiling);
      assert.deepEqual(outside, [], last);
    };

    for (let step = 0; step < steps; step++) {
      const name = (random() < 0.8 ? draw(often) : draw(seldom)) ?? "call";
      done.push(name);
      await commands[name]?.(step);
      await systemClock.sleep(random() * pauseMaxMs);
      check();
    }
    await Promise.all(underWay);
    check();
    for (const id of acceptedIds) {
      const ended = await system.client.waitForInvocation(id, { timeoutMs: endMaxMs });
      assert.equal(ended.status, "succeeded", `seed ${seed}: call ${id}`);
    }
    check();
    assert.ok(answered > 0 && acceptedIds.length > 0 && targets.length > 0, `seed ${seed}`);
    assert.ok(system.witness.obeyed.length > 0, `seed ${seed}`);
  });
});
