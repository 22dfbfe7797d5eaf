/** Records of which parts may be left out: absent and undefined are two things. */

/** Without what has no value; `...given({ limit })` in a record sets the limit only where there is one. */
export function given<T extends object>(entries: T): Given<T> {
  const kept: Partial<T> = {};
  for (const key of Object.keys(entries) as (keyof T)[]) {
    if (entries[key] !== undefined) kept[key] = entries[key];
  }
  return kept as Given<T>;
}

export type Given<T> = { readonly [Key in keyof T]?: Exclude<T[Key], undefined> };
