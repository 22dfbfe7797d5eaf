/** The lines of a text file, plain or gzipped, one at a time: a log may be larger than memory. */
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { TidepoolError } from "@tidepool/common";
import { unreadable } from "./given-file.ts";

export const lineLengthMax = 16 * 1024 * 1024;

export interface Line {
  readonly text: string;
  /** From 1. */
  readonly number: number;
}

const gzipMagic = [0x1f, 0x8b];

/** @throws TidepoolError `notFound` or `invalid`, naming file and line */
export async function* readLines(path: string): AsyncGenerator<Line> {
  const isGzip = await startsWithGzip(path);
  const source = createReadStream(path);
  // pipeline reports both streams' errors to the reader below, through the last stream.
  const input = isGzip ? pipeline(source, createGunzip(), () => {}) : source;
  const decoder = new TextDecoder("utf-8");
  let number = 0;
  let rest = "";
  try {
    for await (const chunk of input) {
      const parts = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split("\n");
      rest = parts.pop() ?? "";
      for (const text of parts) yield { text: withoutReturn(text), number: (number += 1) };
      if (rest.length > lineLengthMax) throw tooLong(path, number + 1);
    }
  } catch (error) {
    if (error instanceof TidepoolError) throw error;
    const message = `${path} cannot be read after line ${number}: is it whole?`;
    throw new TidepoolError("invalid", message, { cause: error });
  } finally {
    source.destroy();
  }
  rest += decoder.decode();
  if (rest !== "") yield { text: withoutReturn(rest), number: number + 1 };
}

const withoutReturn = (text: string): string => (text.endsWith("\r") ? text.slice(0, -1) : text);

function tooLong(path: string, line: number): TidepoolError {
  return new TidepoolError(
    "invalid",
    `${path} line ${line} is longer than ${lineLengthMax} characters`,
  );
}

async function startsWithGzip(path: string): Promise<boolean> {
  try {
    const file = await open(path);
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
      return bytesRead === 2 && gzipMagic.every((byte, index) => buffer[index] === byte);
    } finally {
      await file.close();
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT") throw new TidepoolError("notFound", `${path} does not exist`);
    if (code === "EISDIR")
      throw new TidepoolError("invalid", `${path} is a folder, a file is needed`);
    throw unreadable(path, error);
  }
}
