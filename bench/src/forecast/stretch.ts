/**
 * A trace once more, made different: there are few rows, and a network learns a handful of schedules by
 * heart where it has seen no others. Each row is changed by draws of its own.
 */
import { seededRandom } from "@tidepool/policy";
import type { Trace, TraceRow } from "./traces.ts";

const factorMin = 0.6;
const factorMax = 2;
const droppedMax = 0.25;
/** Shares of the stretched rows that change their pace on the way, and that end on it. */
const changedShare = 0.3;
const endedShare = 0.1;

/** What `vary` does to a row at most. */
const variedDroppedMax = 0.35;
const variedJitterSlots = 8;
const variedBeginShare = 0.5;
const daySlots = 1440;
/** Shares of rows that keep all their calls, their exact times, their begin. */
const wholeShare = 0.35;
const exactShare = 0.4;
const longShare = 0.5;
/** Of rows that keep no calls on two days of the week. */
const weekdaysShare = 0.2;
const weekDays = 7;
const workDays = 5;

/**
 * At another pace, by a factor of its own, half of the rows without a share of their calls: schedules are mostly
 * round on the clock, and a period of 93 minutes is one too. Some change their pace on the way, or end.
 */
export function stretch(trace: Trace, seed: number): Trace {
  const random = seededRandom(seed);
  const rows = trace.rows.map((row) => stretchRow(row, trace.slots, random));
  return { ...trace, name: `${trace.name}, stretched`, rows };
}

function stretchRow(row: TraceRow, slots: number, random: () => number): TraceRow {
  const factor = factorMin * (factorMax / factorMin) ** random();
  const dropped = random() < 0.5 ? 0 : random() * droppedMax;
  const shift = random();
  const turnAt = slots * random();
  const fate = random();
  const factorThen = fate < changedShare ? factorMin * (factorMax / factorMin) ** random() : factor;
  const isEnding = fate > 1 - endedShare;
  const counts = new Map<number, number>();
  for (const [index, minute] of row.minutes.entries()) {
    if (random() < dropped) continue;
    if (isEnding && minute > turnAt) break;
    const before = Math.min(minute, turnAt) + shift;
    const slot = Math.floor(before * factor + Math.max(0, minute - turnAt) * factorThen);
    if (slot < slots) counts.set(slot, (counts.get(slot) ?? 0) + (row.counts[index] ?? 1));
  }
  return { ...row, minutes: [...counts.keys()], counts: [...counts.values()] };
}

/** At its own pace, but begun later, at another time of day, on weekdays only, with calls left out and late. */
export function vary(trace: Trace, seed: number): Trace {
  const random = seededRandom(seed);
  const rows = trace.rows.map((row) => varyRow(row, trace.slots, random));
  return { ...trace, name: `${trace.name}, varied`, rows };
}

function varyRow(row: TraceRow, slots: number, random: () => number): TraceRow {
  const dropped = random() < wholeShare ? 0 : random() * variedDroppedMax;
  const jitter = random() < exactShare ? 0 : random() ** 2 * variedJitterSlots;
  const begin = random() < longShare ? 0 : Math.floor(random() * variedBeginShare * slots);
  const moved = Math.floor(random() * daySlots);
  const weekBegin = Math.floor(random() * weekDays);
  const isWeekdays = random() < weekdaysShare;
  const counts = new Map<number, number>();
  for (const [index, minute] of row.minutes.entries()) {
    if (minute < begin || random() < dropped) continue;
    const weekday = (Math.floor(minute / daySlots) + weekBegin) % weekDays;
    if (isWeekdays && weekday >= workDays) continue;
    const slot = minute + moved + Math.floor(random() * (jitter + 1));
    if (slot < slots) counts.set(slot, (counts.get(slot) ?? 0) + (row.counts[index] ?? 1));
  }
  const minutes = [...counts.keys()].sort((a, b) => a - b);
  return { ...row, minutes, counts: minutes.map((minute) => counts.get(minute) ?? 0) };
}
