import assert from "node:assert/strict";
import { headers } from "@nats-io/nats-core";
import type { Bus, Storage } from "@tidepool/actors";
import { silentLogger, systemClock } from "@tidepool/common";
import { tidepool } from "@tidepool/proto";
import { LogShipper } from "./log-shipper.ts";

const { LogBatch } = tidepool.internal.v1;

describe("LogShipper", () => {
  it("says in a function's own log how many of its lines were dropped, once lines get through", async () => {
    const stored: string[] = [];
    const bus = { isConnected: false, outgoingHeaders: () => headers() };
    const client = {
      publish(_subject: string, bytes: Uint8Array) {
        const { functionName, lines } = LogBatch.decode(bytes);
        for (const { text } of lines) stored.push(`${functionName}: ${text}`);
        return Promise.resolve({});
      },
    };
    const shipper = new LogShipper({
      hostId: "h-1",
      bus: bus as unknown as Bus,
      storage: { client } as unknown as Storage,
      clock: systemClock,
      logger: silentLogger,
      bytesMax: 5_000,
    });
    const print = (functionName: string, text: string): void =>
      shipper.logs({ functionName, lines: [{ text }, { text: "x".repeat(1_000) }] });
    for (let count = 1; count <= 10; count += 1) print("loud", `line ${count}`);
    print("quiet", "hush");
    bus.isConnected = true;
    while (!stored.includes("quiet: hush")) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const kept = stored.filter((line) => line.startsWith("loud: line")).length;
    assert.ok(kept > 0 && kept < 10);
    const told = stored.flatMap((line) => {
      const count = /^loud: … \[(\d+) lines dropped: the log could not be stored\]$/.exec(line);
      return count === null ? [] : [Number(count[1])];
    });
    assert.equal(
      told.reduce((sum, count) => sum + count, 0),
      2 * (10 - kept),
    );
    await shipper.stop();
  });
});
