/**
 * The way out of guests whose function asks for the internet: a network namespace of this host-agent's, in which their
 * QEMU processes are, with one link to the host, where nftables decides what goes further.
 *
 *   guest ─▶ QEMU's sockets ─▶ eth0 ══ link ══ host ─▶ masquerade ─▶ the internet
 *                            └ decides        └ decides
 *
 * Nothing is started in the namespace before both sets of rules stand: they are set before the link is made, and
 * again before each guest, as whoever changes a host's firewall may have thrown them away. QEMU has no right to
 * change them. The namespace outlives the host-agent, as its guests do.
 */
import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { promisify } from "node:util";
import { TidepoolError, messageOf } from "@tidepool/common";
import { hostRules, namespaceRules } from "./filter.ts";
import type { GuestReach, HostLink } from "./filter.ts";
import { Gate } from "../vm/gate.ts";

const run = promisify(execFile);

/**
 * Files and sockets that a QEMU with a network may have open. It has some 40 of its own; each connection of its guest is
 * another.
 */
export const openFilesMax = 1_024;

/** The namespace's end of the link. */
const ownLink = "eth0";
/** Links are numbered in 169.254.208.0/20, four addresses each: no cloud has anything there. */
const linkCount = 1024;
const firstThird = 208;

export interface GuestNetworkOptions {
  /** The host-agent's own: its namespace is known by it. */
  readonly stateDir: string;
  /** `denied` beside the host's own networks. */
  readonly reach: GuestReach;
}

export class GuestNetwork {
  readonly resolvers: readonly string[];
  /** Guests of an earlier process may be in the namespace: it was there already. */
  readonly isKept: boolean;
  readonly #reach: GuestReach;
  readonly #namespace: string;
  readonly #host: HostLink;
  readonly #oneByOne = new Gate(1);

  private constructor(options: GuestNetworkOptions, names: Names, host: HostLink, isKept: boolean) {
    this.resolvers = options.reach.resolvers;
    this.isKept = isKept;
    this.#reach = options.reach;
    this.#namespace = names.namespace;
    this.#host = host;
  }

  /** @throws TidepoolError `unavailable`, naming the right, program or setting of the host that is missing */
  static async open(options: GuestNetworkOptions): Promise<GuestNetwork> {
    const names = namesFor(options.stateDir);
    try {
      await checkHost();
      const known = await readLink(names.link);
      const isKept = known !== undefined && (await isThere(names.namespace));
      const host = known ?? { ...freeLink(names.stateHash), ...names };
      if (!isKept) {
        await remove(names);
        await run("ip", ["netns", "add", names.namespace]);
      }
      const network = new GuestNetwork(options, names, { ...host, table: names.table }, isKept);
      await network.confirm();
      if (!isKept) await makeLink(names, host.guestsAddress);
      return network;
    } catch (cause) {
      const why = messageOf(cause).trim();
      throw new TidepoolError("unavailable", `no network for guests: ${why}`, { cause });
    }
  }

  /** That all guests have outside of themselves, before the host gives them its own. */
  get guestsAddress(): string {
    return this.#host.guestsAddress;
  }

  /** What a guest's QEMU begins with, to be in the namespace and to leave the host's connections to others too. */
  get launcher(): readonly string[] {
    return [...this.#inside, "prlimit", `--nofile=${openFilesMax}:${openFilesMax}`, "--"];
  }

  get #inside(): readonly string[] {
    return ["nsenter", `--net=/run/netns/${this.#namespace}`, "--"];
  }

  /**
   * Sets all rules anew, for the networks that the host has now.
   * @throws TidepoolError `unavailable`: no guest may be started then
   */
  confirm(): Promise<void> {
    return this.#oneByOne.run(() => this.#setRules());
  }

