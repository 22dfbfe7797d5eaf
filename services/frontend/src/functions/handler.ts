/** Which runtimes there are, and what a handler looks like. */
import { handlerMaxBytes } from "../limits.ts";

export const runtimes = ["nodejs20"] as const;

/** The file of a handler without its ending, and the name that it exports. */
export function splitHandler(handler: string): {
  readonly file: string;
  readonly exported: string;
} {
  const dot = handler.lastIndexOf(".");
  return { file: handler.slice(0, dot), exported: handler.slice(dot + 1) };
}

export function isHandler(handler: string): boolean {
  if (Buffer.byteLength(handler) > handlerMaxBytes) return false;
  if (!/^[\w$./@-]+\.[A-Za-z_$][\w$]*$/.test(handler)) return false;
  const parts = splitHandler(handler).file.split("/");
  return parts.every((part) => part !== "" && part !== "." && part !== "..");
}
