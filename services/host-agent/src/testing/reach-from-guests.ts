/**
 * A program for guest-network.netns.test.ts: a host of its own, with two real guests that have a network. The first
 * listens; the second tries what it is told, and the result is printed, one line of JSON for each. Then it is adopted, as
 * by another host-agent, and tries the first target again.
 */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { defaultCacheDir, ensureGuestImage } from "@tidepool/guest";
import { GuestNetwork } from "../guest-network/guest-network.ts";
import type { GuestReach } from "../guest-network/filter.ts";
import { openGuestSession } from "../guest/open-session.ts";
import type { GuestSession } from "../guest/session.ts";
import type { Domain } from "../hypervisor/hypervisor.ts";
import { findDomains } from "../qemu/domains-on-host.ts";
import { QemuHypervisor } from "../qemu/qemu-hypervisor.ts";
import { findRunAs, qemuUserDefault } from "../qemu/run-as.ts";
import { invokeRaw } from "./guest-harness.ts";

export const reachProgram = fileURLToPath(import.meta.url);

export interface ReachOrder {
  readonly stateDir: string;
  readonly reach: GuestReach;
  /** "host:port", "udp host:port"; OWN stands for the address that all guests have outside of themselves. */
  readonly targets: readonly string[];
}

/** Of the guest that listens. */
export const guestPort = 9000;

const source = `
const net = require("node:net");
const dgram = require("node:dgram");
const askByUdp = (host, port) => new Promise((resolve) => {
  const socket = dgram.createSocket("udp4");
  const end = (what) => { clearTimeout(timer); socket.close(); resolve(what); };
  const timer = setTimeout(() => end("silence"), 2_000);
  socket.on("error", (error) => end(error.code));
  socket.on("message", (bytes) => end(String(bytes)));
  socket.connect(port, host, (error) => {
    if (error) return end(error.code);
    socket.send("who", (error) => error && end(error.code));
  });
});
exports.handler = async ({ listen, target }) => {
  if (listen) {
    await new Promise((resolve) => net.createServer((socket) => socket.end("guest")).listen(listen, "0.0.0.0", resolve));
    return "listens";
  }
  const [, kind, host, port] = /^(udp )?\\[?(.*?)\\]?:(\\d+)$/.exec(target);
  if (kind) return askByUdp(host, Number(port));
  return new Promise((resolve) => {
    const socket = net.connect({ host, port: Number(port) });
    const end = (what) => { socket.destroy(); resolve(what); };
    socket.setTimeout(8_000, () => end("silence"));
    socket.on("error", (error) => end(error.code));
    socket.on("data", (bytes) => end(String(bytes)));
  });
};`;

async function openHypervisor(
  stateDir: string,
  reach: GuestReach,
): Promise<{ hypervisor: QemuHypervisor; guestNetwork: GuestNetwork }> {
  const cacheDir = defaultCacheDir();
  const guestNetwork = await GuestNetwork.open({ stateDir, reach });
  const hypervisor = new QemuHypervisor({
    accelerator: "tcg",
    cacheDir,
    stateDir,
    image: (runtime) => ensureGuestImage({ runtime, cacheDir }),
    runAs: await findRunAs(qemuUserDefault),
    guestNetwork,
  });
  return { hypervisor, guestNetwork };
}

async function main({ stateDir, reach, targets }: ReachOrder): Promise<void> {
  const { hypervisor, guestNetwork } = await openHypervisor(stateDir, reach);
  try {
    const config = { runtime: "nodejs20", memoryMib: 128, network: "internet" } as const;
    const template = await hypervisor.ensureTemplate(config);
    const open = async (vmId: string): Promise<Guest> => {
      const domain = await hypervisor.clone(template, vmId);
      const session = openGuestSession(domain);
      await session.handshake(template);
      await session.load(load);
      return { domain, session };
    };
    const [listener, guest] = await Promise.all([open("listens"), open("tries")]);
    await ask(listener.session, { listen: guestPort });
    const tell = async (name: string, session: GuestSession, target: string): Promise<void> => {
      const answer = await ask(session, {
        target: target.replace("OWN", guestNetwork.guestsAddress),
      });
      process.stdout.write(`${JSON.stringify([name, answer])}\n`);
    };
    const [{ pid } = { pid: 0 }] = await findDomains(stateDir);
    const limits = await readFile(`/proc/${String(pid)}/limits`, "utf8");
    const openFiles = /^Max open files +(\d+ +\d+)/m.exec(limits)?.[1]?.replace(/ +/, " of ");
    process.stdout.write(`${JSON.stringify(["open files", openFiles])}\n`);
    for (const target of targets) await tell(target, guest.session, target);
    await guest.session.flush();
    await guest.domain.pause();
    guest.domain.control.destroy();
    guest.domain.runtime.destroy();
    const next = await openHypervisor(stateDir, reach);
    const adopted = openGuestSession(await next.hypervisor.adopt("tries"));
    await adopted.handshake(template);
    await tell("adopted", adopted, targets[0] ?? "");
  } finally {
    await hypervisor.close();
  }
}

interface Guest {
  readonly domain: Domain;
  readonly session: GuestSession;
}

const load = {
  functionName: "reach",
  functionVersion: "1",
  handler: "index.handler",
  memoryLimitMib: 128,
  environment: {},
  files: [{ path: "index.js", mode: 0o644, content: Buffer.from(source) }],
};

async function ask(session: GuestSession, event: object): Promise<string> {
  const { payload } = await invokeRaw(session, event);
  return JSON.parse(Buffer.from(payload).toString()) as string;
}

if (process.argv[1] === reachProgram) await main(JSON.parse(process.argv[2] ?? "") as ReachOrder);
