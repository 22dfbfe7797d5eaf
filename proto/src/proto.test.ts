import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { subjects } from "./index.ts";
import { descriptors, fromTimestamp, tidepool, tidepoolService, toTimestamp } from "./index.ts";

describe("timestamps", () => {
  for (const atMs of [0, 1, 1_790_000_000_123, 1_790_000_000_123.5, 2 ** 41]) {
    it(`carry ${atMs} ms through the wire`, () => {
      const { Window } = tidepool.v1;
      const bytes = Window.encode({ startAt: toTimestamp(atMs) }).finish();
      assert.equal(fromTimestamp(Window.decode(bytes).startAt), atMs);
    });
  }
});

describe("subjects", () => {
  for (const bad of ["", "a.b", "*", ">", "a b", "ü", "x".repeat(65)]) {
    it(`refuse '${bad.slice(0, 10)}' as a token`, () =>
      assert.throws(() => subjects.assignVm(bad), /cannot stand in a subject/));
  }

  it("spread functions over all shards, the same in every process", () => {
    const counts = new Map<number, number>();
    for (let index = 0; index < 6_400; index++) {
      const shard = subjects.shardOf(`function-${index}`);
      counts.set(shard, (counts.get(shard) ?? 0) + 1);
    }
    assert.equal(counts.size, subjects.shardCountDefault);
    assert.ok(Math.max(...counts.values()) < 200);
    // Moving a function to another shard would lose its history: this value may never change.
    assert.equal(subjects.shardOf("hello"), 43);
  });
});

describe("the service definitions", () => {
  it("have a method for each rpc of the public API, and no other", () => {
    const source = readFileSync(new URL("../tidepool/v1/tidepool.proto", import.meta.url), "utf8");
    const rpcs = [...source.matchAll(/^ {2}rpc (\w+)\(/gm)].map(([, name]) => name);
    const paths = Object.values(tidepoolService).map(({ path }) => path.split("/")[2]);
    assert.deepEqual(paths.toSorted(), rpcs.toSorted());
    assert.ok(rpcs.length >= 10);
  });

  it("are what reflection describes", () => {
    const file = Buffer.from(descriptors.get("tidepool/v1/tidepool.proto") ?? "", "base64");
    for (const { path } of Object.values(tidepoolService)) {
      assert.ok(file.includes(path.split("/")[2] ?? "?"), path);
    }
  });
});
