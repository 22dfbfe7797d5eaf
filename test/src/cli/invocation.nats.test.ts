/** Accepted and streamed calls by the command, as its users see them. */
import assert from "node:assert/strict";
import { until } from "@tidepool/actors/testing";
import { aSystem, echoZip } from "../system/a-system.ts";
import type { TestSystem } from "../system/a-system.ts";
import { runTidepool } from "./tidepool-process.ts";
import type { Ended } from "./tidepool-process.ts";

const throws = JSON.stringify({ simulated: { failure: "throw" } });

describe("The command for calls that nobody waits for", () => {
  let system: TestSystem;

  before(async () => {
    system = await aSystem();
    await system.client.createFunction("echo", { runtime: "nodejs20", handler: "index.handler" });
    await system.client.uploadCode("echo", echoZip);
  });
  after(() => system.stop());

  const tidepool = (...args: string[]): Promise<Ended> =>
    runTidepool(["--address", system.address, ...args]);
  const accept = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await tidepool("invoke", "echo", "--async", ...args);
    assert.equal(code, 0, stderr);
    return stdout.trim();
  };

  it("prints the id, and the result by it when the call has ended", async () => {
    const id = await accept("--payload", '{"n":1}', "--dedupe", "k-1");
    const waited = await tidepool("invocation", "wait", id);
    assert.deepEqual([waited.code, waited.stdout], [0, '{"n":1}\n'], waited.stderr);
    assert.match(waited.stderr, /^succeeded · echo · 1 attempt\n/);
    assert.equal(await accept("--dedupe", "k-1"), id);
    const { stdout } = await tidepool("invocation", "show", id, "--json");
    const { status, payload } = JSON.parse(stdout) as { status: string; payload: unknown };
    assert.deepEqual([status, payload], ["succeeded", { n: 1 }]);
  });

  it("cancels one that waits, and does not find one that never was", async () => {
    const id = await accept("--delay", "3600000");
    const { code, stderr } = await tidepool("invocation", "cancel", id);
    assert.equal(code, 0);
    assert.match(stderr, /^cancelled · echo · 0 attempts\n/);
    const missing = await tidepool("invocation", "show", "never-was");
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /no accepted call 'never-was'/);
  });

  it("ends with 3 for one that failed, and shows, redrives and purges its letter", async () => {
    const id = await accept("--payload", throws, "--retries", "0");
    const waited = await tidepool("invocation", "wait", id);
    assert.deepEqual([waited.code, waited.stdout], [3, ""]);
    assert.match(waited.stderr, /failure {2}functionError from function: Error: simulated failure/);
    await until(async () => (await system.client.deadLetters.list()).letters.length === 1);
    const list = await tidepool("dead-letters", "list", "--function", "echo");
    assert.match(list.stdout, new RegExp(`${id} +echo .* failed +functionError: Error: simulated`));
    const shown = await tidepool("dead-letters", "show", id);
    assert.equal(shown.stdout, `${throws}\n`);
    const redriven = await tidepool("dead-letters", "redrive", id);
    assert.match(redriven.stderr, /1 call accepted anew/);
    await tidepool("invocation", "wait", redriven.stdout.trim());
    await until(async () => (await system.client.deadLetters.list()).letters.length === 1);
    const purged = await tidepool("dead-letters", "purge", "--all", "--json");
    assert.deepEqual(JSON.parse(purged.stdout), { count: 1 });
    assert.equal((await tidepool("dead-letters", "list")).stdout, "no dead letters\n");
  });

  it("writes the bytes of a streamed answer to stdout, and nothing else there", async () => {
    const payload = JSON.stringify({ simulated: { streamBytes: 34 } });
    const streamed = await tidepool("invoke", "echo", "--payload", payload, "--stream");
    assert.equal(streamed.stdout, "simulated answer\n".repeat(2));
    assert.match(streamed.stderr, /^34 B of text\/plain\n/);
    const broken = JSON.stringify({ simulated: { streamBytes: 17, failure: "throw" } });
    const { code, stdout } = await tidepool("invoke", "echo", "--payload", broken, "--stream");
    assert.deepEqual([code, stdout], [3, "simulated answer\n"]);
  });
});
