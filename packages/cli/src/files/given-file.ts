/** Files that a command was given. What is wrong with one names it. */
import { readFile } from "node:fs/promises";
import { messageOf, TidepoolError } from "@tidepool/common";
import { usageError } from "../failure.ts";

/** @throws TidepoolError wrong usage when it cannot be read */
export function readGiven(path: string): Promise<string> {
  return readFile(path, "utf8").catch((error: unknown) => {
    throw unreadable(path, error);
  });
}

export function unreadable(path: string, error: unknown): TidepoolError {
  return usageError(`${path} cannot be read: ${causeOf(error)}`);
}

export function unwritable(path: string, error: unknown): TidepoolError {
  return new TidepoolError("invalid", `${path} cannot be written: ${causeOf(error)}`, {
    cause: error,
  });
}

/** @param from where it came from, for the complaint; @throws TidepoolError wrong usage when it is no JSON */
export function parseJson(json: string, from: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw usageError(
      `${from} is not JSON: ${messageOf(error)}`,
      `a text needs quotes: --payload '"text"'`,
    );
  }
}

/** "ENOENT" */
function causeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? messageOf(error);
}
