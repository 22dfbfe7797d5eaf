import assert from "node:assert/strict";
import { Argument, Command } from "commander";
import { takesFile } from "./completion.ts";

describe("Completion", () => {
  const program = new Command("tidepool").option("--token-file <file>", "");
  const deploy = program.command("deploy").argument("[path]").option("--memory <mib>", "");
  deploy.option("-d, --data <dir>", "").option("--dry-run", "");
  program.command("invoke").addArgument(new Argument("<function>")).option("--payload <json>", "");
  const isFile = (line: string): boolean => takesFile(line.split(" "), program);

  it("leaves the names of files to the shell where a file is meant", () => {
    for (const line of [
      "deploy ",
      "deploy ex",
      "deploy --memory 256 ex",
      "deploy --dry-run ex",
      "deploy --data ex",
      "deploy -d ex",
      "deploy --data=ex",
      "deploy --token-file ",
      "--token-file ex",
      "--token-file deploy deploy ex",
    ])
      assert.ok(isFile(line), line);
  });

  it("completes no file where none is meant", () => {
    for (const line of [
      "",
      "dep",
      "deploy --",
      "deploy hello ",
      "deploy deploy ",
      "deploy --memory ",
      "deploy --memory=2",
      "invoke ",
      "invoke h",
      "invoke hello --payload ",
    ])
      assert.ok(!isFile(line), line);
  });
});
