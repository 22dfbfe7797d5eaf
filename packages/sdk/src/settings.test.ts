import assert from "node:assert/strict";
import { tidepool } from "@tidepool/proto";
import { parseSettings, settingsToWire } from "./settings.ts";
import type { FunctionSettings } from "./settings.ts";

function overTheWire(settings: FunctionSettings): FunctionSettings {
  const codec = tidepool.v1.FunctionSettings;
  return parseSettings(codec.decode(codec.encode(settingsToWire(settings)).finish()));
}

describe("Settings of a function", () => {
  it("come back as they went, each of them", () => {
    const settings: FunctionSettings = {
      runtime: "nodejs20",
      handler: "a.b",
      memoryMib: 256,
      vcpuCount: 2,
      timeoutMs: 1_000,
      initTimeoutMs: 2_000,
      environment: { A: "1" },
      secrets: { KEY: "stripe" },
      description: "d",
      tags: { team: "tide" },
      keepAliveMs: 3_000,
      snapshotInit: true,
      singleUse: true,
      network: "internet",
      prediction: "shadow",
      coldStartCost: 5,
      reservedConcurrency: 0,
      provisioned: [
        { count: 2, fromCron: "0 9 * * *", durationMs: 60_000, timeZone: "Europe/Berlin" },
      ],
      rateLimit: { callsPerSecond: 2.5, burst: 5 },
      async: {
        retries: 0,
        ageMaxMs: 1_000,
        onSuccess: { function: "f" },
        onFailure: { subject: "s.t" },
      },
      url: { methods: ["GET"], corsOrigins: ["*"], qualifier: "live" },
    };
    assert.deepEqual(overTheWire(settings), settings);
  });

  it("say nothing of limits, accepted calls and addresses that nobody set", () => {
    const { reservedConcurrency, rateLimit, async, url, ...rest } = overTheWire({
      runtime: "nodejs20",
      handler: "a.b",
    });
    assert.deepEqual(
      [reservedConcurrency, rateLimit, async, url],
      [undefined, undefined, undefined, undefined],
    );
    assert.equal(rest.prediction, "inherit");
  });
});
