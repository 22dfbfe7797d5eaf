/** Accepted calls: what became of them, and those that have failed for good. */
import type { Command } from "commander";
import { command, integer, jsonOption, milliseconds, withAddress } from "./parts.ts";
import type { CommandContext } from "./parts.ts";

export interface DeadLetterOptions {
  readonly function?: string;
  readonly limit?: number;
  readonly all?: boolean;
  readonly json?: boolean;
}

export function addInvocationCommands(program: Command, context: CommandContext): void {
  const invocation = command(
    program,
    "invocation",
    "Show, await or cancel a call that was accepted with `invoke --async`",
    "tidepool invocation show 5f0c2a1e-7b1d-4c53-9d0e-2f8f0a6b1c11",
  );
  const example = "5f0c2a1e-7b1d-4c53-9d0e-2f8f0a6b1c11";
  command(
    invocation,
    "show",
    "Show what became of a call: its result on stdout when it has one",
    `tidepool invocation show ${example}`,
  )
    .argument("<request-id>")
    .addOption(jsonOption())
    .action(async (requestId: string, options: { json?: boolean }) => {
      const { showInvocation } = await import("../commands/invocation.ts");
      await showInvocation(requestId, withAddress(program, options), context);
    });
  command(
    invocation,
    "wait",
    "Wait until a call has ended; exit code 3 when it failed",
    `tidepool invocation wait ${example} --timeout 1m`,
  )
    .argument("<request-id>")
    .option("--timeout <time>", "longest to wait (default: 15m)", milliseconds(1, 86_400_000))
    .addOption(jsonOption())
    .action(async (requestId: string, options: { json?: boolean; timeout?: number }) => {
      const { waitForInvocation } = await import("../commands/invocation.ts");
      await waitForInvocation(requestId, withAddress(program, options), context);
    });
  command(
    invocation,
    "cancel",
    "Cancel a call: it is not begun any more, and stopped if it runs",
    `tidepool invocation cancel ${example}`,
  )
    .argument("<request-id>")
    .addOption(jsonOption())
    .action(async (requestId: string, options: { json?: boolean }) => {
      const { cancelInvocation } = await import("../commands/invocation.ts");
      await cancelInvocation(requestId, withAddress(program, options), context);
    });
  addDeadLetterCommands(program, context);
}

function addDeadLetterCommands(program: Command, context: CommandContext): void {
  const letters = command(
    program,
    "dead-letters",
    "Look at accepted calls that have failed for good, run them anew, or throw them away",
    "tidepool dead-letters list",
  );
  command(letters, "list", "List them, oldest first", "tidepool dead-letters list --function hello")
    .option("--function <name>", "only of this function")
    .option("--limit <n>", "at most so many", integer(1, 1_000), 100)
    .addOption(jsonOption())
    .action(async (options: DeadLetterOptions) => {
      const { listDeadLetters } = await import("../commands/dead-letters.ts");
      await listDeadLetters(withAddress(program, options), context);
    });
  command(
    letters,
    "show",
    "Show why one failed, and what it was called with",
    "tidepool dead-letters show 5f0c2a1e-7b1d-4c53-9d0e-2f8f0a6b1c11",
  )
    .argument("<request-id>")
    .addOption(jsonOption())
    .action(async (requestId: string, options: { json?: boolean }) => {
      const { showDeadLetter } = await import("../commands/dead-letters.ts");
      await showDeadLetter(requestId, withAddress(program, options), context);
    });
  const which = (group: Command): Command =>
    group
      .argument("[request-id...]", "only these")
      .option("--function <name>", "only of this function")
      .option("--all", "of all functions")
      .addOption(jsonOption());
  which(
    command(
      letters,
      "redrive",
      "Accept them anew, as new calls, and take them off the list",
      "tidepool dead-letters redrive --function hello",
    ),
  ).action(async (requestIds: string[], options: DeadLetterOptions) => {
    const { redriveDeadLetters } = await import("../commands/dead-letters.ts");
    await redriveDeadLetters(requestIds, withAddress(program, options), context);
  });
  which(
    command(letters, "purge", "Throw them away", "tidepool dead-letters purge --function hello"),
  ).action(async (requestIds: string[], options: DeadLetterOptions) => {
    const { purgeDeadLetters } = await import("../commands/dead-letters.ts");
    await purgeDeadLetters(requestIds, withAddress(program, options), context);
  });
}
