import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import type { Duplex } from "node:stream";
import { QmpClient } from "./qmp.ts";

describe("QmpClient", () => {
  let qemu: Duplex;
  let client: QmpClient;
  beforeEach(() => {
    const [here, there] = duplexPair();
    qemu = there;
    client = new QmpClient(here);
    qemu.resume();
    qemu.write('{"QMP": {"version": {}}}\r\n');
  });
  const say = (...messages: object[]): void => {
    for (const message of messages) qemu.write(`${JSON.stringify(message)}\r\n`);
  };

  it("answers commands in their order, with events in between", async () => {
    const resumed = client.once("RESUME");
    const answers = [client.run("qmp_capabilities"), client.run("query-status")];
    say({ return: 1 }, { event: "RESUME" }, { return: 2 });
    assert.deepEqual(await Promise.all(answers), [1, 2]);
    await resumed;
  });

  it("names the command that qemu refuses, and why", async () => {
    const refused = client.run("migrate", { uri: "nowhere" });
    say({ error: { class: "GenericError", desc: "unknown migration protocol" } });
    await assert.rejects(refused, {
      code: "unavailable",
      message: "qemu refused migrate: unknown migration protocol",
    });
  });

  it("rejects what waits, and what comes after, when qemu is gone", async () => {
    const waiting = [client.run("stop"), client.once("RESUME")];
    qemu.end();
    for (const each of waiting) await assert.rejects(each, { code: "unavailable" });
    await assert.rejects(client.run("cont"), { code: "unavailable" });
  });

  it("survives a line that is not JSON as an error", async () => {
    const waiting = client.run("stop");
    qemu.write("not json\n");
    await assert.rejects(waiting, { code: "internal", message: /not JSON/ });
  });
});
