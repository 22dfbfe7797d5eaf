/** What was forecast of the slots after a history's newest call, kept with the history: see gap-paths.ts. */
export interface GapPath {
  /** Of the weights that it was made with. */
  readonly edition: number;
  /** By slots after the newest call, less one: 0 where nothing is due, NaN where something is and it is not made yet. */
  values: Float32Array;
  /** Something of it was made since it was taken up. */
  isNew: boolean;
}
