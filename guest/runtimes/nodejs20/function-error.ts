/** Whatever user code threw, as name, message and stack; never throws itself. */

export interface DescribedError {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
}

const textMaxCharacters = 64 * 1024;

export function describeThrown(thrown: unknown): DescribedError {
  try {
    if (thrown instanceof Error || isErrorLike(thrown)) {
      const name = text(thrown.name) || "Error";
      const message = text(thrown.message);
      return cut({ name, message, stack: ownFrames(thrown.stack) || `${name}: ${message}` });
    }
    const message = describeValue(thrown);
    return cut({ name: "NonError", message, stack: `NonError: ${message}` });
  } catch {
    return {
      name: "NonError",
      message: "the function threw a value that cannot be described",
      stack: "",
    };
  }
}

/** Errors of another realm (vm contexts) are no instances of this one's Error. */
function isErrorLike(value: unknown): value is { name: unknown; message: unknown; stack: unknown } {
  return (
    typeof value === "object" &&
    value !== null &&
    "name" in value &&
    "message" in value &&
    "stack" in value
  );
}

/** Without the frames of this runtime and of Node below them, which tell the function's author nothing. */
function ownFrames(stack: unknown): string {
  const lines = text(stack)
    .split("\n")
    .filter((line) => !line.includes("/opt/tidepool/"));
  return lines.slice(0, lines.findLastIndex((line) => !isNodes(line)) + 1).join("\n");
}

function isNodes(line: string): boolean {
  return /^ +at (.* \(node:internal\/.*\)|node:internal\/.*|new Promise \(<anonymous>\))$/.test(
    line,
  );
}

function describeValue(value: unknown): string {
  if (typeof value === "object" && value !== null) {
    try {
      return JSON.stringify(value);
    } catch {
      return Object.prototype.toString.call(value);
    }
  }
  return typeof value === "function" ? `function ${value.name}` : String(value);
}

function text(value: unknown): string {
  if (typeof value === "string") return value;
  return value === undefined || value === null ? "" : describeValue(value);
}

function cut(error: DescribedError): DescribedError {
  const short = (value: string): string =>
    value.length > textMaxCharacters ? `${value.slice(0, textMaxCharacters)}…` : value;
  return { name: short(error.name), message: short(error.message), stack: short(error.stack) };
}
