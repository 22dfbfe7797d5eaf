/** `tidepool subscribe`, `subscriptions` and `unsubscribe`: functions that are called for messages of NATS. */
import { given } from "@tidepool/common";
import type { MessageSource, Subscription } from "@tidepool/sdk";
import { withClient } from "../client.ts";
import { usageError } from "../failure.ts";
import type { ClientOptions, CommandContext } from "../program/parts.ts";
import { renderTable } from "../terminal/table.ts";

export interface SubscribeOptions extends ClientOptions {
  readonly function: string;
  readonly subject?: string;
  readonly stream?: string;
  readonly filter?: string;
  readonly fromStart?: boolean;
  readonly qualifier?: string;
  readonly pause?: boolean;
  readonly description?: string;
  readonly revision?: string;
}

export async function subscribe(
  name: string,
  options: SubscribeOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const { qualifier, pause, description, revision } = options;
  const settings = {
    functionName: options.function,
    source: sourceOf(options),
    ...given({ qualifier, isPaused: pause, description }),
  };
  const subscription = await withClient(options, (client) =>
    client.subscriptions.put(name, settings, revision === undefined ? {} : { revision }),
  );
  if (options.json === true) return terminal.out(`${JSON.stringify(subscription)}\n`);
  const paused = pause === true ? ", and paused" : "";
  terminal.say(`${sourceInWords(settings.source)} calls ${options.function}${paused}`);
}

export async function listSubscriptions(
  options: ClientOptions & { readonly function?: string },
  { terminal }: CommandContext,
): Promise<void> {
  const found = await withClient(options, (client) => client.subscriptions.list(options.function));
  if (options.json === true) return terminal.out(`${JSON.stringify(found)}\n`);
  if (found.length === 0) {
    return terminal.say(
      "no subscriptions; make one with: tidepool subscribe NAME --function F --subject S",
    );
  }
  terminal.out(
    renderTable(
      [
        { title: "SUBSCRIPTION" },
        { title: "FUNCTION" },
        { title: "SOURCE" },
        { title: "PENDING", align: "right" },
        { title: "STATE" },
      ],
      found.map(rowOf),
    ),
  );
}

export async function unsubscribe(
  name: string,
  options: ClientOptions,
  { terminal }: CommandContext,
): Promise<void> {
  await withClient(options, (client) => client.subscriptions.delete(name));
  if (options.json === true) return terminal.out(`${JSON.stringify({ deleted: name })}\n`);
  terminal.say(`deleted ${name}`);
}

function rowOf({ name, settings, pending, problem }: Subscription): string[] {
  const { functionName, source, isPaused } = settings;
  const state = isPaused === true ? "paused" : (problem ?? "runs");
  const counted = "stream" in source ? String(pending) : "-";
  return [name, functionName, sourceInWords(source), counted, state];
}

export function sourceInWords(source: MessageSource): string {
  if ("subject" in source) return `subject ${source.subject}`;
  const { stream, filterSubject } = source;
  return filterSubject === undefined ? `stream ${stream}` : `stream ${stream} (${filterSubject})`;
}

function sourceOf({ subject, stream, filter, fromStart }: SubscribeOptions): MessageSource {
  if (stream !== undefined) {
    return {
      stream,
      ...given({ filterSubject: filter, fromStart }),
    };
  }
  if (filter !== undefined) throw usageError("--filter is for --stream alone");
  if (subject !== undefined) return { subject };
  throw usageError("what is listened to is missing", "give --subject or --stream");
}