  async #setRules(): Promise<void> {
    const reach = { ...this.#reach, denied: [...this.#reach.denied, ...ownNetworks(this.#host)] };
    try {
      await setRules(this.#inside, namespaceRules(reach, ownLink));
      await setRules([], hostRules(reach, this.#host));
    } catch (cause) {
      const message = `the filter of the guests' network cannot be set: ${messageOf(cause)}`;
      throw new TidepoolError("unavailable", message, { cause });
    }
  }

  /** When no guest is left. */
  async close(): Promise<void> {
    const { table, link } = this.#host;
    await remove({ namespace: this.#namespace, table, link });
  }
}

interface Names {
  readonly namespace: string;
  readonly table: string;
  /** At most 15 characters, as all links. */
  readonly link: string;
}

function namesFor(stateDir: string): Names & { readonly stateHash: number } {
  const hex = createHash("sha256").update(stateDir).digest("hex").slice(0, 8);
  return {
    namespace: `tidepool-guests-${hex}`,
    table: `tidepool_guests_${hex}`,
    link: `tpg-${hex}`,
    stateHash: Number.parseInt(hex, 16),
  };
}

async function checkHost(): Promise<void> {
  if (process.geteuid?.() !== 0) throw new Error("the host-agent is not root");
  for (const [program, words, debianName] of [
    ["ip", ["-V"], "iproute2"],
    ["nft", ["--version"], "nftables"],
  ] as const) {
    await run(program, words).catch((cause: unknown) => {
      throw new Error(`the program ${program} is missing; install Debian's ${debianName}`, {
        cause,
      });
    });
  }
  const forwards = await readFile("/proc/sys/net/ipv4/ip_forward", "utf8");
  if (forwards.trim() !== "1")
    throw new Error("the host forwards nothing; set it with: sysctl -w net.ipv4.ip_forward=1");
}

async function isThere(namespace: string): Promise<boolean> {
  return run("ip", ["-n", namespace, "link", "show", ownLink]).then(
    () => true,
    () => false,
  );
}

async function readLink(link: string): Promise<Omit<HostLink, "table"> | undefined> {
  const { stdout } = await run("ip", ["-4", "-o", "address", "show", "dev", link]).catch(() => ({
    stdout: "",
  }));
  const [, network = "", last = ""] = /inet (169\.254\.\d+)\.(\d+)\/30/.exec(stdout) ?? [];
  return network === "" ? undefined : { link, guestsAddress: `${network}.${Number(last) + 1}` };
}

/** One that nobody on this host has; the same again for the same host-agent, where it can be. */
function freeLink(preferred: number): Pick<HostLink, "guestsAddress"> {
  const taken = ownCidrs().map(({ address }) => address);
  for (let index = 0; index < linkCount; index += 1) {
    const number = (preferred + index) % linkCount;
    const network = `169.254.${firstThird + Math.floor(number / 64)}`;
    const base = (number % 64) * 4;
    if (!taken.includes(`${network}.${base + 1}`))
      return { guestsAddress: `${network}.${base + 2}` };
  }
  throw new Error("every address of 169.254.208.0/20 is taken");
}

async function makeLink({ namespace, link }: Names, guestsAddress: string): Promise<void> {
  const [network, last] = splitLast(guestsAddress);
  const hostAddress = `${network}.${last - 1}`;
  const pair = ["type", "veth", "peer", "name", ownLink, "netns", namespace];
  await run("ip", ["link", "add", link, ...pair]);
  await run("ip", ["address", "add", `${hostAddress}/30`, "dev", link]);
  await run("ip", ["link", "set", link, "up"]);
  const inside = ["-n", namespace];
  await run("ip", [...inside, "link", "set", "lo", "up"]);
  await run("ip", [...inside, "address", "add", `${guestsAddress}/30`, "dev", ownLink]);
  await run("ip", [...inside, "link", "set", ownLink, "up"]);
  await run("ip", [...inside, "route", "add", "default", "via", hostAddress]);
}

function splitLast(address: string): [network: string, last: number] {
  const dot = address.lastIndexOf(".");
  return [address.slice(0, dot), Number(address.slice(dot + 1))];
}

/** Idempotent. */
async function remove({ namespace, table, link }: Names): Promise<void> {
  await run("ip", ["link", "delete", link]).catch(() => undefined);
  await run("ip", ["netns", "delete", namespace]).catch(() => undefined);
  await run("nft", ["delete", "table", "inet", table]).catch(() => undefined);
}

/** Whoever shares a network with the host is its neighbour, not the internet. */
function ownNetworks({ link }: HostLink): readonly string[] {
  return ownCidrs()
    .filter(({ name }) => name !== link)
    .map(({ cidr }) => cidr);
}

function ownCidrs(): readonly { name: string; address: string; cidr: string }[] {
  return Object.entries(networkInterfaces()).flatMap(([name, each]) =>
    (each ?? []).flatMap(({ family, address, cidr }) =>
      family === "IPv4" && cidr !== null ? [{ name, address, cidr }] : [],
    ),
  );
}

async function setRules(launcher: readonly string[], rules: string): Promise<void> {
  const [program = "nft", ...words] = launcher.concat(launcher.length === 0 ? [] : "nft");
  const nft = spawn(program, [...words, "-f", "-"], { stdio: ["pipe", "ignore", "pipe"] });
  let said = "";
  nft.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  nft.stdin.on("error", () => undefined);
  nft.stdin.end(rules);
  const code = await new Promise<number | null>((resolve, reject) => {
    nft.once("error", reject);
    nft.once("close", resolve);
  });
  if (code !== 0) throw new Error(`nft: ${said.trim().slice(0, 400)}`);
}
