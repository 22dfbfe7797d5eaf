#!/usr/bin/env node
/** Entry of the `tidepool` command. */
import { CommanderError } from "commander";
import { exitCodes } from "./exit-codes.ts";
import { createProgram } from "./program.ts";
import { functionNameOf } from "./program/parts.ts";
import { readerGone } from "./terminal/reader.ts";
import { openTerminal } from "./terminal/terminal.ts";

const terminal = openTerminal();
// What Node says of a library's calls, as of TLS to an address, is not for who types a command.
process.noDeprecation = true;
// `tidepool list | head`: who reads may leave first.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") {
    terminal.say(`error: the result cannot be written: ${error.code ?? error.message}`);
    process.exit(exitCodes.failure);
  }
  if (!readerGone()) process.exit(exitCodes.ok);
});
// What is said of the work may go unheard; the work goes on.
process.stderr.on("error", () => {});

/** That the command is about, for hints. */
let functionName: string | undefined;

try {
  const program = createProgram({
    terminal,
    env: process.env,
    setExitCode: (code) => (process.exitCode = code),
  });
  program.hook("preAction", (_, action) => {
    functionName = functionNameOf(action);
  });
  await program.parseAsync();
} catch (error) {
  terminal.status("");
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  } else {
    // Loaded here: help and usage need none of it.
    const { TidepoolError } = await import("@tidepool/common");
    const { exitCodeOf, printFailure } = await import("./failure.ts");
    const failure = TidepoolError.from(error);
    printFailure(terminal, failure, process.argv.includes("--json"), functionName);
    process.exitCode = exitCodeOf(failure);
  }
}
