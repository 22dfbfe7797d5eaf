/** Every limit of accepted calls, by name. How long what is kept of them lasts stands in @tidepool/actors. */

/** Tries after the first, when neither the call nor its function says. */
export const retriesDefault = 2;
/** A call is not begun any more when it has waited for so long, when neither it nor its function says. */
export const ageDefaultMs = 6 * 3_600_000;
/** Furthest that a call may be put off by its caller. */
export const delayMaxMs = 24 * 3_600_000;
export const dedupeKeyMaxBytes = 128;
/** A key is known for so long after its call was accepted, and until that call has ended. */
export const dedupeKeptMs = 24 * 3_600_000;
/** What became of a call is told for so long after its end. */
export const resultKeptMs = 24 * 3_600_000;
/** Destinations one after the other that a call may come from: two functions that call each other end there. */
export const hopsMax = 16;

/** Larger payloads and results are not kept with the call but in parts beside it. */
export const inlineMaxBytes = 64 * 1024;
/** Largest part of a payload or a result, bytes: well below what a nats-server takes in one message. */
export const partMaxBytes = 256 * 1024;
/**
 * New calls are refused when one of their stores is filled to this share. Those accepted need some of the rest;
 * and nats-server, at the very edge of a stream's bytes, drops its oldest message rather than refuse the new one.
 */
export const fillMaxShare = 0.5;
/** How old the knowledge of how full they are may be. */
export const fillKnownMs = 1_000;

/** Calls of one shard of the work queue that one frontend runs at once; there are workShardCount shards. */
export const attemptsPerShardMax = 64;
/** How long one request for work waits at the server. */
export const fetchMaxMs = 5_000;
/** Wait after a request for work failed. */
export const fetchAgainMs = 500;

/** Wait before a failed call is tried again: up to the first for the first time, doubled each time, never over the second. */
export const retryBaseMs = 1_000;
export const retryMaxMs = 300_000;
/** The same, where nothing could be run: no VM free, a limit reached, a part away. */
export const waitBaseMs = 250;
export const waitMaxMs = 30_000;

/** An attempt is its frontend's for so long after it was claimed or renewed. */
export const claimMs = 20_000;
export const claimRenewMs = 5_000;
/**
 * A frontend that could not renew its claim for so long ends the attempt: the difference to claimMs is what
 * ending it in the guest may take, and by how much clocks may differ.
 */
export const claimGiveUpMs = 12_000;
/** What ending an attempt in its guest may take: it is not begun again before. */
export const endInGuestMs = 2_000;
/** The same where the link to its host broke: the host notices within that, and ends it. */
export const lostHostWaitMs = 20_000;
/** What came of an attempt is written again and again while NATS is away, for so long. */
export const writeOutcomeMaxMs = 600_000;
export const writeOutcomeAgainMs = 500;
/** Longest that a frontend that stops lets attempts finish; then they are ended, and begun again elsewhere. */
export const drainAttemptsMaxMs = 8_000;

export const deadLettersDefault = 100;
export const deadLettersMax = 1_000;
/** Payloads in one list of dead letters, bytes: the list is cut there. */
export const deadLettersListMaxBytes = 16 * 1024 * 1024;
/** Largest event published to a subject, bytes; a larger one goes without payload and response. */
export const eventMaxBytes = 512 * 1024;
