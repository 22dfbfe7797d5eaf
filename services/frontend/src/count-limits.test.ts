import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { countLimits, requireRoomFor } from "./count-limits.ts";

describe("How many of a kind there may be", () => {
  const many = (count: number, prefix: string): string[] =>
    Array.from({ length: count }, (_, index) => `${prefix}n${index}`);
  const { perTenant, perCluster } = countLimits.subscriptions;

  it("is as many as a tenant may have, and no more", () => {
    requireRoomFor("subscriptions", "new", many(perTenant - 1, ""));
    assert.throws(() => requireRoomFor("subscriptions", "new", many(perTenant, "")), {
      code: "tooLarge",
      reason: "tooMany",
      message: `tenant 'default' has ${perTenant} subscriptions, the limit is ${perTenant}`,
    });
  });

  it("counts each tenant's alone", () => {
    requireRoomFor("subscriptions", "blue=new", many(perTenant, ""));
    assert.throws(
      () => requireRoomFor("subscriptions", "blue=new", many(perTenant, "blue=")),
      /tenant 'blue'/,
    );
  });

  it("is what docs/limits.md says", () => {
    const text = readFileSync(new URL("../../../docs/limits.md", import.meta.url), "utf8");
    const rows = text.matchAll(/^\| (\w+) +\| ([\d ]*\d) +\| ([\d ]*\d) +\|$/gm);
    const number = (cell = ""): number => Number(cell.replaceAll(" ", ""));
    const told = [...rows].map(([, kind = "", tenant, all]) => [
      kind,
      { perTenant: number(tenant), perCluster: number(all) },
    ]);
    assert.deepEqual(Object.fromEntries(told), countLimits);
  });

  it("is no more than all tenants may have together", () => {
    const all = ["red=", "blue="].flatMap((prefix) => many(perCluster / 2, prefix));
    assert.throws(() => requireRoomFor("subscriptions", "new", all), /of all tenants/);
  });
});
