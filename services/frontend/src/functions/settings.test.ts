import assert from "node:assert/strict";
import { TidepoolError } from "@tidepool/common";
import { parseName, parseSettings } from "./settings.ts";

const good = { runtime: "nodejs20", handler: "index.handler" };

describe("parseSettings", () => {
  it("fills in the defaults", () => {
    assert.deepEqual(parseSettings("hello", good), {
      ...good,
      memoryMib: 128,
      timeoutMs: 30_000,
      environment: {},
      description: "",
      keepAliveMs: 600_000,
      prediction: 0,
      coldStartCost: 0,
    });
  });

  it("names every problem and its limit in one error", () => {
    assert.throws(
      () =>
        parseSettings("no good", {
          runtime: "cobol",
          handler: "index",
          memoryMib: 63,
          timeoutMs: 900_001,
          keepAliveMs: 86_400_001,
          environment: { "A-B": "x".repeat(4096) },
        }),
      (error) => {
        assert.ok(error instanceof TidepoolError);
        assert.equal(error.code, "invalid");
        for (const part of [
          "function name 'no good'",
          "runtime 'cobol' is unknown, known are nodejs20",
          "handler 'index'",
          "memory of 63 MiB must be 64 to 4096 MiB",
          "time limit of 900001 ms must be 1 to 900000 ms",
          "keep-alive of 86400001 ms must be at most 86400000 ms",
          "environment name 'A-B'",
          "environment has 4099 bytes, the limit is 4096",
        ]) {
          assert.ok(error.message.includes(part), `${part} in ${error.message}`);
        }
        return true;
      },
    );
  });

  for (const handler of ["", ".handler", "index.", "../index.handler", "/a.b", "a//b.c", "a.b c"]) {
    it(`refuses '${handler}' as a handler`, () => {
      assert.throws(() => parseSettings("f", { ...good, handler }), /must be file\.export/);
    });
  }

  for (const handler of ["index.handler", "src/a.b.main", "a-b/c_d.$x"]) {
    it(`takes '${handler}' as a handler`, () => {
      assert.equal(parseSettings("f", { ...good, handler }).handler, handler);
    });
  }

  for (const memoryMib of [64, 4096]) {
    it(`takes ${memoryMib} MiB`, () => {
      assert.equal(parseSettings("f", { ...good, memoryMib }).memoryMib, memoryMib);
    });
  }
});

describe("parseName", () => {
  for (const bad of ["", "a.b", "a b", "x".repeat(65), undefined]) {
    it(`refuses '${String(bad).slice(0, 10)}'`, () => {
      assert.throws(() => parseName(bad), { code: "invalid" });
    });
  }
});
