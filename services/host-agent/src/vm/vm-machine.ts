/**
 * Lifecycle of one VM on one host.
 *
 *   cloning ──done──▶ warming ──vm.assign──▶ loading ──done──▶ idle ──call.start──▶ busy
 *      ╰── done, and assigned meanwhile ────────▲               ▲────call.end────────╯
 *
 *   anywhere ── vm.stop, guest.ended, an error ──▶ stopping ──destroyed──▶ gone
 *
 * Rules the picture cannot show:
 * - A VM is assigned once. No state leads back from `loading`, `idle` or `busy` to `warming`: what held one
 *   owner's code never serves another.
 * - Whatever goes wrong, the way out is `stopping`: a VM that failed half way still holds memory. `gone`
 *   says why in `reason` and `failure`. The first cause wins; what follows from it does not overwrite it.
 * - Effects are invoked actors and idempotent. Whether a waiting VM is paused is no phase: the effects and
 *   the owner of this machine see to it.
 */
import { assign, emit, fromPromise, setup } from "xstate";
import { TidepoolError } from "@tidepool/common";
import type { Failure } from "@tidepool/common";
import type { GoneReason, VmPhase } from "./phases.ts";

export interface VmOwner {
  readonly functionName: string;
  readonly version: string;
}

export interface VmMachineInput {
  readonly vmId: string;
  /** Of a VM that was adopted, before. */
  readonly callCount?: number;
}

interface VmMachineContext extends VmMachineInput {
  readonly owner: VmOwner | null;
  readonly callCount: number;
  readonly reason: GoneReason | null;
  readonly failure: Failure | null;
}

type VmEvent =
  | { readonly type: "vm.assign"; readonly owner: VmOwner }
  | { readonly type: "call.start" }
  | { readonly type: "call.end" }
  | { readonly type: "vm.stop"; readonly reason: GoneReason; readonly failure: Failure | null }
  | { readonly type: "guest.ended"; readonly failure: Failure };

/** An effect that nobody provided fails loudly. */
const unprovided = fromPromise<void, VmMachineInput>(({ input }) =>
  Promise.reject(new Error(`no effect is provided for ${input.vmId}`)),
);

const effectInput = ({ context }: { context: VmMachineContext }): VmMachineInput => ({
  vmId: context.vmId,
});

export const vmMachine = setup({
  types: {
    context: {} as VmMachineContext,
    input: {} as VmMachineInput,
    events: {} as VmEvent,
    emitted: {} as { readonly type: "phase"; readonly phase: VmPhase },
    tags: {} as "hasCode",
  },
  actors: { clone: unprovided, load: unprovided, destroy: unprovided },
  actions: {
    announce: emit((_, params: { phase: VmPhase }) => ({
      type: "phase" as const,
      phase: params.phase,
    })),
    noteOwner: assign({ owner: (_, params: { owner: VmOwner }) => params.owner }),
    noteCall: assign({ callCount: ({ context }) => context.callCount + 1 }),
    noteEnd: assign({
      reason: ({ context }, params: { reason: GoneReason; failure: Failure | null }) =>
        context.reason ?? params.reason,
      failure: ({ context }, params) => context.failure ?? params.failure,
    }),
    noteError: assign({
      reason: ({ context }) => context.reason ?? ("failed" as const),
      failure: ({ context }, params: { error: unknown }) =>
        context.failure ?? TidepoolError.from(params.error).toFailure(),
    }),
  },
  guards: { hasOwner: ({ context }) => context.owner !== null },
}).createMachine({
  id: "vm",
  context: ({ input }) => ({
    vmId: input.vmId,
    owner: null,
    callCount: input.callCount ?? 0,
    reason: null,
    failure: null,
  }),
  initial: "cloning",
  on: {
    "vm.stop": {
      target: ".stopping",
      actions: {
        type: "noteEnd",
        params: ({ event }) => ({ reason: event.reason, failure: event.failure }),
      },
    },
    "guest.ended": {
      target: ".stopping",
      actions: {
        type: "noteEnd",
        params: ({ event }) => ({ reason: "failed" as const, failure: event.failure }),
      },
    },
  },
  states: {
    cloning: {
      entry: { type: "announce", params: { phase: "cloning" } },
      invoke: {
        id: "clone",
        src: "clone",
        input: effectInput,
        onDone: [{ guard: "hasOwner", target: "loading" }, { target: "warming" }],
        onError: {
          target: "stopping",
          actions: { type: "noteError", params: ({ event }) => ({ error: event.error }) },
        },
      },
      on: {
        "vm.assign": {
          guard: ({ context }) => context.owner === null,
          actions: { type: "noteOwner", params: ({ event }) => ({ owner: event.owner }) },
        },
      },
    },
    warming: {
      entry: { type: "announce", params: { phase: "warming" } },
      on: {
        "vm.assign": {
          target: "loading",
          actions: { type: "noteOwner", params: ({ event }) => ({ owner: event.owner }) },
        },
      },
    },
    loading: {
      tags: "hasCode",
      entry: { type: "announce", params: { phase: "loading" } },
      invoke: {
        id: "load",
        src: "load",
        input: effectInput,
        onDone: "idle",
        onError: {
          target: "stopping",
          actions: { type: "noteError", params: ({ event }) => ({ error: event.error }) },
        },
      },
    },
    idle: {
      tags: "hasCode",
      entry: { type: "announce", params: { phase: "idle" } },
      on: { "call.start": { target: "busy", actions: "noteCall" } },
    },
    busy: {
      tags: "hasCode",
      entry: { type: "announce", params: { phase: "busy" } },
      on: { "call.end": "idle" },
    },
    stopping: {
      entry: { type: "announce", params: { phase: "stopping" } },
      invoke: {
        id: "destroy",
        src: "destroy",
        input: effectInput,
        onDone: "gone",
        onError: {
          target: "gone",
          actions: { type: "noteError", params: ({ event }) => ({ error: event.error }) },
        },
      },
      // Already on the way out: a further cause changes nothing.
      on: { "vm.stop": { actions: [] }, "guest.ended": { actions: [] } },
    },
    gone: { type: "final", entry: { type: "announce", params: { phase: "gone" } } },
  },
});
