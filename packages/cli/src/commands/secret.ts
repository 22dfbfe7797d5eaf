/** `tidepool secret set|list|delete`. A value comes from a file or from stdin: arguments are seen by all of a machine. */
import { text } from "node:stream/consumers";
import type { Secret } from "@tidepool/sdk";
import { withClient } from "../client.ts";
import { usageError } from "../failure.ts";
import { readGiven } from "../files/given-file.ts";
import type { ClientOptions, CommandContext } from "../program/parts.ts";
import { formatInstant } from "../terminal/format.ts";
import { renderTable } from "../terminal/table.ts";

export interface SecretSetOptions extends ClientOptions {
  readonly fromFile?: string;
}

export async function setSecret(
  name: string,
  options: SecretSetOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const value = await readValue(options.fromFile);
  const secret = await withClient(options, (client) => client.secrets.put(name, value));
  if (options.json === true) terminal.out(`${JSON.stringify(secret)}\n`);
  else
    terminal.say(
      `secret ${name} is set; a function gets it with: tidepool deploy … --secret VARIABLE=${name}`,
    );
}

export async function listSecrets(
  options: ClientOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const secrets = await withClient(options, (client) => client.secrets.list());
  terminal.out(options.json === true ? `${JSON.stringify(secrets)}\n` : describeSecrets(secrets));
}

export async function deleteSecret(
  name: string,
  options: ClientOptions,
  { terminal }: CommandContext,
): Promise<void> {
  await withClient(options, (client) => client.secrets.delete(name));
  if (options.json === true) terminal.out(`${JSON.stringify({ deleted: name })}\n`);
  else terminal.say(`deleted ${name}`);
}

function describeSecrets(secrets: readonly Secret[]): string {
  if (secrets.length === 0) return "no secrets; set one with: tidepool secret set NAME < FILE\n";
  return renderTable(
    [{ title: "SECRET" }, { title: "SET" }, { title: "USED BY" }],
    secrets.map(({ name, updatedAtMs, usedBy }) => [
      name,
      formatInstant(updatedAtMs),
      usedBy.length === 0 ? "-" : usedBy.join(", "),
    ]),
  );
}

/** One line end at the end is the editor's or echo's, not the secret's. */
async function readValue(fromFile: string | undefined): Promise<string> {
  if (fromFile === undefined && process.stdin.isTTY) {
    throw usageError("the value is read from stdin", "pipe it in, or give --from-file FILE");
  }
  const value = fromFile === undefined ? await text(process.stdin) : await readGiven(fromFile);
  return value.replace(/\r?\n$/, "");
}
