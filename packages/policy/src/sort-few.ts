/** Sorts a handful of numbers in place, where making a copy to sort would cost more than the sorting. */

/** The first `count` of `values`, ascending. */
export function sortFew(values: Float64Array, count: number): void {
  for (let i = 1; i < count; i += 1) {
    const value = values[i] ?? 0;
    let at = i;
    for (; at > 0 && (values[at - 1] ?? 0) > value; at -= 1) values[at] = values[at - 1] ?? 0;
    values[at] = value;
  }
}
