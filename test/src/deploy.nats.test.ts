import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { readSource, repositoryRoot } from "./repository.ts";

const run = promisify(execFile);
const units = readdirSync(join(repositoryRoot, "deploy", "systemd"));

describe("deploy/", () => {
  it("has a configuration that nats-server accepts", async () => {
    const path = join(repositoryRoot, "deploy", "nats", "nats-server.conf");
    const env = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin` };
    const { stderr } = await run("nats-server", ["-t", "-c", path], { env });
    assert.match(stderr, /is valid/);
  });

  it("has a unit for each service, which starts a main that exists and the configuration that is here", () => {
    const services = readdirSync(join(repositoryRoot, "services"));
    assert.deepEqual(
      units.toSorted(),
      [...services, "nats"].map((name) => `tidepool-${name}.service`).toSorted(),
    );
    for (const unit of units) {
      const source = readSource(join("deploy", "systemd", unit));
      const [, path = ""] = /ExecStart=.* \/opt\/tidepool\/(\S+)/.exec(source) ?? [];
      const inSource = path.replace("/dist/main.js", "/src/main.ts");
      assert.ok(readSource(inSource).length > 0, `${unit} starts ${path}`);
    }
  });
});
