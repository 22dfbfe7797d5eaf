import assert from "node:assert/strict";
import { TidepoolError } from "@tidepool/common";
import type { tidepool } from "@tidepool/proto";
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
      vcpuCount: 1,
      initTimeoutMs: 10_000,
      snapshotInit: false,
      singleUse: false,
      network: 0,
      secrets: {},
      tags: {},
      provisioned: [],
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

describe("The limits of what an owner decides", () => {
  const daily = { count: 1, fromCron: "0 9 * * *", durationMs: 1_000, timeZone: "Europe/Berlin" };
  const many = (count: number, value: string): Record<string, string> =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, value]));

  const taken: Record<string, tidepool.v1.FunctionSettings.$Properties> = {
    "4 virtual CPUs": { vcpuCount: 4 },
    "an init of 120 s": { initTimeoutMs: 120_000 },
    "32 secrets": { secrets: many(32, "s") },
    "50 tags": { tags: many(50, "v") },
    "a tag value of 256 characters": { tags: { k: "x".repeat(256) } },
    "a reserved concurrency of 0": { reservedConcurrency: 0 },
    "a reserved concurrency of 100000": { reservedConcurrency: 100_000 },
    "a provisioned window that opens daily": { provisioned: [daily] },
    "1000 provisioned VMs at all times": { provisioned: [{ count: 1_000 }] },
    "10 provisioned windows": { provisioned: Array.from({ length: 10 }, () => daily) },
    "one call in 1000 s": { rateLimit: { callsPerSecond: 0.001 } },
    "100000 calls a second": { rateLimit: { callsPerSecond: 100_000, burst: 100_000 } },
    "10 retries": { async: { retries: 10 } },
    "an age of 24 h": { async: { ageMaxMs: 86_400_000 } },
    "a subject as destination": { async: { onFailure: { subject: "orders.failed" } } },
    "a function's address": { url: { methods: ["GET"], corsOrigins: ["*", "https://a.example"] } },
  };
  for (const [what, settings] of Object.entries(taken)) {
    it(`let ${what} through`, () => {
      parseSettings("f", { ...good, ...settings });
    });
  }

  const refused: Record<string, [tidepool.v1.FunctionSettings.$Properties, RegExp]> = {
    "5 virtual CPUs": [{ vcpuCount: 5 }, /5 virtual CPUs are asked for, must be 1 to 4/],
    "an init of 120001 ms": [{ initTimeoutMs: 120_001 }, /must be 1 to 120000 ms/],
    "33 secrets": [{ secrets: many(33, "s") }, /33 secrets are named, the limit is 32/],
    "a secret that is no name": [{ secrets: { A: "a.b" } }, /secret name 'a\.b'/],
    "a secret in a variable that is none": [{ secrets: { "A-B": "s" } }, /environment name 'A-B'/],
    "a variable that is set twice": [
      { secrets: { A: "s" }, environment: { A: "1" } },
      /'A' is set by the environment and by a secret/,
    ],
    "secrets in a snapshot": [{ secrets: { A: "s" }, snapshotInit: true }, /cannot have secrets/],
    "a network in a snapshot": [{ network: 2, snapshotInit: true }, /cannot have a network/],
    "a network that is none": [{ network: 3 as tidepool.v1.GuestNetwork }, /network 3 is unknown/],
    "51 tags": [{ tags: many(51, "v") }, /51 tags are given, the limit is 50/],
    "a tag value of 257 characters": [{ tags: { k: "x".repeat(257) } }, /the limit is 256/],
    "a tag without a name": [{ tags: { "": "v" } }, /tag name ''/],
    "a reserved concurrency of 100001": [{ reservedConcurrency: 100_001 }, /at most 100000/],
    "0 provisioned VMs": [{ provisioned: [{ count: 0 }] }, /must be 1 to 1000/],
    "1001 provisioned VMs": [{ provisioned: [{ count: 1_001 }] }, /must be 1 to 1000/],
    "a window without an end": [{ provisioned: [{ ...daily, durationMs: 0 }] }, /for 0 ms/],
    "a window without a begin": [
      { provisioned: [{ count: 1, durationMs: 1_000 }] },
      /when it begins/,
    ],
    "a window in no time zone": [
      { provisioned: [{ ...daily, timeZone: "Mars/Base" }] },
      /time zone 'Mars\/Base' is not known/,
    ],
    "a window by no clock": [{ provisioned: [{ ...daily, fromCron: "soon" }] }, /has 1 field;/],
    "11 provisioned windows": [
      { provisioned: Array.from({ length: 11 }, () => daily) },
      /11 windows, the limit is 10/,
    ],
    "a rate of 0": [{ rateLimit: { callsPerSecond: 0 } }, /must be 0\.001 to 100000/],
    "a rate of no number": [{ rateLimit: { callsPerSecond: NaN } }, /must be 0\.001 to 100000/],
    "a burst of 100001": [{ rateLimit: { callsPerSecond: 1, burst: 100_001 } }, /at most 100000/],
    "11 retries": [{ async: { retries: 11 } }, /retries of 11 must be at most 10/],
    "an age above 24 h": [{ async: { ageMaxMs: 86_400_001 } }, /at most 86400000 ms/],
    "our own subjects as destination": [
      { async: { onSuccess: { subject: "tidepool.v1.targets" } } },
      /destination on success: subject/,
    ],
    "a method that is none": [{ url: { methods: ["FETCH"] } }, /method 'FETCH' is none of/],
  };
  for (const [what, [settings, message]] of Object.entries(refused)) {
    it(`refuse ${what}`, () => {
      assert.throws(() => parseSettings("f", { ...good, ...settings }), {
        code: "invalid",
        message,
      });
    });
  }

  it("give a rate without a burst one second's calls at once, and never less than one", () => {
    const burstOf = (callsPerSecond: number) =>
      parseSettings("f", { ...good, rateLimit: { callsPerSecond } }).rateLimit?.burst;
    assert.deepEqual([burstOf(2.5), burstOf(0.1)], [3, 1]);
  });
});

describe("parseName", () => {
  for (const bad of ["", "a.b", "a b", "x".repeat(65), undefined]) {
    it(`refuses '${String(bad).slice(0, 10)}'`, () => {
      assert.throws(() => parseName(bad), { code: "invalid" });
    });
  }
});
