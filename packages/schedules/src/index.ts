export {
  cronLengthMax,
  cronProblem,
  isTimeZone,
  nextTicks,
  rateMinMs,
  ticksBetween,
} from "./ticks.ts";
export type { CronTicks, OnceTick, RateTicks, Ticks } from "./ticks.ts";
