/**
 * Where the guest's Debian packages come from: the sources that this machine's apt is configured with, when
 * they are Debian's; else Debian's public mirror. The guest is always the suite below, whatever the host is.
 */
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";

export const guestSuite = "bookworm";
const publicMirror = "http://deb.debian.org/debian";
const publicSecurityMirror = "http://deb.debian.org/debian-security";
const archiveKeyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** deb822 stanzas for mmdebstrap. */
export async function debianSources(etcApt = "/etc/apt"): Promise<string> {
  const entries = await readSources(etcApt);
  const own = entries.filter((entry) => entry.suites.includes(guestSuite));
  // A Debian host of another release: its mirror has our suite too.
  const others = entries.filter((entry) => debianSuites.has(entry.suites[0] ?? ""));
  const base = (own[0] ?? others[0])?.uri ?? publicMirror;
  const security = entries.find((entry) =>
    entry.suites.some((suite) => suite.endsWith("-security") && suite !== "noble-security"),
  );
  const isDebian = own.length + others.length > 0;
  const securityUri = isDebian ? security?.uri : publicSecurityMirror;
  const stanzas = [stanza(base, [guestSuite, `${guestSuite}-updates`])];
  if (securityUri !== undefined) stanzas.push(stanza(securityUri, [`${guestSuite}-security`]));
  return stanzas.join("\n");
}

const debianSuites = new Set([
  "bullseye",
  "bookworm",
  "trixie",
  "forky",
  "stable",
  "testing",
  "sid",
]);

interface Source {
  readonly uri: string;
  readonly suites: readonly string[];
}

async function readSources(etcApt: string): Promise<Source[]> {
  const parts = await readdir(join(etcApt, "sources.list.d")).catch(() => []);
  const files = [
    "sources.list",
    ...parts.toSorted((a, b) => a.localeCompare(b)).map((name) => join("sources.list.d", name)),
  ];
  const sources: Source[] = [];
  for (const file of files) {
    const text = await readFile(join(etcApt, file), "utf8").catch(() => "");
    if (file.endsWith(".sources")) sources.push(...parseStanzas(text));
    else if (file.endsWith(".list")) sources.push(...parseLines(text));
  }
  return sources;
}

function parseStanzas(text: string): Source[] {
  return text.split(/\n\s*\n/).flatMap((block) => {
    const fields = new Map<string, string>();
    for (const line of block.split("\n")) {
      const match = /^([A-Za-z-]+):\s*(.*)$/.exec(line);
      if (match?.[1] !== undefined) fields.set(match[1].toLowerCase(), match[2] ?? "");
    }
    if (fields.get("enabled") === "no" || !words(fields.get("types")).includes("deb")) return [];
    const suites = words(fields.get("suites"));
    return words(fields.get("uris")).map((uri) => ({ uri, suites }));
  });
}

function parseLines(text: string): Source[] {
  return text.split("\n").flatMap((line) => {
    const match = /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)/.exec(line.trim());
    return match?.[1] === undefined ? [] : [{ uri: match[1], suites: [match[2] ?? ""] }];
  });
}

function words(text: string | undefined): string[] {
  return (text ?? "").split(/\s+/).filter((word) => word !== "");
}

function stanza(uri: string, suites: readonly string[]): string {
  return [
    "Types: deb",
    `URIs: ${uri}`,
    `Suites: ${suites.join(" ")}`,
    "Components: main",
    `Signed-By: ${archiveKeyring}`,
    "",
  ].join("\n");
}

/** From `apt-config dump`: how this machine reaches its mirrors (proxies, certificates, date checks). */
export function transportOptions(aptConfigDump: string): string[] {
  const wanted =
    /^Acquire::(https?|socks5h?|proxy|ForceIPv[46]|Retries|Check-Valid-Until|Check-Date)(::| )/i;
  return aptConfigDump.split("\n").filter((line) => wanted.test(line) && !line.endsWith(' "";'));
}
