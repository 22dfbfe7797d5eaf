/** Keeps the instance a fixed time after each use. */
import type { SlotPolicy } from "@tidepool/policy";

export const keepAliveMinutes: readonly number[] = [
  ...range(1, 32, 1),
  ...range(35, 65, 5),
  ...range(70, 130, 10),
  ...range(150, 480, 30),
];

/** @returns the setting that keeps for so many minutes; -1 when there is none */
export const keepAliveKnob = (minutes: number): number => keepAliveMinutes.indexOf(minutes);

export const keepAlive: SlotPolicy = {
  name: "fixed keep-alive",
  knobs: keepAliveMinutes.map((minutes) => `${minutes} min`),
  open: (calls) => (knob) => {
    const keep = keepAliveMinutes[knob] ?? 0;
    return calls.slots.map((slot) => ({ from: slot + 1, to: slot + keep }));
  },
};

function range(from: number, to: number, step: number): number[] {
  const values: number[] = [];
  for (let value = from; value <= to; value += step) values.push(value);
  return values;
}
