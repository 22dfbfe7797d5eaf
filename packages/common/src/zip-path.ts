/** The path of an entry in a zip of code: one rule for all who read such zips. */

const outside = /^\/|^[A-Za-z]:|\\|(^|\/)\.\.(\/|$)/;
const notPlain = /^$|\0|\/\/|(^|\/)\.(\/|$)/;

/** What is wrong with it, as the end of "holds a path …"; undefined when it names something inside. */
export function faultOfZipPath(path: string): string | undefined {
  if (outside.test(path)) return "outside itself";
  return notPlain.test(path) ? "with an empty part, '.' or a NUL" : undefined;
}
