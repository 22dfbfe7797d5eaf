/**
 * What systems of earlier versions kept, as they wrote it, under today's services: `record-state.ts` made the recordings.
 * What could go wrong: a record, a snapshot or a call is read as something else, or not any more. The services say so in
 * their logs, where there must be nothing of it.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connectBus, ensureAsyncStorage, writeState } from "@tidepool/actors";
import type { Bus } from "@tidepool/actors";
import { until } from "@tidepool/actors/testing";
import { silentLogger } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import { readBackup } from "@tidepool/cli";
import { tidepool } from "@tidepool/proto";
import { TidepoolClient } from "@tidepool/sdk";
import { aSystem } from "../system/a-system.ts";
import type { TestSystem } from "../system/a-system.ts";
import { callCount, recordedKeyring } from "./recorded-state.ts";
import type { RecordedIds } from "./recorded-state.ts";

const { AcceptedCall } = tidepool.internal.v1;
const folder = fileURLToPath(new URL(".", import.meta.url));
const recordings = readdirSync(folder).filter((name) => name.endsWith(".backup"));
const unread = /unreadable|cannot be read|another format|not taken/;

for (const file of recordings) {
  const path = join(folder, file);
  const ids = JSON.parse(readFileSync(path.replace(/backup$/, "json"), "utf8")) as RecordedIds;

  describe(`What a system kept in ${file}`, () => {
    const complaints: string[] = [];
    let system: TestSystem;
    let client: TidepoolClient;
    let bus: Bus;
    before(async () => {
      const adminToken = ids.tokenText.replace(/./g, (digit, at) => (at < 20 ? digit : "A"));
      system = await aSystem({
        keyring: recordedKeyring(),
        hostCount: 2,
        logger: listening(complaints),
        adminToken,
        beforeServices: async (servers) => {
          const options = { name: "restore", component: "client", logger: silentLogger } as const;
          bus = await connectBus({ ...options, servers });
          const wishes = { isForced: false, isWithoutCalls: false };
          await writeState(bus, readBackup(path), wishes);
        },
      });
      ({ client } = system);
    });
    after(async () => {
      await bus.close();
      await system.stop();
    });

    it("has its function with settings, versions, alias and code, and its secret opens", async () => {
      const { settings, version } = await client.getFunction("tick");
      const { memoryMib, environment, secrets, tags, keepAliveMs, reservedConcurrency } = settings;
      assert.deepEqual(
        { version, memoryMib, environment, secrets, tags, keepAliveMs, reservedConcurrency },
        {
          version: "3",
          memoryMib: 192,
          environment: { GREETING: "hello" },
          secrets: { KEY: "key" },
          tags: { team: "blue" },
          keepAliveMs: 120_000,
          reservedConcurrency: 3,
        },
      );
      assert.deepEqual(settings.rateLimit, { callsPerSecond: 50, burst: 60 });
      const aliases = await client.listAliases("tick");
      assert.deepEqual(
        aliases.map(({ name, version: of }) => [name, of]),
        [["live", "1"]],
      );
      for (const qualifier of ["", "live"])
        assert.deepEqual((await client.invoke("tick", { n: 3 }, { qualifier })).payload, { n: 3 });
    });

    it("has its schedule, subscription, tenant, drained host and token", async () => {
      const [schedule] = await client.schedules.list();
      assert.deepEqual(schedule?.settings.when, { cron: "0 0 1 1 *", timeZone: "Europe/Berlin" });
      const [subscription] = await client.subscriptions.list();
      assert.deepEqual(subscription?.settings.source, { subject: "shop.orders.>" });
      assert.equal((await client.getTenant("default")).settings.concurrencyMax, 77);
      const statesAre = async (wanted: string): Promise<boolean> =>
        (await client.hosts.list()).map(({ hostId, state }) => `${hostId} ${state}`).join() ===
        wanted;
      await until(() => statesAre("h-1 ready,h-2 drained"));
      const reader = await TidepoolClient.connect(system.address, { token: ids.tokenText });
      assert.deepEqual(
        (await reader.listFunctions()).map(({ name }) => name),
        ["fails", "periodic", "tick"],
      );
      reader.close();
    });

    it("has what came of its accepted calls", async () => {
      const { invocations } = await ensureAsyncStorage(bus);
      // By themselves: frontends tell of calls for a day after their end.
      const ended = async (id: string): Promise<tidepool.internal.v1.AcceptedCall> =>
        AcceptedCall.decode((await invocations.get(id))?.value ?? new Uint8Array());
      const [succeeded, failed] = [await ended(ids.succeededId), await ended(ids.failedId)];
      const { INVOCATION_STATUS_SUCCEEDED, INVOCATION_STATUS_FAILED } =
        tidepool.v1.InvocationStatus;
      assert.equal(succeeded.status, INVOCATION_STATUS_SUCCEEDED);
      assert.deepEqual(Buffer.from(succeeded.result), Buffer.from(JSON.stringify({ n: 1 })));
      assert.deepEqual([failed.status, failed.attempts], [INVOCATION_STATUS_FAILED, 1]);
      const { letters } = await client.deadLetters.list({ functionName: "fails" });
      assert.deepEqual(
        letters.map(({ requestId }) => requestId),
        [ids.failedId],
      );
    });

    it("has learned what it had learned", async () => {
      await until(async () => (await client.getForecast("periodic")).callsSeen >= callCount);
    });

    it("is read by every service without complaint", () => {
      assert.deepEqual(complaints, []);
    });
  });
}

function listening(complaints: string[]): Logger {
  const note = (message: string): void => void (unread.test(message) && complaints.push(message));
  const logger: Logger = { ...silentLogger, warn: note, error: note, child: () => logger };
  return logger;
}
