/** `tidepool token create|list|revoke|generate`. */
import { given, makeToken } from "@tidepool/common";
import type { TokenDescription, TokenRole } from "@tidepool/sdk";
import { withClient } from "../client.ts";
import type { ClientOptions, CommandContext } from "../program/parts.ts";
import { formatInstant } from "../terminal/format.ts";
import { renderTable } from "../terminal/table.ts";

export interface TokenCreateOptions extends ClientOptions {
  readonly role: TokenRole;
  readonly tenant?: string;
  readonly description?: string;
  readonly lifetime?: number;
}

/** Its text alone goes to stdout, so that it can go into a file. */
export async function createToken(
  options: TokenCreateOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const { role, tenant, description, lifetime } = options;
  const token = await withClient(options, (client) =>
    client.tokens.create({
      role,
      ...given({ tenant, description, lifetimeMs: lifetime }),
    }),
  );
  terminal.out(options.json === true ? `${JSON.stringify(token)}\n` : `${token.text}\n`);
  terminal.say(
    `token ${token.id}: ${role} of tenant ${token.tenant}; it is not shown again — revoke it with: tidepool token revoke ${token.id}`,
  );
}

export async function listTokens(
  options: ClientOptions & { readonly tenant?: string },
  { terminal }: CommandContext,
): Promise<void> {
  const tokens = await withClient(options, (client) => client.tokens.list(options.tenant));
  terminal.out(options.json === true ? `${JSON.stringify(tokens)}\n` : describeTokens(tokens));
}

export async function revokeToken(
  id: string,
  options: ClientOptions,
  { terminal }: CommandContext,
): Promise<void> {
  await withClient(options, (client) => client.tokens.revoke(id));
  if (options.json === true) terminal.out(`${JSON.stringify({ revoked: id })}\n`);
  else terminal.say(`revoked ${id}`);
}

export function generateToken({ terminal }: CommandContext): void {
  terminal.out(`${makeToken().text}\n`);
}

function describeTokens(tokens: readonly TokenDescription[]): string {
  if (tokens.length === 0) return "no tokens; make one with: tidepool token create --role ROLE\n";
  return renderTable(
    [
      { title: "TOKEN" },
      { title: "TENANT" },
      { title: "ROLE" },
      { title: "MADE" },
      { title: "EXPIRES" },
      { title: "LAST USED" },
      { title: "DESCRIPTION" },
    ],
    tokens.map(({ id, tenant, role, createdAtMs, expiresAtMs, lastUsedOn, description }) => [
      id,
      tenant,
      role ?? "-",
      formatInstant(createdAtMs),
      expiresAtMs === undefined ? "never" : formatInstant(expiresAtMs),
      lastUsedOn ?? "never",
      description,
    ]),
  );
}
