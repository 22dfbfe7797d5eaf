/** The whole command on a small log: what it prints and draws, and that it does so again. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { simulateCommand } from "../commands/simulate.ts";
import type { SimulateOptions } from "../commands/simulate.ts";
import { createProgram } from "../program.ts";
import type { Terminal } from "../terminal/terminal.ts";
import type { Contest } from "./contest.ts";

interface Said {
  out: string;
  err: string;
}

function listen(): { terminal: Terminal; said: Said } {
  const said: Said = { out: "", err: "" };
  const terminal: Terminal = {
    out: (text) => (said.out += text),
    say: (line) => (said.err += `${line}\n`),
    status: () => {},
    paint: (_, text) => text,
    isInteractive: false,
    columns: 100,
  };
  return { terminal, said };
}

/** A backup each half hour with a few seconds of jitter, and visits at no particular time, for two days. */
function aLog(): string {
  const lines = ["timestamp,function"];
  for (let tick = 0; tick < 96; tick += 1)
    lines.push(`${1_772_323_200 + tick * 1_800 + ((tick * 7) % 5)},backup`);
  let atS = 1_772_323_200;
  for (let visit = 0; visit < 60; visit += 1) {
    atS += 300 + ((visit * 7_919) % 5_000);
    lines.push(`${atS},"visit, home"`);
  }
  return `${lines.join("\n")}\n`;
}

describe("tidepool simulate", () => {
  let folder = "";
  let trace = "";
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidepool-simulate-"));
    trace = join(folder, "access.csv");
    await writeFile(trace, aLog());
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const run = async (options: Partial<SimulateOptions> = {}): Promise<Said> => {
    const { terminal, said } = listen();
    const context = { terminal, env: {}, setExitCode: () => {} };
    await simulateCommand({ trace, price: 600, ...options }, context);
    return said;
  };

  it("prints the table, and in words what is saved", async () => {
    const { out, err } = await run();
    assert.match(out, /^156 calls of 2 functions in /);
    for (const name of ["fixed keep-alive", "tidepool", "hybrid histogram", "FFT", "clairvoyant"])
      assert.match(out, new RegExp(`^${name} `, "m"));
    assert.match(out, /for the same idle time Tidepool has [\d.]+ times fewer cold starts/);
    assert.match(out, /for as many cold starts its VMs idle \d+ % less/);
    assert.equal(err, "");
  });

  it("prints and draws the same bytes for the same log", async () => {
    const files = ["a.svg", "b.svg"].map((name) => join(folder, name));
    const printed = [];
    for (const out of files) printed.push((await run({ out })).out);
    const [a, b] = await Promise.all(files.map((file) => readFile(file, "utf8")));
    assert.equal(printed[0], printed[1]);
    assert.equal(a, b);
    assert.match(
      a ?? "",
      /^<svg [\s\S]*Cold starts against waste[\s\S]*hybrid histogram[\s\S]*<\/svg>\n$/,
    );
    assert.doesNotMatch(a ?? "", /NaN|undefined/);
  });

  it("gives figures as JSON, only of the policies asked for beside the fixed keep-alive", async () => {
    const { out } = await run({ json: true, policy: ["learned"], scoreFrom: 60 });
    const contest = JSON.parse(out) as Contest;
    assert.deepEqual(
      contest.distinct.policies.map(({ choice }) => choice),
      ["fixed", "learned"],
    );
    assert.equal(contest.scoreFromSlot, 60);
    assert.equal(contest.weighted, undefined);
    const fixedAtItsWaste = contest.distinct.policies[0]?.coldShares[2] ?? 0;
    assert.ok(Math.abs(fixedAtItsWaste - 1) < 0.02, String(fixedAtItsWaste));
    assert.ok(contest.seconds.learned.distinct.cold < contest.seconds.fixed.distinct.cold);
  });

  it("refuses a policy that there is not, and a start behind the end", async () => {
    await assert.rejects(run({ policy: ["magic"] }), {
      code: "invalid",
      message: /'magic' is none; there are fixed, learned, hybrid, fft, clairvoyant/,
    });
    await assert.rejects(run({ scoreFrom: 100_000 }), {
      message: /--score-from 100000 must be below/,
    });
  });

  it("says so when there is nothing to compare", async () => {
    const path = join(folder, "one.csv");
    await writeFile(path, "0,a\n30,a\n6000,b\n");
    await assert.rejects(run({ trace: path, scoreFrom: 101 }), {
      message: /must be below the log's 101 slots/,
    });
    await assert.rejects(run({ trace: path, scoreFrom: 50 }), {
      message: /nothing to compare/,
    });
  });

  it("is reached by its options on the command line", async () => {
    const { terminal, said } = listen();
    const program = createProgram({ terminal, env: {}, setExitCode: () => {} });
    const args = [
      "simulate",
      "--trace",
      trace,
      "--policy",
      "fixed",
      "learned",
      "--price",
      "300",
      "--json",
    ];
    await program.parseAsync(["node", "tidepool", ...args]);
    assert.equal((JSON.parse(said.out) as Contest).priceS, 300);
  });
});
