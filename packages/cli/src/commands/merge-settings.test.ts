import assert from "node:assert/strict";
import { Command } from "commander";
import type { CompleteSettings } from "@tidepool/sdk";
import { addSettingsOptions, describeProvisioned } from "../program/settings-options.ts";
import { mergeSettings } from "./merge-settings.ts";

const existing = {
  runtime: "python3.11",
  handler: "main.handler",
  memoryMib: 256,
  environment: { OLD: "1" },
  singleUse: true,
  reservedConcurrency: 3,
  rateLimit: { callsPerSecond: 5, burst: 7 },
  provisioned: [{ count: 2 }],
  async: { retries: 1, onFailure: { subject: "lost" } },
} as unknown as CompleteSettings;

describe("The options that say a function's settings", () => {
  it("leave what is not given as it was", () => {
    assert.deepEqual(mergeSettings(existing, given()), existing);
  });

  it("make a new function's rate, provisioned VMs and destinations", () => {
    const settings = mergeSettings(
      undefined,
      given(
        "--rate=2.5 --burst=4 --async-retries=0 --async-max-age=1h --on-failure=subject:a.b".split(
          " ",
        ),
        ["--provisioned", "1", "--provisioned", "10 from 0 9 * * 1,3 for 8h in Europe/Berlin"],
        ["--on-success", "function:next", "--timeout", "1m"],
      ),
    );
    assert.deepEqual(settings, {
      runtime: "nodejs20",
      handler: "index.handler",
      timeoutMs: 60_000,
      rateLimit: { callsPerSecond: 2.5, burst: 4 },
      provisioned: [
        { count: 1 },
        {
          count: 10,
          fromCron: "0 9 * * 1,3",
          durationMs: 8 * 3_600_000,
          timeZone: "Europe/Berlin",
        },
      ],
      async: {
        retries: 0,
        ageMaxMs: 3_600_000,
        onSuccess: { function: "next" },
        onFailure: { subject: "a.b" },
      },
    });
  });

  it("tell provisioned VMs in the words that they take", () => {
    const told = ["1", "10 from 0 9 * * 1,3 for 8h in Europe/Berlin", "2 from @daily for 90s"];
    const options = given(told.flatMap((text) => ["--provisioned", text]));
    assert.deepEqual(
      describeProvisioned(mergeSettings(undefined, options).provisioned ?? []),
      told,
    );
  });

  it("take away what was set", () => {
    const settings = mergeSettings(
      existing,
      given("--reserved none --rate 0 --provisioned 0 --no-env --no-single-use".split(" "), [
        "--on-failure",
        "none",
      ]),
    );
    assert.equal(settings.reservedConcurrency, undefined);
    assert.equal(settings.rateLimit, undefined);
    assert.deepEqual(settings.provisioned, []);
    assert.deepEqual(settings.environment, {});
    assert.equal(settings.singleUse, false);
    assert.deepEqual(settings.async, { retries: 1 });
  });

  it("change a burst alone where there is a rate, and refuse it where there is none", () => {
    const { rateLimit } = mergeSettings(existing, given(["--burst", "9"]));
    assert.deepEqual(rateLimit, { callsPerSecond: 5, burst: 9 });
    assert.throws(() => mergeSettings(undefined, given(["--burst", "9"])), /a burst needs a rate/);
  });

  it("change a rate and keep its burst, or take both away", () => {
    const { rateLimit } = mergeSettings(existing, given(["--rate", "6"]));
    assert.deepEqual(rateLimit, { callsPerSecond: 6, burst: 7 });
    assert.equal(mergeSettings(existing, given(["--rate", "0"])).rateLimit, undefined);
  });

  for (const wrong of [
    ["--provisioned", "many"],
    ["--provisioned", "3 from 0 9 * * *"],
    ["--on-success", "next"],
    ["--timeout", "soon"],
    ["--async-max-age", "25h"],
    ["--reserved", "-1"],
    ["--rate", "fast"],
  ]) {
    it(`refuse ${wrong.join(" ")}`, () => {
      assert.throws(() => given(wrong), { code: "commander.invalidArgument" });
    });
  }
});

function given(...words: string[][]) {
  const command = addSettingsOptions(new Command("config")).exitOverride();
  command.configureOutput({ writeErr: () => undefined });
  return command.parse(words.flat(), { from: "user" }).opts();
}
