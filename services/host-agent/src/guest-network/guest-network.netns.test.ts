/**
 * Real guests on a host that is a network namespace, before an internet that is another: what answers there is
 * all that answers at all, so that what a guest does not reach was kept from it.
 *
 *   guests ═ their namespace ═ host 198.51.100.2 ── 198.51.100.1 internet: 203.0.113.*, and private ones
 */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { openFilesMax } from "./guest-network.ts";
import { guestPort, reachProgram } from "../testing/reach-from-guests.ts";
import type { ReachOrder } from "../testing/reach-from-guests.ts";

const run = promisify(execFile);
const host = `tp-host-${process.pid}`;
const internet = `tp-net-${process.pid}`;
/** Of a template, two guests and their attempts, on a slow machine. */
const orderMaxMs = 150_000;
const hostAddress = "198.51.100.2";
/** Private, and open to questions alone. */
const resolver = "10.53.53.53";
const natsAddress = "203.0.113.9";
const privateAddress = "10.9.9.8";
/** On the internet's loopback; each answers at port 80, and the last is what names lead to. */
const addresses = [
  natsAddress,
  resolver,
  "169.254.169.254",
  "100.100.100.200",
  "10.9.9.9",
  privateAddress,
  "172.16.0.1",
  "192.168.1.1",
  "203.0.113.1",
];

/**
 * Answers every caller with what it is called, by TCP and UDP, every question for a name with the last address, and for
 * one that begins with "private" with one that is not open.
 */
const server = `
const dgram = require("node:dgram");
const [name, ...rest] = process.argv.slice(1);
require("node:net").createServer((socket) => { socket.on("error", () => {}); socket.end(name); })
  .listen(80, "0.0.0.0", () => process.stdout.write("ready"));
// An answer has to come from the address that was asked; those of the other namespace cannot be had.
for (const own of [...rest, "${hostAddress}"]) {
  const echo = dgram.createSocket("udp4").on("error", () => {}).bind(80, own);
  echo.on("message", (bytes, from) => echo.send(name, from.port, from.address));
}
const numbers = (text) => text.split(".").map(Number);
const names = dgram.createSocket("udp4").bind(53, "${resolver}");
names.on("error", () => {});
names.on("message", (question, from) => {
  const end = question.indexOf(0, 12) + 5;
  const isPrivate = question.subarray(13, 20).toString() === "private";
  const address = numbers(isPrivate ? "${privateAddress}" : rest.at(-1));
  const isA = question.readUInt16BE(end - 4) === 1;
  const head = Buffer.from(question.subarray(0, 12));
  head.writeUInt16BE(0x8180, 2);
  head.writeUInt16BE(isA ? 1 : 0, 6);
  head.writeUInt16BE(0, 8);
  head.writeUInt16BE(0, 10);
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...address]);
  names.send(Buffer.concat([head, question.subarray(12, end), ...(isA ? [record] : [])]), from.port, from.address);
});`;

