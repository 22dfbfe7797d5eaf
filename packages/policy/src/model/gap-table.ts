/**
 * Lengths in order, so that how many lie in a range is two looks instead of a walk over all. Also sums a weight
 * of each, by how recent it is. Made once a call, asked at every slot after it.
 */

const digitBits = 8;
const digits = 1 << digitBits;
/** So few are put in order one by one. */
const fewLengths = 40;

export class GapTable {
  count = 0;
  readonly #lengths: Int32Array;
  /** Sums of the weights of all before, one more than there are lengths. */
  readonly #sums: readonly Float64Array[];
  readonly #places: Int32Array;
  readonly #from: Int32Array;
  readonly #to: Int32Array;
  readonly #counts = new Int32Array(digits);
  readonly #fades: readonly Float64Array[];

  /** @param fades by each, a length counts for so much of the next more recent one */
  constructor(capacity: number, fades: readonly number[] = []) {
    this.#lengths = new Int32Array(capacity);
    this.#places = new Int32Array(capacity);
    this.#from = new Int32Array(capacity);
    this.#to = new Int32Array(capacity);
    this.#sums = fades.map(() => new Float64Array(capacity + 1));
    this.#fades = fades.map((fade) => Float64Array.from({ length: capacity }, (_, i) => fade ** i));
  }

  /** Takes up the first `count` of the lengths, the most recent first. */
  open(lengths: Int32Array, count: number): void {
    this.count = count;
    this.#sort(lengths, count);
    const places = this.#places;
    for (let index = 0; index < this.#sums.length; index += 1) {
      const sums = this.#sums[index];
      const fades = this.#fades[index];
      if (sums === undefined || fades === undefined) continue;
      let sum = 0;
      for (let i = 0; i < count; i += 1) {
        sum += fades[places[i] ?? 0] ?? 0;
        sums[i + 1] = sum;
      }
    }
  }

  /** How many are shorter than `length`. */
  below(length: number): number {
    const lengths = this.#lengths;
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((lengths[middle] ?? 0) < length) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Weights of those from place `from` up to before `to`. */
  weight(fade: number, from: number, to: number): number {
    const sums = this.#sums[fade];
    return sums === undefined ? 0 : (sums[to] ?? 0) - (sums[from] ?? 0);
  }

  /** Lengths in order, and their places: of equal ones the more recent first. */
  #sort(lengths: Int32Array, count: number): void {
    let longest = 0;
    for (let i = 0; i < count; i += 1) {
      const length = lengths[i] ?? 0;
      if (length > longest) longest = length;
    }
    if (count <= fewLengths) this.#sortFew(lengths, count);
    else if (longest < digits) this.#sortShort(lengths, count, longest);
    else this.#sortLong(lengths, count, longest);
  }

  /** One by one. */
  #sortFew(lengths: Int32Array, count: number): void {
    const places = this.#places;
    const ordered = this.#lengths;
    for (let i = 0; i < count; i += 1) {
      const length = lengths[i] ?? 0;
      let at = i;
      for (; at > 0 && (ordered[at - 1] ?? 0) > length; at -= 1) {
        ordered[at] = ordered[at - 1] ?? 0;
        places[at] = places[at - 1] ?? 0;
      }
      ordered[at] = length;
      places[at] = i;
    }
  }

  /** Those of one digit, as most functions' gaps are: each goes to its place at once. */
  #sortShort(lengths: Int32Array, count: number, longest: number): void {
    const counts = this.#counts;
    const places = this.#places;
    const ordered = this.#lengths;
    counts.fill(0, 0, longest + 1);
    for (let i = 0; i < count; i += 1) {
      const length = lengths[i] ?? 0;
      counts[length] = (counts[length] ?? 0) + 1;
    }
    let before = 0;
    for (let length = 0; length <= longest; length += 1) {
      const those = counts[length] ?? 0;
      counts[length] = before;
      before += those;
    }
    for (let i = 0; i < count; i += 1) {
      const length = lengths[i] ?? 0;
      const at = counts[length] ?? 0;
      ordered[at] = length;
      places[at] = i;
      counts[length] = at + 1;
    }
  }

  /** Digit by digit, the last first. */
  #sortLong(lengths: Int32Array, count: number, longest: number): void {
    let from = this.#from;
    let to = this.#to;
    for (let i = 0; i < count; i += 1) from[i] = i;
    const counts = this.#counts;
    for (let shift = 0; longest >> shift > 0; shift += digitBits) {
      counts.fill(0);
      for (let i = 0; i < count; i += 1) {
        const digit = ((lengths[i] ?? 0) >> shift) & (digits - 1);
        counts[digit] = (counts[digit] ?? 0) + 1;
      }
      let before = 0;
      for (let digit = 0; digit < digits; digit += 1) {
        const those = counts[digit] ?? 0;
        counts[digit] = before;
        before += those;
      }
      for (let i = 0; i < count; i += 1) {
        const place = from[i] ?? 0;
        const digit = ((lengths[place] ?? 0) >> shift) & (digits - 1);
        const at = counts[digit] ?? 0;
        to[at] = place;
        counts[digit] = at + 1;
      }
      const swapped = from;
      from = to;
      to = swapped;
    }
    const places = this.#places;
    const ordered = this.#lengths;
    for (let i = 0; i < count; i += 1) {
      const place = from[i] ?? 0;
      places[i] = place;
      ordered[i] = lengths[place] ?? 0;
    }
  }
}
