/** Limits of schedules and subscriptions, by name. */

export const schedulesMaxCount = 20_000;
/** JSON that each tick of a schedule brings, bytes. */
export const schedulePayloadMaxBytes = 256 * 1024;
/** Widest flexible window. */
export const flexibleMaxMinutes = 1_440;
/** Longest time between two ticks of a rate: 366 days. */
export const rateMaxMs = 366 * 86_400_000;
/** Ticks ahead that are told of a schedule. */
export const ticksToldMax = 10;
/** Other schedules that are looked at when an offset is chosen: the newest. */
export const offsetNeighboursMax = 1_000;
