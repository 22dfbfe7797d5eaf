import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { subjects } from "./index.ts";

const page = readFileSync(new URL("../../docs/subjects.md", import.meta.url), "utf8");
/** The cells in backquotes of each table row. */
const rows = page
  .split("\n")
  .filter((line) => line.startsWith("| "))
  .map((line) => [...line.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ""));

/** Exports that name no subject. */
const others = [
  "shardCountDefault",
  "tokenLengthMax",
  "tenantLengthMax",
  "tenantDefault",
  "isName",
  "isTenant",
  "isToken",
  "ownedBy",
  "tenantOf",
  "nameOf",
  "prefixOf",
  "shardOf",
  "inboxesOf",
];
const named = ["streams", "buckets", "codeBucket", "natsHeaders"];

describe("docs/subjects.md", () => {
  const makers = Object.entries(subjects).filter(
    ([name]) => !others.includes(name) && !named.includes(name),
  );

  for (const [name, maker] of makers) {
    it(`has a row for ${name} with its grammar`, () => {
      const row = rows.find((cells) => cells.includes(name));
      assert.ok(row !== undefined, `no row for ${name}`);
      const subject =
        typeof maker === "function"
          ? (maker as (...tokens: string[]) => string)("7", "7", "7")
          : (maker as string);
      const told = row.map((cell) => cell.replaceAll(/\{\w+\}/g, "7"));
      assert.ok(told.includes(subject), `${name} makes ${subject}`);
    });
  }

  it("has found every subject", () => assert.equal(makers.length, 39));

  it("names each stream, bucket and header", () => {
    const names = [
      ...Object.values(subjects.streams),
      ...Object.values(subjects.buckets),
      subjects.codeBucket,
      ...Object.values(subjects.natsHeaders),
    ];
    for (const name of names) assert.ok(page.includes(`\`${name}\``), name);
  });
});