describe("The network of a guest", function () {
  this.timeout(180_000);
  const servers: ChildProcess[] = [];
  let stateDir: string;
  let reached: ReadonlyMap<string, string>;

  const ip = (...words: string[]): Promise<unknown> => run("ip", words);
  const inside = (namespace: string, ...words: string[]): readonly string[] => [
    "netns",
    "exec",
    namespace,
    ...words,
  ];
  const serve = async (namespace: string, name: string): Promise<void> => {
    const words = inside(namespace, process.execPath, "-e", server, "--", name, ...addresses);
    const child = spawn("ip", words, { stdio: ["ignore", "pipe", "inherit"] });
    servers.push(child);
    await once(child.stdout, "data");
  };
  const reach = {
    resolvers: [resolver],
    allowed: ["10.9.9.9"],
    denied: [natsAddress],
  };
  const order = async (targets: readonly string[]): Promise<ReadonlyMap<string, string>> => {
    const given: ReachOrder = { stateDir, reach, targets };
    const node = [process.execPath, "--import", "tsx", "--conditions=source", reachProgram];
    const words = [...inside(host, ...node, JSON.stringify(given))];
    const { stdout } = await run("ip", words, { timeout: orderMaxMs, killSignal: "SIGKILL" });
    const lines = stdout.trim().split("\n");
    return new Map(lines.map((line) => JSON.parse(line) as [string, string]));
  };

  before(async () => {
    stateDir = await mkdtemp(join(tmpdir(), "tp-net-"));
    await ip("netns", "add", host);
    await ip("netns", "add", internet);
    const pair = ["type", "veth", "peer", "name", "down0", "netns", internet];
    await ip("link", "add", "up0", "netns", host, ...pair);
    await ip("-n", host, "address", "add", `${hostAddress}/30`, "dev", "up0");
    await ip("-n", internet, "address", "add", "198.51.100.1/30", "dev", "down0");
    for (const address of addresses)
      await ip("-n", internet, "address", "add", `${address}/32`, "dev", "lo");
    for (const [namespace, link] of [
      [host, "up0"],
      [internet, "down0"],
    ] as const) {
      await ip("-n", namespace, "link", "set", "lo", "up");
      await ip("-n", namespace, "link", "set", link, "up");
    }
    await ip("-n", host, "route", "add", "default", "via", "198.51.100.1");
    await serve(host, "host");
    await serve(internet, "internet");
  });
  after(async () => {
    for (const child of servers) child.kill("SIGKILL");
    for (const namespace of [host, internet]) await ip("netns", "delete", namespace);
    await rm(stateDir, { recursive: true, force: true });
  });

  it("is not made where the host forwards nothing, and the error says how to change that", async () => {
    await assert.rejects(order([]), /no network for guests: .*sysctl -w net\.ipv4\.ip_forward=1/);
    await run("ip", [...inside(host, "sysctl", "-qw", "net.ipv4.ip_forward=1")]);
  });

  it("leads to public addresses, by name too, and to what the operator allows", async () => {
    reached = await order([
      "203.0.113.1:80",
      "example.test:80",
      "10.9.9.9:80",
      ...addresses.filter((each) => !isOpen(each)).map((each) => `${each}:80`),
      `${hostAddress}:80`,
      "198.51.100.1:80",
      "198.18.0.1:80",
      "OWN:80",
      `OWN:${guestPort}`,
      `198.18.0.1:${guestPort}`,
      ...others,
    ]);
    for (const target of ["203.0.113.1:80", "example.test:80", "10.9.9.9:80", "udp 203.0.113.1:80"])
      assert.equal(reached.get(target), "internet", target);
  });

  it("leads to nothing of the host, another guest, NATS, metadata or private addresses", () => {
    const closed = [...reached].filter(
      ([target]) =>
        !["adopted", "open files"].includes(target) &&
        !others.includes(target) &&
        !isOpen(target.replace(/:80$/, "")),
    );
    assert.equal(closed.length, addresses.length - 2 + 6);
    for (const [target, answer] of closed) assert.equal(answer, "ECONNREFUSED", target);
  });

  it("has a name lead to no private address, whoever says that it is there", () => {
    assert.equal(reached.get("private.test:80"), "ECONNREFUSED");
  });

  it("carries no UDP to what TCP does not reach, none to many at once, and no IPv6", () => {
    const closed = others.filter((target) => !isOpen(target.replace(/^udp (.*):80$/, "$1")));
    assert.equal(closed.length, others.length - 1);
    for (const target of closed)
      assert.match(reached.get(target) ?? "not tried", /^(E[A-Z]+|silence)$/, target);
  });

  it("takes no more of the host's connections than its QEMU may have files", () => {
    assert.equal(reached.get("open files"), `${openFilesMax} of ${openFilesMax}`);
  });

  it("is there for a guest that another process has adopted", () => {
    assert.equal(reached.get("adopted"), "internet");
  });

  it("leaves nothing behind on the host", async () => {
    const { stdout: links } = await run("ip", ["-n", host, "-o", "link"]);
    const { stdout: rules } = await run("ip", [...inside(host, "nft", "list", "ruleset")]);
    assert.deepEqual([links.includes("tpg-"), rules.trim()], [false, ""]);
  });
});

const others: readonly string[] = [
  "private.test:80",
  "udp 203.0.113.1:80",
  `udp ${natsAddress}:80`,
  "udp 169.254.169.254:80",
  "udp 192.168.1.1:80",
  `udp ${hostAddress}:80`,
  "udp 198.18.0.1:80",
  "udp OWN:80",
  "udp 224.0.0.1:80",
  "udp 255.255.255.255:80",
  "[fd00:ec2::254]:80",
  "[fe80::1%eth0]:80",
  "[::ffff:169.254.169.254]:80",
];

const isOpen = (address: string): boolean =>
  ["203.0.113.1", "example.test", "10.9.9.9"].includes(address);
