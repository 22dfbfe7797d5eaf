/** What needs no system: usage, exit codes, and errors that name what is wrong. */
import assert from "node:assert/strict";
import { runTidepool } from "./tidepool-process.ts";

const commands =
  "up cluster certs doctor init dev deploy invoke invocation dead-letters schedule subscribe subscriptions unsubscribe url list delete versions rollback alias pools forecast why tenant logs replay simulate".split(
    " ",
  );
const nowhere = ["--address", "127.0.0.1:1"];

describe("The tidepool command", () => {
  for (const command of commands) {
    it(`shows help with an example for ${command}`, async () => {
      const { code, stdout } = await runTidepool([command, "--help"]);
      assert.equal(code, 0);
      assert.match(stdout, new RegExp(`Example:\\n {2}\\$ tidepool ${command}`));
    });
  }

  const wrong: readonly [string, readonly string[], RegExp][] = [
    ["an unknown option", ["list", "--nope"], /unknown option '--nope'/],
    ["a missing argument", ["invoke"], /missing required argument 'function'/],
    ["a number out of its range", ["deploy", ".", "--memory", "0"], /an integer from 1 to/],
    [
      "a share over 1",
      ["alias", "set", "f", "live", "1", "--split", "2=1.5"],
      /VERSION=SHARE is needed/,
    ],
    ["no alias after a colon", ["invoke", "f:"], /names no alias and no version/],
    ["two qualifiers", ["invoke", "f:1", "--qualifier", "2"], /name two different versions/],
    ["options of --async without it", ["invoke", "f", "--dedupe", "k"], /go with --async/],
    ["--async with --stream", ["invoke", "f", "--async", "--stream"], /exclude each other/],
    ["dead letters that nobody named", ["dead-letters", "purge"], /no calls are named/],
    ["a payload that is not JSON", ["invoke", "f", "--payload", "{"], /--payload is not JSON/],
    ["a range that is none", [...nowhere, "replay", "f", "--minutes", "9..2"], /must be A\.\.B/],
  ];
  for (const [what, args, says] of wrong) {
    it(`ends with 2 for ${what}, saying so`, async () => {
      const { code, stderr } = await runTidepool(args);
      assert.equal(code, 2, stderr);
      assert.match(stderr, says);
    });
  }

  it("ends with 1 when nobody answers, naming the address, the code and what to do", async () => {
    const { code, stdout, stderr } = await runTidepool([...nowhere, "list"]);
    assert.deepEqual({ code, stdout }, { code: 1, stdout: "" });
    assert.match(stderr, /127\.0\.0\.1:1/);
    assert.match(stderr, /code unavailable/);
    assert.match(stderr, /hint: .*tidepool up/);
  });

  it("gives errors as JSON where results are", async () => {
    const { stderr } = await runTidepool([...nowhere, "list", "--json"]);
    const { error } = JSON.parse(stderr) as { error: { code: string; retryable: boolean } };
    assert.deepEqual([error.code, error.retryable], ["unavailable", true]);
  });
});
