/** The limits of a VM and of what runs in it. */
import { availableParallelism } from "node:os";

/** Clones that a host makes at once. */
export const clonesAtOnceMax = Math.max(4, availableParallelism());
/** A clone's greeting: clock, randomness, a runtime that answers. */
export const handshakeMaxMs = 10_000;
/** A clone of the pool goes once through a load and an invocation of its own before it waits. */
export const rehearsalMaxMs = 10_000;
/** Sending the code and running its init, unless the function's settings say otherwise. */
export const initTimeoutDefaultMs = 10_000;
export const initTimeoutMaxMs = 120_000;
/** What a function does before a template is taken of it. */
export const hooksMaxMs = 10_000;
/** What a function may print in one invocation, or in its init. */
export const outputMaxBytes = 8 * 1024 * 1024;
/** An idle VM runs on this long before it is paused: calls in quick succession find it running. */
export const lingerMs = 200;
/** Delivering what was printed, after a call has been answered. */
export const flushMaxMs = 5_000;
/** A VM assigned for a call that never comes serves others after this. */
export const reservationMaxMs = 15_000;
/** A host that stops lets calls that run finish for so long. */
export const drainMaxMs = 5_000;
