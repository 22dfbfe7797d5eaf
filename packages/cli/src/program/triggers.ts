/** What calls functions by itself: schedules, subscriptions, and their addresses over HTTP. */
import { InvalidArgumentError, Option } from "commander";
import type { Command } from "commander";
import type { ScheduleSetOptions } from "../commands/schedule.ts";
import type { SubscribeOptions } from "../commands/subscription.ts";
import type { UrlOptions } from "../commands/url.ts";
import { parseDuration } from "../project/duration.ts";
import { command, instant, integer, jsonOption, withAddress } from "./parts.ts";
import type { CommandContext } from "./parts.ts";

type Given<T> = Omit<T, "address" | "tlsCa">;
interface OfFunction {
  readonly function?: string;
  readonly json?: boolean;
}

const flexibleMaxMinutes = 1_440;

export function addTriggerCommands(program: Command, context: CommandContext): void {
  addScheduleCommands(program, context);
  addSubscriptionCommands(program, context);
  addUrlCommand(program, context);
}

function addScheduleCommands(program: Command, context: CommandContext): void {
  const schedule = command(
    program,
    "schedule",
    "Call functions by the clock: set, list, show or delete schedules",
    "tidepool schedule list",
  );
  command(
    schedule,
    "set",
    "Create a schedule, or replace its settings",
    [
      "tidepool schedule set nightly --function report --cron '30 2 * * *' --time-zone Europe/Berlin",
      "tidepool schedule set poll --function check --every 30s",
      'tidepool schedule set once --function mail --at 2027-01-01T00:00:00Z --payload \'{"to":"all"}\'',
    ].join("\n  $ "),
  )
    .argument("<schedule>", 'letters, digits, "-" and "_"')
    .requiredOption("--function <name>", "the function that is called")
    .addOption(
      new Option("--cron <expression>", "five fields, or six with seconds first").conflicts([
        "every",
        "at",
      ]),
    )
    .addOption(
      new Option("--every <duration>", "30s, 5m, 2h, 1d")
        .argParser(duration)
        .conflicts(["cron", "at"]),
    )
    .addOption(
      new Option("--at <instant>", "once, as 2027-01-01T00:00:00Z")
        .argParser(instant)
        .conflicts(["cron", "every"]),
    )
    .option("--time-zone <name>", "IANA name, for --cron (default: UTC)")
    .option(
      "--flexible <minutes>",
      "begin each tick anywhere within so many minutes, always by the same offset",
      integer(0, flexibleMaxMinutes),
    )
    .addOption(
      new Option("--missed <policy>", "what becomes of ticks that nobody could begin")
        .choices(["skip", "one", "all"])
        .default("skip"),
    )
    .option("--payload <json>", "data of the event that the function gets")
    .option("--qualifier <name>", "a version or an alias (default: the active version)")
    .option("--from <instant>", "no tick before it", instant)
    .option("--until <instant>", "no tick at it or after it", instant)
    .option("--pause", "keep it, and begin nothing")
    .option("--description <text>", "for people")
    .option("--revision <revision>", "refuse when the stored one is another")
    .addOption(jsonOption())
    .action(async (name: string, options: Given<ScheduleSetOptions>) => {
      const { setSchedule } = await import("../commands/schedule.ts");
      await setSchedule(name, withAddress(program, options), context);
    });
  command(schedule, "list", "List schedules", "tidepool schedule list --function report")
    .option("--function <name>", "only those of this function")
    .addOption(jsonOption())
    .action(async (options: OfFunction) => {
      const { listSchedules } = await import("../commands/schedule.ts");
      await listSchedules(withAddress(program, options), context);
    });
  command(schedule, "show", "Show a schedule and its next ticks", "tidepool schedule show nightly")
    .argument("<schedule>")
    .addOption(jsonOption())
    .action(async (name: string, options: { json?: boolean }) => {
      const { showSchedule } = await import("../commands/schedule.ts");
      await showSchedule(name, withAddress(program, options), context);
    });
  command(schedule, "delete", "Delete a schedule", "tidepool schedule delete nightly")
    .argument("<schedule>")
    .addOption(jsonOption())
    .action(async (name: string, options: { json?: boolean }) => {
      const { deleteSchedule } = await import("../commands/schedule.ts");
      await deleteSchedule(name, withAddress(program, options), context);
    });
}

function addSubscriptionCommands(program: Command, context: CommandContext): void {
  command(
    program,
    "subscribe",
    "Call a function for each message of a NATS subject or a JetStream stream",
    [
      "tidepool subscribe orders --function ship --subject 'orders.*'",
      "tidepool subscribe audit --function store --stream EVENTS --from-start",
    ].join("\n  $ "),
  )
    .argument("<subscription>", 'its name: letters, digits, "-" and "_"')
    .requiredOption("--function <name>", "the function that is called")
    .addOption(
      new Option("--subject <subject>", "wildcards allowed").conflicts(["stream", "fromStart"]),
    )
    .option("--stream <name>", "a JetStream stream")
    .option("--filter <subject>", "only these of the stream's messages")
    .option("--from-start", "not only what comes from now on")
    .option("--qualifier <name>", "a version or an alias (default: the active version)")
    .option("--pause", "keep it, and call nothing")
    .option("--description <text>", "for people")
    .option("--revision <revision>", "refuse when the stored one is another")
    .addOption(jsonOption())
    .action(async (name: string, options: Given<SubscribeOptions>) => {
      const { subscribe } = await import("../commands/subscription.ts");
      await subscribe(name, withAddress(program, options), context);
    });
  command(program, "subscriptions", "List subscriptions", "tidepool subscriptions --json")
    .option("--function <name>", "only those of this function")
    .addOption(jsonOption())
    .action(async (options: OfFunction) => {
      const { listSubscriptions } = await import("../commands/subscription.ts");
      await listSubscriptions(withAddress(program, options), context);
    });
  command(program, "unsubscribe", "Delete a subscription", "tidepool unsubscribe orders")
    .argument("<subscription>")
    .addOption(jsonOption())
    .action(async (name: string, options: { json?: boolean }) => {
      const { unsubscribe } = await import("../commands/subscription.ts");
      await unsubscribe(name, withAddress(program, options), context);
    });
}

function addUrlCommand(program: Command, context: CommandContext): void {
  const list = (text: string, previous: string[] = []): string[] => [...previous, text];
  command(
    program,
    "url",
    "Show a function's HTTP address, or turn it on or off",
    "tidepool url hello --on --method GET --cors-origin '*'",
  )
    .argument("<function>")
    .addOption(new Option("--on", "answer HTTP").conflicts("off"))
    .option("--off", "answer HTTP no more")
    .option("--method <method>", "answer to this one alone; may be given again", list)
    .option("--cors-origin <origin>", "browsers of this origin may call; may be given again", list)
    .option("--qualifier <name>", "a version or an alias (default: the active version)")
    .addOption(
      new Option(
        "--http-address <host:port>",
        "where function URLs are served (default: the port 10 above the frontend's)",
      ).env("TIDEPOOL_HTTP_ADDRESS"),
    )
    .addOption(jsonOption())
    .action(async (name: string, options: Given<UrlOptions>) => {
      const { url } = await import("../commands/url.ts");
      await url(name, withAddress(program, options), context);
    });
}

function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined) return ms;
  throw new InvalidArgumentError("a duration as 30s, 5m, 2h or 1d is needed");
}
