import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommand } from "./command.ts";

describe("runCommand", () => {
  let folder: string;
  let logPath: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidepool-command-"));
    logPath = join(folder, "build.log");
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  it("says which command failed, how, and what it said last", async () => {
    await assert.rejects(runCommand("sh", ["-c", "echo no disk >&2; exit 3"], { logPath }), {
      code: "unavailable",
      message: "command 'sh' failed (exit code 3); it said: no disk",
    });
    assert.match(await readFile(logPath, "utf8"), /^\$ sh -c .*\nno disk\n$/);
  });

  it("names a program that is not installed", async () => {
    await assert.rejects(runCommand("no-such-program", [], { logPath }), {
      message: /^command 'no-such-program' failed \(spawn no-such-program ENOENT\)/,
    });
  });

  it("answers what the command wrote", async () => {
    assert.equal(await runCommand("sh", ["-c", "echo hello"], { logPath }), "hello\n");
  });
});
