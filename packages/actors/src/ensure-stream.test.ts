/** A service's start over streams that are there already. The server is a table of configurations. */
import assert from "node:assert/strict";
import type { JetStreamManager, StreamConfig } from "@nats-io/jetstream";
import { PermissionViolationError } from "@nats-io/nats-core";
import { ensureConfig, ensureStream } from "./ensure-stream.ts";

function managerOf(
  found: Partial<StreamConfig>,
  updated: (config: Partial<StreamConfig>) => void,
): JetStreamManager {
  const streams = {
    info: () => Promise.resolve({ config: { ...found } }),
    update: (_: string, config: Partial<StreamConfig>) => {
      updated(config);
      return Promise.resolve();
    },
  };
  return { streams } as unknown as JetStreamManager;
}

describe("a stream that is there already", () => {
  const updates: (number | undefined)[] = [];
  const note = ({ num_replicas }: Partial<StreamConfig>): void => void updates.push(num_replicas);
  beforeEach(() => updates.splice(0));

  it("gets the copies of a cluster that has grown", async () => {
    const manager = managerOf({ name: "S", num_replicas: 1 }, note);
    await ensureConfig(manager, { name: "S", num_replicas: 3 });
    await ensureStream(manager, { name: "S", num_replicas: 3 });
    assert.deepEqual(updates, [3, 3]);
  });

  it("keeps its copies when somebody does not say how many there are to be", async () => {
    const manager = managerOf({ name: "S", num_replicas: 3, max_bytes: 5 }, note);
    await ensureConfig(manager, { name: "S", num_replicas: 1, max_bytes: 5 });
    assert.deepEqual(updates, []);
    await ensureConfig(manager, { name: "S", num_replicas: 1, max_bytes: 6 });
    assert.deepEqual(updates, [3]);
  });

  it("is left as it is by a service that may not change streams", async () => {
    const refused = new PermissionViolationError("no", "publish", "$JS.API.STREAM.UPDATE.S");
    const refuse = (): never => {
      throw new Error("request failed", { cause: refused });
    };
    await ensureConfig(managerOf({ num_replicas: 1 }, refuse), { name: "S", num_replicas: 3 });
  });

  it("is not taken for what it should be when the server cannot make it so", async () => {
    const fail = (): never => {
      throw new Error("no suitable peers for placement");
    };
    const manager = managerOf({ num_replicas: 1 }, fail);
    await assert.rejects(ensureConfig(manager, { name: "S", num_replicas: 3 }), /no suitable/);
  });
});
