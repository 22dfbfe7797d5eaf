/** The addresses behind the names of NATS servers, which no guest reaches. */
import { lookup } from "node:dns/promises";
import { TidepoolError, messageOf } from "@tidepool/common";

/**
 * @param servers "nats://host:port", with commas between several
 * @throws TidepoolError `unavailable` for a name that nobody knows
 */
export async function addressesOf(servers: string): Promise<readonly string[]> {
  const names = servers.split(",").map((server) => hostOf(server.trim()));
  const found = await Promise.all(names.map((name) => resolve(name)));
  return [...new Set(found.flat())];
}

function hostOf(server: string): string {
  const { hostname } = new URL(/^[a-z]+:\/\//.test(server) ? server : `nats://${server}`);
  return hostname.replace(/^\[|\]$/g, "");
}

/** Of IPv4 alone: guests speak no other. */
async function resolve(name: string): Promise<readonly string[]> {
  try {
    const all = await lookup(name, { all: true });
    return all.filter(({ family }) => family === 4).map(({ address }) => address);
  } catch (cause) {
    const message = `the address of NATS, which guests must not reach, is not known: ${messageOf(cause)}`;
    throw new TidepoolError("unavailable", message, { cause });
  }
}
