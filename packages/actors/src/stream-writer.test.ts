import assert from "node:assert/strict";
import { headers } from "@nats-io/nats-core";
import { silentLogger } from "@tidepool/common";
import { StreamWriter } from "./stream-writer.ts";

const aMessage = (name: string, count = 1) => ({ subject: name, bytes: Buffer.alloc(10), count });

function aServer() {
  const stored = new Map<string, string>();
  const server = {
    isConnected: true,
    failures: 0,
    stored,
    subjects: (): string[] => [...stored.values()],
    bus: {
      get isConnected() {
        return server.isConnected;
      },
      outgoingHeaders: () => headers(),
    },
    client: {
      publish(subject: string, _bytes?: unknown, options?: { msgID?: string }) {
        stored.set(options?.msgID ?? "", subject);
        if (server.failures === 0) return Promise.resolve({} as never);
        server.failures -= 1;
        return Promise.reject(new Error("no answer"));
      },
    },
  };
  return server;
}

async function settled(writer: StreamWriter): Promise<void> {
  while (writer.waitingCount > 0) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe("StreamWriter", () => {
  it("sends again, under the same id, what was not acknowledged", async () => {
    const server = aServer();
    server.failures = 1;
    const writer = new StreamWriter({ ...server, logger: silentLogger, bytesMax: 1_000 });
    writer.add(aMessage("a"));
    writer.add(aMessage("b"));
    await settled(writer);
    assert.deepEqual(server.subjects(), ["a", "b"]);
    await writer.stop();
  });

  it("keeps what comes while NATS is away, and drops and tells of the oldest beyond its room", async () => {
    const server = aServer();
    server.isConnected = false;
    const dropped: string[] = [];
    const writer = new StreamWriter({
      ...server,
      logger: silentLogger,
      bytesMax: 30,
      onDropped: ({ subject }) => dropped.push(subject),
    });
    for (const name of ["a", "b", "c", "d", "e"]) writer.add(aMessage(name, 7));
    assert.deepEqual(dropped, ["a", "b"]);
    assert.equal(writer.droppedCount, 14);
    server.isConnected = true;
    await settled(writer);
    assert.deepEqual(server.subjects(), ["c", "d", "e"]);
    await writer.stop();
  });
});
