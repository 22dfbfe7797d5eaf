/** The bound: knows the future of every function that has been called before. */
import type { SlotPolicy } from "@tidepool/policy";

export const clairvoyant: SlotPolicy = {
  name: "clairvoyant",
  knobs: ["-"],
  open: (calls) => () => calls.slots.slice(1).map((slot) => ({ from: slot, to: slot })),
};
