import assert from "node:assert/strict";
import type { FunctionDescription } from "@tidepool/sdk";
import { describeConfigured } from "./config.ts";
import { describeFunction } from "./describe.ts";

const description: FunctionDescription = {
  name: "report",
  tenant: "shop",
  settings: {
    runtime: "python3.11",
    handler: "main.handler",
    memoryMib: 256,
    vcpuCount: 1,
    timeoutMs: 10_000,
    initTimeoutMs: 10_000,
    environment: { GREETING: "Moin" },
    secrets: { KEY: "shop-key" },
    description: "",
    tags: {},
    keepAliveMs: 600_000,
    snapshotInit: false,
    singleUse: false,
    network: "internet",
    prediction: "inherit",
    coldStartCost: 0,
    provisioned: [{ count: 2 }],
    reservedConcurrency: 0,
    rateLimit: { callsPerSecond: 5, burst: 9 },
    async: { retries: 1, onFailure: { subject: "shop.failed" } },
    url: { methods: ["GET"] },
  },
  version: "2",
  newestVersion: "3",
  codeDigest: "sha256:ab",
  codeBytes: 170,
  createdAtMs: 0,
  updatedAtMs: 0,
  revision: "7",
  aliases: [],
};

describe("What is told of a function", () => {
  it("is all that is set, what calls it, and where a limit is not set what holds instead", () => {
    const when = { everyMs: 300_000 };
    const schedule = { name: "poll", settings: { functionName: "report", when, isPaused: true } };
    const source = { subject: "shop.orders" };
    const subscription = { name: "orders", settings: { functionName: "report", source } };
    const common = { revision: "1", updatedAtMs: 0 };
    const text = describeFunction(
      {
        description,
        schedules: [{ ...schedule, ...common, nextAtMs: [], offsetMs: 0 }],
        subscriptions: [{ ...subscription, ...common, pending: 0 }],
      },
      "127.0.0.1:7080",
    );
    for (const line of [
      /^version +2; the newest is 3$/m,
      /^environment +GREETING=Moin$/m,
      /^secret +KEY=shop-key$/m,
      /^network +internet$/m,
      /^reserved +0 calls at once: stopped$/m,
      /^rate +5 calls a second, 9 at once$/m,
      /^provisioned +2$/m,
      /^async +1 retry, 6 h old at most \(default\)$/m,
      /^on failure +subject:shop\.failed$/m,
      /^url +http:\/\/127\.0\.0\.1:7080\/fn\/shop=report\/$/m,
      /^schedule +poll: every 5m, paused$/m,
      /^subscription +orders: subject shop\.orders$/m,
    ])
      assert.match(text, line);
  });

  it("is after a change what differs, and whether another version runs", () => {
    const { rateLimit: _, ...settings } = description.settings;
    const unlimited = { ...description, settings };
    assert.match(
      describeConfigured(description, unlimited),
      /runs version 2 as before:\n +rateLimit/,
    );
    const larger = { ...description, version: "4", settings: { ...settings, memoryMib: 512 } };
    assert.match(describeConfigured(unlimited, larger), /^report runs version 4 now, 2 before/);
    assert.match(describeConfigured(description, description), /had these settings already/);
  });
});
