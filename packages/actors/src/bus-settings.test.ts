import assert from "node:assert/strict";
import { readEnvironment } from "@tidepool/common";
import { readBusSettings } from "./bus-settings.ts";

const read = (env: NodeJS.ProcessEnv) => readEnvironment(env, readBusSettings);

describe("Settings of the bus", () => {
  it("are those of one machine where nothing is said", () => {
    assert.deepEqual(read({}), {
      servers: "nats://127.0.0.1:4222",
      replicas: 1,
      logsKeptMs: 86_400_000,
      logsBytesMax: 256 * 1024 * 1024,
    });
  });

  it("find the three files of TLS in one folder", () => {
    const { tls } = read({ TIDEPOOL_TLS_DIR: "/etc/tidepool/tls" });
    assert.deepEqual(tls, {
      caFile: "/etc/tidepool/tls/ca.pem",
      certFile: "/etc/tidepool/tls/cert.pem",
      keyFile: "/etc/tidepool/tls/key.pem",
    });
  });

  it("refuse a number of copies that no cluster has", () => {
    assert.throws(() => read({ TIDEPOOL_NATS_REPLICAS: "6" }), {
      code: "invalid",
      message: /TIDEPOOL_NATS_REPLICAS must be an integer from 1 to 5/,
    });
  });
});
