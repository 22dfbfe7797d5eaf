import assert from "node:assert/strict";
import { createLogger, silentLogger, systemClock } from "@tidepool/common";
import type { Bus } from "./bus.ts";
import { recordFlushMs, recordsWaitingMax, RecordWriter } from "./record-writer.ts";

function aBus(isConnected: boolean): {
  bus: Pick<Bus, "isConnected" | "connection">;
  sent: string[];
} {
  const sent: string[] = [];
  const connection = { publish: (subject: string) => void sent.push(subject) };
  return { bus: { isConnected, connection: connection as unknown as Bus["connection"] }, sent };
}
const nothing = (): Uint8Array => new Uint8Array();

describe("RecordWriter", () => {
  it("sends what came within a moment together, and only then encodes it", async () => {
    const { bus, sent } = aBus(true);
    const writer = new RecordWriter({ bus, logger: silentLogger });
    let encodedCount = 0;
    const encode = (): Uint8Array => Uint8Array.of((encodedCount += 1));
    writer.add("a", encode);
    writer.add("b", encode);
    assert.deepEqual([sent.length, encodedCount], [0, 0]);
    await systemClock.sleep(recordFlushMs + 30);
    assert.deepEqual(sent, ["a", "b"]);
    assert.equal(encodedCount, 2);
  });

  it("drops and counts what comes while NATS is away, and says so", async () => {
    const lines: string[] = [];
    const destination = { write: (line: string): void => void lines.push(line) };
    const logger = createLogger({ service: "test", level: "warn", destination });
    const writer = new RecordWriter({ bus: aBus(false).bus, logger });
    writer.add("a", nothing);
    writer.add("b", nothing);
    await writer.stop();
    assert.equal(writer.droppedCount, 2);
    assert.match(lines.join(""), /"count":2,.*explanations dropped/);
  });

  it("holds a bounded number of records", async () => {
    const { bus, sent } = aBus(true);
    const writer = new RecordWriter({ bus, logger: silentLogger });
    for (let i = 0; i <= recordsWaitingMax; i += 1) writer.add("a", nothing);
    await writer.stop();
    assert.equal(writer.droppedCount, 1);
    assert.equal(sent.length, recordsWaitingMax);
  });
});
