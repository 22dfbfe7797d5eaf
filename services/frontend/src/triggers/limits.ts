/** Limits of schedules and subscriptions, by name. */

/** JSON that each tick of a schedule brings, bytes. */
export const schedulePayloadMaxBytes = 256 * 1024;
/** Widest flexible window. */
export const flexibleMaxMinutes = 1_440;
/** Longest time between two ticks of a rate: 366 days. */
export const rateMaxMs = 366 * 86_400_000;
/** Ticks ahead that are told of a schedule. */
export const ticksToldMax = 10;
/** Other schedules that are looked at when an offset is chosen: the newest. */
export const offsetNeighboursMax = 500;

/** Longest subject that may be listened to, characters. */
export const subjectMaxLength = 256;
/** Messages of one subscription that one frontend takes at once. */
export const messagesAtOnceMax = 256;
/** A stream's message whose call was not accepted by then is delivered again. */
export const messageAckWaitMs = 30_000;
/** The same when it was refused for now; ten times that when trying again soon would not help. */
export const messageAgainMs = 1_000;
/** Before a stream that could not be read is tried again. */
export const openFeedAgainMs = 1_000;
