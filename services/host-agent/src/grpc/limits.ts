/** Limits of the invocation stream. */

/** Most of a payload or an answer in one message. */
export const chunkMaxBytes = 64 * 1024;
/** Of a message with such a part and all that is said beside it; a larger one ends the stream that it came on. */
export const messageMaxBytes = 1024 * 1024;
export const payloadMaxBytes = 6 * 1024 * 1024;
/** Between two signs of life that a silent frontend is asked for, and how long it may take to give one. */
export const frontendPingMs = 5_000;
export const frontendPingMaxMs = 3_000;
/** A stream that ended is remembered for so long: its frontend may ask what came on it. */
export const endedStreamKeptMs = 60_000;
/** Calls at once on one stream; more are refused. */
export const streamCallsMax = 10_000;
export const deadlineDefaultMs = 60_000;
export const deadlineMaxMs = 24 * 3_600_000;
export const timeoutDefaultMs = 30_000;
