/** `tidepool certs`: the certificates by which the processes of a cluster know each other. */
import { daysLeft, identityOf, stateOf, systemClock } from "@tidepool/common";
import type { TidepoolError } from "@tidepool/common";
import { issueInto, listCertificates, services } from "../certs/cert-folder.ts";
import type { Member, Service } from "../certs/cert-folder.ts";
import { authorizationBlock } from "../certs/nats-users.ts";
import { usageError } from "../failure.ts";
import type { CommandContext } from "../program/parts.ts";
import { renderTable } from "../terminal/table.ts";

export interface IssueOptions {
  readonly days: number;
  readonly json?: boolean;
}

const columns = [{ title: "NAME" }, { title: "UNTIL" }, { title: "LEFT", align: "right" }] as const;

/** @param given as "host/h-1=10.0.0.7,h1.example.com" */
export async function issueCertificates(
  folder: string,
  given: readonly string[],
  { days, json }: IssueOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const members = given.map(parseMember);
  await issueInto(folder, members, days);
  const names = members.map(identityOf);
  if (json === true) terminal.out(`${JSON.stringify({ folder, names })}\n`);
  for (const { service, id } of json === true ? [] : members)
    terminal.say(`${folder}/${id}.${service}: set TIDEPOOL_TLS_DIR to it for ${service} ${id}`);
}

export async function showCertificates(
  folder: string,
  { json }: { readonly json?: boolean },
  { terminal }: CommandContext,
): Promise<void> {
  const found = await listCertificates(folder);
  if (json === true) return terminal.out(`${JSON.stringify(found)}\n`);
  const nowMs = systemClock.nowMs();
  const rows = found.map(({ name, expiresAtMs }) => {
    const end = { of: name, endsAtMs: expiresAtMs };
    const state = stateOf(end, nowMs);
    const days = `${daysLeft(end, nowMs)} days`;
    const soon = state === "endsSoon" ? `${days}: issue it again` : days;
    const left = state === "hasEnded" ? "expired" : soon;
    return [name, new Date(expiresAtMs).toISOString().slice(0, 10), left];
  });
  terminal.out(renderTable(columns, rows));
}

export async function printNatsUsers(folder: string, { terminal }: CommandContext): Promise<void> {
  const found = await listCertificates(folder);
  const members = found.flatMap(({ name }): Member[] => {
    const [, id, service] = /^([^.]+)\.([a-z]+)$/.exec(name) ?? [];
    const known = services.find((each) => each === service);
    return known === undefined || id === undefined ? [] : [{ service: known, id, addresses: [] }];
  });
  terminal.out(`${authorizationBlock(members).join("\n")}\n`);
}

function parseMember(given: string): Member {
  const [, service, id, addresses = ""] =
    /^([a-z]+)\/([A-Za-z0-9_-]{1,63})(?:=(.+))?$/.exec(given) ?? [];
  const known = services.find((each) => each === service);
  if (known === undefined || id === undefined) throw unreadable(given, services);
  const listed = addresses.split(",").filter((address) => address !== "");
  return { service: known, id, addresses: listed };
}

function unreadable(given: string, known: readonly Service[]): TidepoolError {
  return usageError(
    `'${given}' is not SERVICE/ID or SERVICE/ID=ADDRESS,…; services are ${known.join(", ")}`,
  );
}
