/** The path of an entry in a zip of code: one rule for all who read such zips. */

/** What is wrong with it, as the end of "holds a path …"; undefined when it names something inside. */
export function faultOfZipPath(path: string): string | undefined {
  const parts = path.split("/");
  const isDrive = /^[A-Za-z]:/.test(path);
  if (path.startsWith("/") || isDrive || path.includes("\\") || parts.includes("..")) {
    return "outside itself";
  }
  const named = path.endsWith("/") ? parts.slice(0, -1) : parts;
  const isPlain = named.every((part) => part !== "" && part !== ".") && !path.includes("\0");
  return isPlain ? undefined : "with an empty part, '.' or a NUL";
}
