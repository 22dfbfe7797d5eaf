/**
 * What a simulated function does. It echoes its payload; these change that:
 *
 *   environment SIMULATED_LOAD_MS   how long its init takes
 *   environment SIMULATED_RUN_MS    how long an invocation takes
 *   environment SIMULATED_FAILURE   one of `failures`, at each invocation (or at its load)
 *   environment SIMULATED_STREAM_BYTES  streams an answer so long instead of echoing; "throw" breaks it off at its end
 *   payload {"simulated": {"runMs": 5, "failure": "throw"}}   the same for one invocation
 *
 * A handler whose export is "missing" ("index.missing") is not found at its load.
 */

export const failures = [
  /** The handler throws an Error. */
  "throw",
  /** The runtime process exits with code 1. */
  "exit",
  /** The handler never answers. */
  "hang",
  /** The runtime's memory limit is reached. */
  "oom",
  /** The handler prints without end. */
  "output",
  /** The handler answers more than is allowed. */
  "answer",
  /** The whole VM ends. */
  "crash",
  /** The module throws while it is loaded. */
  "load",
  /** The module's init never ends. */
  "loadHang",
] as const;
export type SimulatedFailure = (typeof failures)[number];

export interface Behaviour {
  readonly loadMs: number;
  readonly runMs: number;
  readonly failure: SimulatedFailure | undefined;
  readonly streamBytes: number;
}

export function behaviourOf(environment: Readonly<Record<string, string>>): Behaviour {
  return {
    loadMs: numberOf(environment["SIMULATED_LOAD_MS"]),
    runMs: numberOf(environment["SIMULATED_RUN_MS"]),
    failure: failureOf(environment["SIMULATED_FAILURE"]),
    streamBytes: numberOf(environment["SIMULATED_STREAM_BYTES"]),
  };
}

/** For one invocation: what its payload says goes before what the function's environment says. */
export function withPayload(behaviour: Behaviour, payload: Uint8Array): Behaviour {
  const wish = wishOf(payload);
  return {
    ...behaviour,
    ...(wish?.runMs === undefined ? {} : { runMs: numberOf(wish.runMs) }),
    ...(wish?.failure === undefined ? {} : { failure: failureOf(wish.failure) }),
    ...(wish?.streamBytes === undefined ? {} : { streamBytes: numberOf(wish.streamBytes) }),
  };
}

interface Wish {
  readonly runMs?: unknown;
  readonly failure?: unknown;
  readonly streamBytes?: unknown;
}

function wishOf(payload: Uint8Array): Wish | undefined {
  const text = Buffer.from(payload).toString("utf8");
  if (!text.includes('"simulated"')) return undefined;
  try {
    const parsed = JSON.parse(text) as { simulated?: Wish } | null;
    return parsed?.simulated;
  } catch {
    return undefined; // payloads are echoed, whatever they are
  }
}

function numberOf(value: unknown): number {
  const number = Number(value ?? 0);
  return Number.isFinite(number) && number > 0 ? number : 0;
}

function failureOf(value: unknown): SimulatedFailure | undefined {
  return failures.find((failure) => failure === value);
}
