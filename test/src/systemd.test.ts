/** The units as systemd reads them: that it understands each line, and how little a service that was taken over can do. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { repositoryRoot } from "./repository.ts";

/** Of systemd-analyze security, tenths: 0 is safe, 100 is not; what does nothing about it gets 96. */
const exposureMax = 20;
/** It makes a network namespace and its filter. */
const exposureWithNetworkMax = 40;
const folder = join(repositoryRoot, "deploy", "systemd");
const units = readdirSync(folder).filter((name) => name.endsWith(".service"));

function analyze(...words: readonly string[]): { readonly status: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync("systemd-analyze", words, { encoding: "utf8" });
  return { status, said: `${stdout}${stderr}` };
}

describe("systemd's units", function () {
  this.timeout(20_000);
  let here: string;
  before(function () {
    if (spawnSync("systemd-analyze", ["--version"]).error !== undefined) this.skip();
    here = mkdtempSync(join(tmpdir(), "tidepool-units-"));
    // What they start is not on this machine under that name.
    for (const unit of units) {
      const text = readFileSync(join(folder, unit), "utf8");
      const started = text.replace(/^ExecStart=\S+/m, `ExecStart=${process.execPath}`);
      writeFileSync(join(here, unit), started);
    }
  });
  after(() => {
    if (here !== undefined) rmSync(here, { recursive: true });
  });

  it("are there for each service", () => {
    const names = ["frontend", "host-agent", "nats", "scheduler"];
    assert.deepEqual(
      units.sort(),
      names.map((name) => `tidepool-${name}.service`),
    );
  });

  for (const unit of units) {
    it(`${unit} is understood to the last line`, () => {
      const { status, said } = analyze("verify", "--man=no", join(here, unit));
      assert.equal(said.trim(), "");
      assert.equal(status, 0);
    });

    it(`${unit} leaves little to whoever takes it over`, () => {
      const path = join(folder, unit);
      const limit = `--threshold=${exposureMax}`;
      const { status, said } = analyze("security", "--offline=true", limit, path);
      assert.equal(status, 0, said.trim().split("\n").at(-1));
    });
  }

  it("the addition for a nats-server of a cluster is understood", () => {
    const nats = "tidepool-nats.service";
    const there = join(here, "of-a-cluster");
    mkdirSync(join(there, `${nats}.d`), { recursive: true });
    copyFileSync(join(here, nats), join(there, nats));
    const addition = "nats-cluster.conf";
    const text = readFileSync(join(folder, addition), "utf8");
    const started = text.replace("/usr/sbin/nats-server", process.execPath);
    writeFileSync(join(there, `${nats}.d`, addition), started);
    const { status, said } = analyze("verify", "--man=no", join(there, nats));
    assert.deepEqual([said.trim(), status], ["", 0]);
  });

  it("the addition for guests with a network is understood, and leaves less than root has", () => {
    const agent = "tidepool-host-agent.service";
    const there = join(here, "with-network");
    mkdirSync(join(there, `${agent}.d`), { recursive: true });
    copyFileSync(join(here, agent), join(there, agent));
    const addition = "guest-network.conf";
    copyFileSync(join(folder, addition), join(there, `${agent}.d`, addition));
    const { status, said } = analyze("verify", "--man=no", join(there, agent));
    assert.deepEqual([said.trim(), status], ["", 0]);
    const limit = `--threshold=${exposureWithNetworkMax}`;
    const analysis = analyze("security", "--offline=true", limit, join(there, agent));
    assert.equal(analysis.status, 0, analysis.said.trim().split("\n").at(-1));
  });
});
