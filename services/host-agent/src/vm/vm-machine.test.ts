import assert from "node:assert/strict";
import { createActor, fromPromise, waitFor } from "xstate";
import { getShortestPaths } from "xstate/graph";
import { TidepoolError } from "@tidepool/common";
import { vmMachine } from "./vm-machine.ts";
import { vmPhases } from "./phases.ts";

type Snapshot = ReturnType<typeof start>["getSnapshot"] extends () => infer S ? S : never;

const owner = { functionName: "orders", version: "3" };
const failure = { code: "guestCrash", message: "runtime ended" } as const;
const stop = { type: "vm.stop", reason: "evicted", failure: null } as const;
const ended = { type: "guest.ended", failure } as const;

const done = fromPromise<void, { vmId: string }>(() => Promise.resolve());
const never = fromPromise<void, { vmId: string }>(() => new Promise(() => {}));

function start(actors: Partial<Record<"clone" | "load" | "destroy", typeof done>> = {}) {
  return createActor(
    vmMachine.provide({ actors: { clone: done, load: done, destroy: done, ...actors } }),
    { input: { vmId: "vm-1" } },
  ).start();
}

/** Child events only where that child runs: elsewhere they would stand for nothing. */
function eventsIn(snapshot: Snapshot) {
  const children = Object.keys(snapshot.children).flatMap((id) => [
    { type: `xstate.done.actor.${id}`, output: undefined },
    { type: `xstate.error.actor.${id}`, error: new TidepoolError("unavailable", `${id} broke`) },
  ]);
  return [
    { type: "vm.assign", owner },
    { type: "call.start" },
    { type: "call.end" },
    stop,
    ended,
    ...children,
  ] as never[];
}

const states = getShortestPaths(vmMachine, {
  input: { vmId: "vm-1" },
  events: eventsIn,
  serializeState: (snapshot) =>
    JSON.stringify([
      snapshot.value,
      snapshot.status,
      snapshot.context.owner !== null,
      snapshot.context.reason,
      snapshot.context.callCount > 0,
    ]),
  stopWhen: (snapshot) => snapshot.context.callCount > 2,
}).map((path) => path.state);
const active = states.filter((state) => state.status === "active");
const named = (state: Snapshot): string =>
  `${String(state.value)}${state.context.owner === null ? "" : " with an owner"}` +
  `${state.context.callCount > 0 ? " after calls" : ""}` +
  (state.context.reason === null ? "" : ` (${state.context.reason})`);

describe("vmMachine", () => {
  it("reaches every phase and never an error status", () => {
    assert.deepEqual(
      [...new Set(states.map((state) => String(state.value)))].sort(),
      [...vmPhases].sort(),
    );
    assert.deepEqual(
      states.filter((state) => state.status === "error"),
      [],
    );
    // cloning (free, assigned), warming, loading, idle and busy (before and after calls),
    // stopping (by reason, owner, calls): a number that changes with the machine on purpose.
    assert.equal(active.length, 13);
  });

  for (const state of active.filter((candidate) => candidate.value !== "stopping")) {
    for (const event of [stop, ended]) {
      it(`leaves '${named(state)}' for stopping at ${event.type}`, () => {
        assert.equal(state.can(event), true);
      });
    }
  }

  it("never goes back to warming once it has an owner", () => {
    const owned = states.filter((state) => state.context.owner !== null);
    assert.ok(owned.length >= 8);
    for (const state of owned) {
      assert.notEqual(state.value, "warming");
      assert.equal(state.can({ type: "vm.assign", owner }), false, named(state));
    }
  });

  it("accepts a call only while idle", () => {
    for (const state of active) {
      assert.equal(state.can({ type: "call.start" }), state.value === "idle", named(state));
    }
  });

  for (const state of active) {
    it(`ends after a restart from '${named(state)}'`, async () => {
      const saved = JSON.parse(
        JSON.stringify(
          createActor(vmMachine, {
            snapshot: state,
            input: { vmId: "vm-1" },
          }).getPersistedSnapshot(),
        ),
      ) as Snapshot;
      const actor = createActor(
        vmMachine.provide({ actors: { clone: never, load: never, destroy: done } }),
        { snapshot: saved, input: { vmId: "vm-1" } },
      ).start();
      actor.send(stop);
      const gone = await waitFor(actor, (snapshot) => snapshot.matches("gone"), { timeout: 500 });
      assert.equal(gone.context.reason, state.context.reason ?? "evicted");
    });
  }

  it("loads at once when it was assigned while cloning", async () => {
    const actor = start();
    actor.send({ type: "vm.assign", owner });
    const idle = await waitFor(actor, (snapshot) => snapshot.matches("idle"));
    assert.deepEqual(idle.context.owner, owner);
  });

  it("keeps the first cause when the guest ends because it is being stopped", async () => {
    const actor = start({ destroy: never });
    await waitFor(actor, (snapshot) => snapshot.matches("warming"));
    actor.send(stop);
    actor.send(ended);
    assert.equal(actor.getSnapshot().context.reason, "evicted");
    assert.equal(actor.getSnapshot().context.failure, null);
  });

  it("is gone, and says why, when destroying failed", async () => {
    const broken = fromPromise<void, { vmId: string }>(() =>
      Promise.reject(new TidepoolError("unavailable", "monitor is away")),
    );
    const actor = start({ destroy: broken });
    actor.send(stop);
    const gone = await waitFor(actor, (snapshot) => snapshot.matches("gone"));
    assert.deepEqual(gone.context.failure, { code: "unavailable", message: "monitor is away" });
  });
});
