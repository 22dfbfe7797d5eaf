/** What a recorded system holds: made by whoever records it, and looked for by whoever restores it. */
import { Keyring } from "@tidepool/common";
import { echoZip } from "../system/a-system.ts";
import type { TestSystem } from "../system/a-system.ts";

/** The keys that the recordings' secrets are sealed with. */
export const recordedKeyring = (): Keyring => new Keyring(Buffer.alloc(32, 7).toString("base64"));
export const periodMs = 60_000;
export const callCount = 20;

const settings = { runtime: "nodejs20", handler: "index.handler" };

/** What cannot be known before: who asks for it later finds it beside the recording. */
export interface RecordedIds {
  readonly succeededId: string;
  readonly failedId: string;
  readonly tokenText: string;
}

export async function fillState(system: TestSystem): Promise<RecordedIds> {
  const { client } = system;
  await client.secrets.put("key", "hidden");
  const tick = {
    ...settings,
    memoryMib: 192,
    environment: { GREETING: "hello" },
    secrets: { KEY: "key" },
    tags: { team: "blue" },
    keepAliveMs: 120_000,
    reservedConcurrency: 3,
    rateLimit: { callsPerSecond: 50, burst: 60 },
  };
  await client.createFunction("tick", tick);
  await client.uploadCode("tick", echoZip);
  await client.updateFunction("tick", { ...tick, description: "second" });
  await client.uploadCode("tick", echoZip);
  await client.putAlias("tick", { name: "live", version: "1" });
  await client.createFunction("fails", {
    ...settings,
    environment: { SIMULATED_FAILURE: "throw" },
  });
  await client.uploadCode("fails", echoZip);
  await client.schedules.put("yearly", {
    functionName: "tick",
    when: { cron: "0 0 1 1 *", timeZone: "Europe/Berlin" },
    payload: { from: "schedule" },
  });
  await client.subscriptions.put("orders", {
    functionName: "tick",
    source: { subject: "shop.orders.>" },
  });
  await client.updateTenant("default", { concurrencyMax: 77 });
  const { text: tokenText } = await client.tokens.create({ role: "viewer", description: "reader" });
  const succeeded = await client.invokeAsync("tick", { n: 1 });
  const failed = await client.invokeAsync("fails", { n: 2 }, { retries: 0 });
  await client.waitForInvocation(succeeded.requestId, { timeoutMs: 60_000 });
  await client.waitForInvocation(failed.requestId, { timeoutMs: 60_000 });
  await client.createFunction("periodic", settings);
  await client.uploadCode("periodic", echoZip);
  await system.teach("periodic", periodMs, callCount);
  return { succeededId: succeeded.requestId, failedId: failed.requestId, tokenText };
}
