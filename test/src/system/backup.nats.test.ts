/**
 * A system's state by the command, into one file and out of it into a NATS that knows nothing: what is there
 * afterwards must run, and know what was learned.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "@tidepool/actors/testing";
import { Keyring, newKey } from "@tidepool/common";
import type { Forecast } from "@tidepool/sdk";
import { runTidepool } from "../cli/tidepool-process.ts";
import { aSystem, echoZip } from "./a-system.ts";
import type { TestSystem } from "./a-system.ts";

const settings = { runtime: "nodejs20", handler: "index.handler" };
const periodMs = 60_000;
const callCount = 20;

describe("A system's backup", function () {
  const keyring = new Keyring(newKey());
  let dir: string;
  let system: TestSystem | undefined;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "tidepool-backup-"));
  });
  afterEach(async () => {
    await system?.stop();
    await rm(dir, { recursive: true });
  });

  const learned = async ({ client }: TestSystem): Promise<Forecast> => {
    let forecast: Forecast | undefined;
    await until(async () => {
      forecast = await client.getForecast("tick");
      return forecast.periodMs > 0;
    });
    assert.ok(forecast);
    return forecast;
  };

  it("restores functions that run, what names them, and the forecasts of before", async () => {
    const file = join(dir, "a.backup");
    system = await aSystem({ keyring });
    const { client, natsUrl } = system;
    await client.createFunction("tick", settings);
    await client.uploadCode("tick", echoZip);
    await client.secrets.put("key", "hidden");
    const { id } = await client.tokens.create({ role: "invoker" });
    await system.teach("tick", periodMs, callCount);
    const before = await learned(system);
    const taken = await runTidepool(["backup", file, "--nats", natsUrl]);
    assert.equal(taken.code, 0, taken.stderr);
    const refused = await runTidepool(["restore", file, "--nats", natsUrl]);
    assert.match(refused.stderr, /services still run \(a scheduler, host-agent h-1\)/);
    assert.equal(refused.code, 1);
    await system.stop();
    system = undefined;

    system = await aSystem({
      keyring,
      beforeServices: async (url) => {
        const { code, stderr } = await runTidepool(["restore", file], {
          env: { TIDEPOOL_NATS_URL: url },
        });
        assert.equal(code, 0, stderr);
      },
    });
    const after = await learned(system);
    assert.equal(after.periodMs, before.periodMs);
    assert.ok(before.degree > 0.5 && after.degree > 0.5, `${before.degree}, then ${after.degree}`);
    const restored = system.client;
    assert.deepEqual((await restored.invoke("tick", { n: 1 })).payload, { n: 1 });
    const secrets = await restored.secrets.list();
    assert.deepEqual(
      secrets.map(({ name }) => name),
      ["key"],
    );
    assert.equal((await restored.tokens.list())[0]?.id, id);
  });
});
