import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { authorizationBlock, issueInto } from "@tidepool/cli";
import { parse } from "yaml";
import { readSource, repositoryRoot } from "./repository.ts";

const run = promisify(execFile);
const units = readdirSync(join(repositoryRoot, "deploy", "systemd")).filter((name) =>
  name.endsWith(".service"),
);

describe("deploy/", () => {
  it("has a configuration that nats-server accepts", async () => {
    const path = join(repositoryRoot, "deploy", "nats", "nats-server.conf");
    const env = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin` };
    const { stderr } = await run("nats-server", ["-t", "-c", path], { env });
    assert.match(stderr, /is valid/);
  });

  it("has a configuration for a cluster that nats-server accepts, with the users that the certificates name", async () => {
    const folder = await mkdtemp(join(tmpdir(), "tidepool-deploy-"));
    try {
      const certs = join(folder, "certs");
      const members = [
        { service: "nats", id: "n-1", addresses: ["127.0.0.1"] },
        { service: "host", id: "h-1", addresses: [] },
      ] as const;
      await issueInto(certs, members, 1);
      await cp(join(repositoryRoot, "deploy/nats/cluster.conf"), join(folder, "cluster.conf"));
      await cp(join(certs, "n-1.nats"), join(folder, "tls"), { recursive: true });
      await writeFile(join(folder, "users.conf"), authorizationBlock(members).join("\n"));
      const env = {
        ...process.env,
        PATH: `${process.env["PATH"] ?? ""}:/usr/sbin`,
        TIDEPOOL_NATS_NAME: "n-1",
        TIDEPOOL_NATS_ADDRESS: "127.0.0.1",
        TIDEPOOL_NATS_ROUTES: '["nats://127.0.0.2:6222"]',
      };
      const options = { env, cwd: folder };
      const { stderr } = await run("nats-server", ["-t", "-c", "cluster.conf"], options);
      assert.match(stderr, /is valid/);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it("gives NATS's chart what nats-server accepts as the chart writes it: quoted, but for what is in << >>", async () => {
    const { helmCharts } = parse(readSource("deploy/kubernetes/nats/kustomization.yaml")) as {
      helmCharts: { valuesInline: { config: { merge: object } } }[];
    };
    const merged = helmCharts.map(({ valuesInline }) => JSON.stringify(valuesInline.config.merge));
    const written = merged.join("\n").replaceAll(/"<< (.+?) >>"/g, "$1");
    assert.match(written, /max_payload/);
    const folder = await mkdtemp(join(tmpdir(), "tidepool-chart-"));
    try {
      await writeFile(join(folder, "nats.conf"), written);
      const env = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin` };
      const { stderr } = await run("nats-server", ["-t", "-c", join(folder, "nats.conf")], { env });
      assert.match(stderr, /is valid/);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
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
