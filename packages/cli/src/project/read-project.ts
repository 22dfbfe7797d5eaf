/** Reads a `tidepool.yaml`: every mistake at once, each with its line and column. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { TidepoolError } from "@tidepool/common";
import { isMap, isNode, LineCounter, parseDocument } from "yaml";
import type { Document } from "yaml";
import type { z } from "zod";
import { projectFileName } from "./project-file-name.ts";
import { projectSchema } from "./schema.ts";
import type { Project } from "./schema.ts";

/** A project file is written by hand. */
const projectFileBytesMax = 1024 * 1024;

/** Undefined where the folder has none. @throws TidepoolError `invalid`, a line for each mistake */
export async function readProject(folder: string): Promise<Project | undefined> {
  const path = join(folder, projectFileName);
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw new TidepoolError("invalid", `${path} cannot be read: ${error.message}`);
  });
  if (text === undefined) return undefined;
  if (text.length > projectFileBytesMax)
    throw new TidepoolError(
      "tooLarge",
      `${path} has ${text.length} characters, the limit is ${projectFileBytesMax}`,
    );
  return parseProject(text, path);
}

export function parseProject(text: string, path: string): Project {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const place = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  const syntax = document.errors.map(({ pos, message }) => `${place(pos[0])} ${message}`);
  if (syntax.length > 0) throw invalid(syntax);
  const parsed = projectSchema.safeParse(document.toJS());
  if (parsed.success) return parsed.data;
  const found = parsed.error.issues
    .flatMap((issue) => complaints(issue))
    .map((complaint) => ({ ...complaint, at: offsetOf(document, complaint.keys) }))
    .toSorted((one, other) => one.at - other.at);
  throw invalid(
    found.map(({ at, keys, text: complaint }) => [place(at), ...named(keys), complaint].join(" ")),
  );
}

function named(keys: readonly PropertyKey[]): readonly string[] {
  return keys.length === 0 ? [] : [keys.join(".")];
}

interface Complaint {
  readonly keys: readonly PropertyKey[];
  readonly text: string;
}

/** Each unknown key is a complaint of its own, at its own line; of a union, the branch that came nearest speaks. */
function complaints(issue: z.core.$ZodIssue, above: readonly PropertyKey[] = []): Complaint[] {
  const keys = [...above, ...issue.path];
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => ({ keys: [...keys, key], text: "is not known here" }));
  if (issue.code === "invalid_union") {
    const branches = issue.errors.toSorted((a, b) => depth(b) - depth(a));
    const nearest = branches[0] ?? [];
    if (depth(nearest) > 0) return nearest.flatMap((each) => complaints(each, keys));
  }
  return [{ keys, text: worded(issue) }];
}

function depth(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(
    0,
    ...issues.map((each) => each.path.length + (each.code === "unrecognized_keys" ? 1 : 0)),
  );
}

function worded(issue: z.core.$ZodIssue): string {
  const { code, message } = issue;
  // A message of the schema's own says it better.
  if (code === "invalid_type" && !message.startsWith("must"))
    return `must be ${article(issue.expected)}`;
  if (code === "too_small")
    return `must be ${issue.inclusive === true ? "at least" : "more than"} ${issue.minimum}`;
  if (code === "invalid_value") return `must be one of ${issue.values.join(", ")}`;
  if (code === "invalid_key") return issue.issues.map((each) => worded(each)).join(", ");
  return message.slice(0, 1).toLowerCase() + message.slice(1);
}

function article(expected: string): string {
  if (expected === "object" || expected === "record") return "a map of names to values";
  if (expected === "int") return "a whole number";
  return `${/^[aeiou]/.test(expected) ? "an" : "a"} ${expected}`;
}

/** Of the key that a path ends in, or of the nearest that is there. */
function offsetOf(document: Document, keys: readonly PropertyKey[]): number {
  for (let length = keys.length; length > 0; length -= 1) {
    const parent = document.getIn(keys.slice(0, length - 1), true);
    const container = length === 1 ? document.contents : parent;
    const last = keys[length - 1];
    const pair = isMap(container)
      ? container.items.find(({ key }) => String(key) === String(last))
      : undefined;
    const node = pair?.key ?? document.getIn(keys.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
}

function invalid(problems: readonly string[]): TidepoolError {
  return new TidepoolError("invalid", problems.join("\n"), { component: "client" });
}
