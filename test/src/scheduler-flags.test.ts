/** A scheduler has the same room for garbage whoever starts it: `up`, a unit, a manifest, a bench, or by the documents. */
import assert from "node:assert/strict";
import { flagsOf } from "@tidepool/cli";
import { readSource } from "./repository.ts";

describe("The flags of a scheduler", () => {
  for (const path of [
    "deploy/systemd/tidepool-scheduler.service",
    "deploy/kubernetes/scheduler.yaml",
    "docs/operations.md",
    "bench/src/cluster.ts",
    "package.json",
  ])
    it(`are those of up in ${path}`, () => {
      const flags = flagsOf("scheduler");
      assert.ok(flags.length > 0);
      const name = (flag: string): string => flag.slice(0, flag.indexOf("=") + 1);
      const given = readSource(path).match(/--[a-z-]+=\d+/g) ?? [];
      for (const flag of flags)
        assert.deepEqual([...new Set(given.filter((each) => name(each) === name(flag)))], [flag]);
    });
});
