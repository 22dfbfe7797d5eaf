/** The whole command on a small log: what it prints and draws, and that it does so again. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { joinScores } from "@tidepool/policy";
import type { Workload } from "@tidepool/policy";
import { simulateCommand } from "../commands/simulate.ts";
import type { SimulateOptions } from "../commands/simulate.ts";
import { createProgram } from "../program.ts";
import { aTerminal } from "../testing/a-terminal.ts";
import type { Contest } from "./contest.ts";
import { readLog } from "./read-log.ts";
import { runTasks } from "./run-tasks.ts";
import type { ScoreTask } from "./task.ts";

/** A backup each half hour with a few seconds of jitter, and visits at no particular time, for two days. */
function aLog(): string {
  const lines = ["timestamp,function"];
  for (let tick = 0; tick < 96; tick += 1)
    lines.push(`${1_772_323_200 + tick * 1_800 + ((tick * 7) % 5)},backup`);
  let atS = 1_772_323_200;
  for (let visit = 0; visit < 60; visit += 1) {
    // Drawn, and always the same: any arithmetic of the number of a visit is a rhythm that is learned.
    atS += 300 + (createHash("sha256").update(String(visit)).digest().readUInt32LE(0) % 5_000);
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

  const run = async (
    options: Partial<SimulateOptions> = {},
  ): Promise<{ out: string; err: string }> => {
    const { terminal, out, said } = aTerminal();
    const context = { terminal, env: {}, setExitCode: () => {} };
    await simulateCommand({ trace, price: 600, ...options }, context);
    return { out: out.join(""), err: said.join("\n") };
  };

  it("prints the table, and in words what is saved", async () => {
    const { out, err } = await run();
    assert.match(out, /^156 calls of 2 functions in /);
    for (const name of ["fixed keep-alive", "tidepool", "hybrid histogram", "FFT", "clairvoyant"])
      assert.match(out, new RegExp(`^${name} `, "m"));
    assert.match(out, /for the same idle time Tidepool has [\d.]+ times fewer cold starts/);
    assert.match(out, /for as many cold starts its VMs idle \d+ % less/);
    assert.doesNotMatch(err.replace(/^simulating \d+ %$/gm, ""), /\S/);
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
    const atItsWaste = contest.wasteShares.indexOf(1);
    const fixedAtItsWaste = contest.distinct.policies[0]?.coldShares[atItsWaste] ?? 0;
    assert.ok(Math.abs(fixedAtItsWaste - 1) < 0.02, String(fixedAtItsWaste));
    assert.ok(contest.seconds.learned.distinct.cold < contest.seconds.fixed.distinct.cold);
  });

  it("says every figure with its interval, and how many generic VMs were needed", async () => {
    const { out } = await run({ json: true });
    const { distinct, pool } = JSON.parse(out) as Contest;
    const { figures } = distinct;
    assert.ok(figures !== undefined);
    const own = distinct.policies.find(({ choice }) => choice === "learned");
    const share = own?.coldShares[(JSON.parse(out) as Contest).wasteShares.indexOf(1)] ?? 0;
    const { value, low, high } = figures.timesFewerThanFixed;
    assert.ok(Math.abs((value ?? 0) - 1 / share) < 1e-9, `${value} and ${share}`);
    assert.ok((low ?? Infinity) <= (value ?? 0) && (value ?? 0) <= (high ?? 0));
    assert.ok((pool.learned?.worst.value ?? Infinity) <= 2 && pool.fixed.p999.value === 1);
    const { out: said } = await run();
    assert.match(
      said,
      /^fewer cold starts than the 10-minute keep-alive, at its waste +[\d.]+ × /m,
    );
    assert.match(said, /^cold share of three functions in four, waste at most 1.35 +[\d.]+ %/m);
    assert.match(said, /^tidepool, waste at most the keep-alive's +\d+ /m);
  });

  it("comes to the same bytes in processes beside each other as in one", async () => {
    const many = join(folder, "many.csv");
    const lines: string[] = [];
    for (let minute = 0; minute < 600; minute += 1)
      for (let name = 0; name < 8; name += 1)
        if ((minute * (name + 3)) % 7 < 4) lines.push(`${minute * 60 + name},f${name}`);
    await writeFile(many, lines.join("\n"));
    const workload = await readLog(many);
    const parts = [3, 5].map((count) => ({
      ...workload,
      functions: count === 3 ? workload.functions.slice(0, 3) : workload.functions.slice(3),
    }));
    const scoring = (part: Workload): ScoreTask => ({
      kind: "score",
      choice: "fixed",
      part,
      scoreFromSlot: 200,
      priceS: 600,
    });
    let functions = 0;
    const apart = await runTasks(parts.map(scoring), (count) => (functions += count), 2);
    const [whole] = await runTasks([scoring(workload)], () => {}, 1);
    assert.deepEqual(joinScores(apart), whole);
    assert.equal(functions, 8);
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
    const { terminal, out } = aTerminal();
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
    assert.equal((JSON.parse(out.join("")) as Contest).priceS, 300);
  });
});
