/** The cluster that tests start and the file that operators copy say the same, but for where things lie. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { natsConfig, natsPort } from "./nats-config.ts";

const deployed = new URL("../../../../deploy/nats/cluster.conf", import.meta.url);
const files = { caFile: "tls/ca.pem", certFile: "tls/cert.pem", keyFile: "tls/key.pem" };
const members = ["n-1", "n-2", "n-3"].map((name, at) => ({ name, address: `10.0.0.${at + 1}` }));
const [self] = members;

/** Of a line "key: value", by the block that it is in; of one that differs by machine, the key alone. */
function settingsOf(config: string): ReadonlyMap<string, string> {
  const settings = new Map<string, string>();
  const blocks: string[] = [];
  for (const line of config.split("\n")) {
    const text = line.replace(/^\s*#.*/, "").trim();
    const [, block] = /^(\w+) \{$/.exec(text) ?? [];
    const [, key = "", value = ""] = /^(\w+): (.*)$/.exec(text) ?? [];
    if (block !== undefined) blocks.push(block);
    else if (text === "}") blocks.pop();
    else if (key !== "") settings.set([...blocks, key].join("."), value);
  }
  return settings;
}

describe("The configuration of a nats-server in a cluster", () => {
  it("is in deploy/nats what the tests' clusters run with", async () => {
    assert.ok(self !== undefined);
    const tested = settingsOf(natsConfig(self, members, "store", files, []));
    const told = settingsOf(await readFile(deployed, "utf8"));
    const shared = [
      "max_payload",
      "ping_interval",
      "ping_max",
      "tls.ca_file",
      "tls.cert_file",
      "tls.key_file",
      "tls.verify_and_map",
      "cluster.name",
      "cluster.tls.ca_file",
      "cluster.tls.cert_file",
      "cluster.tls.key_file",
      "cluster.tls.verify_and_map",
      "cluster.authorization.user",
    ];
    for (const key of shared) {
      assert.notEqual(tested.get(key), undefined, key);
      assert.equal(told.get(key), tested.get(key), key);
    }
    assert.equal(told.get("port"), String(natsPort));
    assert.match(tested.get("cluster.listen") ?? "", new RegExp(`:${told.get("cluster.port")}"$`));
    // Who may say what is in users.conf, which the file includes.
    const ofMachines = ["server_name", "listen", "cluster.listen", "authorization.users"];
    const others = [...tested.keys()].filter(
      (key) => !shared.includes(key) && !ofMachines.includes(key),
    );
    assert.deepEqual(
      others.filter((key) => !told.has(key)),
      [],
    );
  });
});
