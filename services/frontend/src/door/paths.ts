/** Changes the texts at a path in a message. The message itself stays: answers are shared with what is kept. */

/** @param path fields between dots; "*" stands for each of a list or a map */
export function changeAt<T>(message: T, path: string, change: (text: string) => string): T {
  return changed(message, path.split("."), change) as T;
}

function changed(
  value: unknown,
  [step, ...rest]: readonly string[],
  change: (text: string) => string,
): unknown {
  if (step === undefined) return typeof value === "string" && value !== "" ? change(value) : value;
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    return value.map((each: unknown) => changed(each, rest, change));
  }
  if (step === "*") {
    const entries = Object.entries(value).map(([key, each]) => [key, changed(each, rest, change)]);
    return Object.fromEntries(entries) as unknown;
  }
  const before = (value as Record<string, unknown>)[step];
  const after = changed(before, rest, change);
  if (after === before) return value;
  // A message of a generated class keeps its class, which has the defaults.
  const copy = Object.assign(
    Object.create(Object.getPrototypeOf(value) as object),
    value,
  ) as object;
  return Object.assign(copy, { [step]: after });
}
