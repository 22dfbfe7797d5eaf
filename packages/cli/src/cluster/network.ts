/**
 * Several machines on one: a network namespace each, with an address of its own, all on one switch that
 * this machine is plugged into too. Links can be cut without anybody being told, as cables are.
 *
 *   host-1 ──┐            ┌── nats-1
 *   host-2 ──┤  switch    ├── nats-2
 *   client ──┘ (bridge)   └── this machine
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { networkInterfaces } from "node:os";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { messageOf, TidepoolError } from "@tidepool/common";

const run = promisify(execFile);

/** Of one network; .254 is this machine. */
export const machinesMax = 200;
const ownNumber = 254;
/** Stands for this machine where links are cut. */
export const thisMachine = "client";
/** Frames to it arrive nowhere. */
const nobodysAddress = "02:00:00:00:00:01";

/** No service listens there. */
const knockPort = 9;
const knockMaxMs = 2_000;
/** For node: ends with 0 when the address of its argument answers. */
const knocking = `require("node:net").connect(${knockPort}, process.argv[1])
  .on("connect", () => process.exit(0))
  .on("error", ({ code }) => process.exit(code === "ECONNREFUSED" ? 0 : 1));
  setTimeout(() => process.exit(1), ${knockMaxMs});`;

export class Network {
  readonly #id: string;
  readonly #subnet: string;
  readonly #names: readonly string[];

  private constructor(id: string, subnet: string, names: readonly string[]) {
    this.#id = id;
    this.#subnet = subnet;
    this.#names = names;
  }

  /**
   * @param folder of whoever makes it, for removeNetworks
   * @throws TidepoolError `unavailable` without the right to make namespaces, or without iproute2
   */
  static async create(names: readonly string[], folder: string): Promise<Network> {
    if (names.length > machinesMax)
      throw new TidepoolError(
        "invalid",
        `${names.length} machines were asked for, the limit is ${machinesMax}`,
      );
    const network = new Network(idOf(folder), freeSubnet(), names);
    try {
      await network.#build();
    } catch (error) {
      await network.remove();
      throw new TidepoolError("unavailable", `no network namespaces: ${messageOf(error).trim()}`, {
        cause: error,
        details: { hint: "run it as root, with Debian's package iproute2" },
      });
    }
    return network;
  }

  address(name: string): string {
    const number = name === thisMachine ? ownNumber : this.#names.indexOf(name) + 1;
    return `${this.#subnet}.${number}`;
  }

  /** What a command is to begin with to run on that machine. */
  launcher(name: string): readonly string[] {
    return ["ip", "netns", "exec", this.#namespace(name)];
  }

  /** Their ids, whoever has started them. */
  async processes(name: string): Promise<readonly number[]> {
    const { stdout } = await run("ip", ["netns", "pids", this.#namespace(name)]);
    return stdout.split("\n").filter(Boolean).map(Number);
  }

  /** Nothing goes from one to the other any more, in both directions, and neither is told. */
  async cut(one: string, other: string): Promise<void> {
    await Promise.all([this.#silence(one, other), this.#silence(other, one)]);
  }

  async mend(one: string, other: string): Promise<void> {
    await Promise.all([this.#hear(one, other), this.#hear(other, one)]);
  }

  /** Whether one gets an answer of the other, if only that nobody listens there. */
  async reaches(one: string, other: string): Promise<boolean> {
    const launcher = one === thisMachine ? [] : this.launcher(one);
    const knock = [...launcher, process.execPath, "-e", knocking, this.address(other)];
    const [command = "", ...args] = knock;
    return run(command, args).then(
      () => true,
      () => false,
    );
  }

  /** Idempotent; processes that still run there lose their network and nothing else. */
  async remove(): Promise<void> {
    await removeAll(this.#id);
  }

  async #build(): Promise<void> {
    const hub = this.#namespace("switch");
    await run("ip", ["netns", "add", hub]);
    await run("ip", ["-n", hub, "link", "add", "switch", "type", "bridge"]);
    await run("ip", ["-n", hub, "link", "set", "switch", "up"]);
    for (const [index, name] of this.#names.entries()) {
      const namespace = this.#namespace(name);
      await run("ip", ["netns", "add", namespace]);
      const port = `port${index}`;
      const pair = ["link", "add", port, "type", "veth", "peer", "name", "eth0", "netns"];
      await run("ip", ["-n", hub, ...pair, namespace]);
      await run("ip", ["-n", hub, "link", "set", port, "master", "switch", "up"]);
      await run("ip", [
        "-n",
        namespace,
        "address",
        "add",
        `${this.address(name)}/24`,
        "dev",
        "eth0",
      ]);
      await run("ip", ["-n", namespace, "link", "set", "eth0", "up"]);
      await run("ip", ["-n", namespace, "link", "set", "lo", "up"]);
    }
    const pair = ["type", "veth", "peer", "name", "own", "netns", hub];
    await run("ip", ["link", "add", this.#ownLink, ...pair]);
    await run("ip", ["-n", hub, "link", "set", "own", "master", "switch", "up"]);
    const own = `${this.#subnet}.${ownNumber}/24`;
    await run("ip", ["address", "add", own, "dev", this.#ownLink]);
    await run("ip", ["link", "set", this.#ownLink, "up"]);
  }

  async #silence(from: string, to: string): Promise<void> {
    const [place, device] = this.#placeOf(from);
    const nobody = ["lladdr", nobodysAddress, "dev", device, "nud", "permanent"];
    await run("ip", [...place, "neighbour", "replace", this.address(to), ...nobody]);
  }

  async #hear(from: string, to: string): Promise<void> {
    const [place, device] = this.#placeOf(from);
    await run("ip", [...place, "neighbour", "delete", this.address(to), "dev", device]);
  }

  /** What leads `ip` there, and the device that is plugged into the switch. */
  #placeOf(name: string): readonly [readonly string[], string] {
    if (name === thisMachine) return [[], this.#ownLink];
    return [["-n", this.#namespace(name)], "eth0"];
  }

  #namespace(name: string): string {
    return `tidepool-${this.#id}-${name}`;
  }

  get #ownLink(): string {
    return `tidepool-${this.#id}`;
  }
}

/** Removes what one that was killed has left. */
export function removeNetworks(folder: string): Promise<void> {
  return removeAll(idOf(folder));
}

/** One network a folder: the next that runs in it finds what the last has left. */
function idOf(folder: string): string {
  return createHash("sha256").update(resolve(folder)).digest("hex").slice(0, 6);
}

async function removeAll(id: string): Promise<void> {
  const { stdout } = await run("ip", ["netns", "list"]).catch(() => ({ stdout: "" }));
  const namespaces = stdout
    .split("\n")
    .map((line) => line.split(" ")[0] ?? "")
    .filter((name) => name.startsWith(`tidepool-${id}-`));
  for (const namespace of namespaces) await run("ip", ["netns", "delete", namespace]);
  // The namespaces took the other ends along; this one may outlive a switch that was never finished.
  await run("ip", ["link", "delete", `tidepool-${id}`]).catch(() => undefined);
}

/** "10.77.N", of which this machine has no address yet. */
function freeSubnet(): string {
  const taken = Object.values(networkInterfaces()).flatMap((each) =>
    (each ?? []).map(({ address }) => address),
  );
  for (let third = 1; third < 255; third += 1) {
    const subnet = `10.77.${third}`;
    if (!taken.some((address) => address.startsWith(`${subnet}.`))) return subnet;
  }
  throw new TidepoolError("unavailable", "every network from 10.77.1 to 10.77.254 is taken");
}
