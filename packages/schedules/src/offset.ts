/**
 * How long after its instant each tick of a schedule with a window begins. Chosen once, when the schedule is set,
 * and kept: where the starts of the others leave most room. So a crowd at one minute spreads evenly over its
 * window, and not as a hash would have it, in clumps.
 */
import type { StoredSchedule } from "./record.ts";
import { nextTicks, ticksBetween } from "./ticks.ts";

/** What a start may take until it is one: no offset reaches into this end of the window. */
export const windowReserveMs = 5_000;
/** Offsets that are compared. */
const candidateCount = 720;
/** Ticks ahead that are looked at; of a crowd the next one alone, which takes its time. */
const ticksSeen = 2;
const crowdCount = 100;
/** Starts of one other schedule within one of their windows. */
const neighbourStartsMax = 50;
/** Two starts this close to each other are as good as one. */
const closenessMs = 1_000;

type Placed = Pick<StoredSchedule, "name" | "ticks" | "windowMs">;

/** @param others that are not paused, with the offsets that they have */
export function chooseOffsetMs(
  schedule: Placed,
  others: readonly Pick<StoredSchedule, "name" | "ticks" | "offsetMs">[],
  nowMs: number,
): number {
  const { windowMs } = schedule;
  if (windowMs <= 0) return 0;
  const roomMs = windowMs - windowReserveMs;
  const instants = nextTicks(schedule.ticks, nowMs, others.length > crowdCount ? 1 : ticksSeen);
  const taken = instants.flatMap((instantMs) => {
    const starts = others
      .filter(({ name }) => name !== schedule.name)
      .flatMap((other) => startsWithin(other, instantMs, windowMs));
    return starts.map((startMs) => startMs - instantMs);
  });
  const stepMs = roomMs / candidateCount;
  // Where all have the same room, schedules still do not all begin with the same one.
  const first = hashOf(schedule.name) % candidateCount;
  let best = { offsetMs: 0, crowd: Number.POSITIVE_INFINITY };
  for (let index = 0; index < candidateCount; index += 1) {
    const offsetMs = Math.round(((first + index) % candidateCount) * stepMs);
    const crowd = crowdAt(offsetMs, taken, best.crowd);
    if (crowd < best.crowd) best = { offsetMs, crowd };
  }
  return best.offsetMs;
}

function startsWithin(
  { ticks, offsetMs }: Pick<StoredSchedule, "ticks" | "offsetMs">,
  fromMs: number,
  windowMs: number,
): number[] {
  const throughMs = fromMs + windowMs - offsetMs;
  return ticksBetween(ticks, fromMs - offsetMs - 1, throughMs, neighbourStartsMax).map(
    (atMs) => atMs + offsetMs,
  );
}

/** The closer the others, and the more of them, the higher; given up once it is no better than the best. */
function crowdAt(offsetMs: number, taken: readonly number[], bestCrowd: number): number {
  let crowd = 0;
  for (const other of taken) {
    crowd += closenessMs / (Math.abs(other - offsetMs) + closenessMs);
    if (crowd >= bestCrowd) return crowd;
  }
  return crowd;
}

function hashOf(text: string): number {
  let hash = 0;
  for (const character of text) hash = (Math.imul(hash, 31) + character.charCodeAt(0)) >>> 0;
  return hash;
}
