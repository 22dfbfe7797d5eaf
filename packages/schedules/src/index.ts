export { dueTicks, lateMaxMs, missedTicksMax, nextStarts } from "./due.ts";
export type { DueTicks } from "./due.ts";
export { chooseOffsetMs, windowReserveMs } from "./offset.ts";
export {
  decodeProgress,
  decodeSchedule,
  encodeProgress,
  encodeSchedule,
  isTickRequestId,
  settingsToWire,
  ticksFromWire,
  tickRequestId,
} from "./record.ts";
export type { MissedTicks, Progress, StoredSchedule } from "./record.ts";
export { tickEvent } from "./tick-event.ts";
export {
  cronLengthMax,
  cronProblem,
  isTimeZone,
  nextTicks,
  rateMinMs,
  ticksBetween,
} from "./ticks.ts";
export type { CronTicks, OnceTick, RateTicks, Ticks } from "./ticks.ts";
