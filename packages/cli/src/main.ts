#!/usr/bin/env node
/** Entry of the `tidepool` command. */
import { TidepoolError } from "@tidepool/common";
import { CommanderError } from "commander";
import { exitCodes } from "./exit-codes.ts";
import { exitCodeOf, printFailure } from "./failure.ts";
import { createProgram } from "./program.ts";
import { openTerminal } from "./terminal/terminal.ts";

const terminal = openTerminal();
// `tidepool list | head`: who reads may leave first.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(exitCodes.ok);
});

try {
  const program = createProgram({
    terminal,
    env: process.env,
    setExitCode: (code) => (process.exitCode = code),
  });
  await program.parseAsync();
} catch (error) {
  terminal.status("");
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  } else {
    const failure = TidepoolError.from(error);
    printFailure(terminal, failure, process.argv.includes("--json"));
    process.exitCode = exitCodeOf(failure);
  }
}
