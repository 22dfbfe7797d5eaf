/**
 * Where certificates lie: the authority in one folder, and for each process a folder below it with what
 * TIDEPOOL_TLS_DIR wants. Files are replaced whole, so that a reader never sees half of one.
 *
 *   DIR/ca.pem  DIR/ca-key.pem  DIR/h-1.host/{ca,cert,key}.pem
 */
import { readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ensureFolder, identityOf, natsServersName, TidepoolError } from "@tidepool/common";
import { unreadable } from "../files/given-file.ts";
import { createAuthority, expiresAtMs, issue } from "./authority.ts";
import type { Identity } from "./authority.ts";

export const services = ["nats", "frontend", "scheduler", "host", "client"] as const;
export type Service = (typeof services)[number];

export interface Member {
  readonly service: Service;
  /** As "h-1". */
  readonly id: string;
  /** Addresses and DNS names at which it is reached. */
  readonly addresses: readonly string[];
}

export interface FoundCertificate {
  /** "h-1.host"; "ca" of the authority. */
  readonly name: string;
  readonly expiresAtMs: number;
}

export const authorityDays = 3_650;

/** Makes the authority where there is none, and a new certificate for each member. */
export async function issueInto(
  folder: string,
  members: readonly Member[],
  days: number,
): Promise<void> {
  const authority = await ensureAuthority(folder);
  for (const member of members) {
    const { addresses } = member;
    const shared = member.service === "nats" ? [natsServersName] : [];
    const names = [...shared, ...addresses];
    const identity = await issue(authority, { name: identityOf(member), addresses: names, days });
    const path = join(folder, `${member.id}.${member.service}`);
    await ensureFolder(path, 0o700);
    await replace(join(path, "ca.pem"), authority.certificate);
    // The key first: who reads between the two finds a pair that does not fit, and reads again.
    await replace(join(path, "key.pem"), identity.key);
    await replace(join(path, "cert.pem"), identity.certificate);
  }
}

/** @throws TidepoolError `notFound` where there is no authority */
export async function listCertificates(folder: string): Promise<readonly FoundCertificate[]> {
  const found: FoundCertificate[] = [
    { name: "ca", expiresAtMs: expiresAtMs(await read(join(folder, "ca.pem"))) },
  ];
  for (const entry of (await readdir(folder, { withFileTypes: true })).toSorted((a, b) =>
    a.name.localeCompare(b.name),
  )) {
    if (!entry.isDirectory()) continue;
    const certificate = await read(join(folder, entry.name, "cert.pem"));
    found.push({ name: entry.name, expiresAtMs: expiresAtMs(certificate) });
  }
  return found;
}

async function ensureAuthority(folder: string): Promise<Identity> {
  await ensureFolder(folder, 0o700);
  const [certificatePath, keyPath] = [join(folder, "ca.pem"), join(folder, "ca-key.pem")];
  const certificate = await readFile(certificatePath, "utf8").catch((error: unknown) => {
    // One that is there and cannot be read is not to be replaced.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw unreadable(certificatePath, error);
  });
  if (certificate !== undefined) return { certificate, key: await read(keyPath) };
  const made = await createAuthority("Tidepool", authorityDays);
  await replace(keyPath, made.key);
  await replace(certificatePath, made.certificate);
  return made;
}

async function read(path: string): Promise<string> {
  return readFile(path, "utf8").catch((error: unknown) => {
    throw new TidepoolError("notFound", `${path} cannot be read`, {
      cause: error,
      details: { hint: "make certificates with: tidepool certs issue" },
    });
  });
}

async function replace(path: string, text: string): Promise<void> {
  const next = `${path}.new`;
  await writeFile(next, text.endsWith("\n") ? text : `${text}\n`, { mode: 0o600 });
  await rename(next, path);
}
