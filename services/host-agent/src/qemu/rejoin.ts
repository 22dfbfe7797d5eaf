/**
 * A QEMU process that an earlier host-agent started and that has outlived it. It is found by its second QMP
 * socket, over which its guest's ports are given new sockets: those that it was
 * started with ended with the agent.
 *
 * Only a paused guest is taken: one that runs was in the middle of something, of which the rest is lost. While
 * it is paused it does not see that its ports close, nor does QEMU tell it later; and ports of a guest that
 * does not run cannot be given new sockets, so it goes on first.
 */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { open, rm } from "node:fs/promises";
import { connect } from "node:net";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TidepoolError } from "@tidepool/common";
import type { DomainExit } from "../hypervisor/hypervisor.ts";
import { killDomain, qmpFile, socketsFolder, untilGone } from "./domains-on-host.ts";
import type { FoundDomain } from "./domains-on-host.ts";
import type { RunningQemu } from "./qemu-domain.ts";
import { QmpClient } from "./qmp.ts";

/** @throws TidepoolError `wrongPhase` when its guest runs; `unavailable` when it does not answer */
export async function rejoin(stateDir: string, found: FoundDomain): Promise<RunningQemu> {
  const { vmId } = found;
  const place = socketsFolder(stateDir);
  const folder = await open(place, constants.O_RDONLY | constants.O_DIRECTORY);
  // A socket's name has at most 107 bytes, the folder's alone may have more.
  const connectTo = (file: string): Promise<Socket> =>
    connected(`/proc/self/fd/${String(folder.fd)}/${file}`);
  const sockets: Socket[] = [];
  try {
    const control = await connectTo(qmpFile(vmId));
    sockets.push(control);
    const qmp = new QmpClient(control);
    await qmp.run("qmp_capabilities");
    const { status } = (await qmp.run("query-status")) as { status?: string };
    if (status !== "paused") {
      throw new TidepoolError("wrongPhase", `vm ${vmId} is ${String(status)}, not paused`);
    }
    await qmp.run("cont");
    const newPort = async (port: "control" | "runtime"): Promise<Socket> => {
      // QEMU removes the file of the socket before, which must not be this one.
      const file = `${vmId}.${randomBytes(4).toString("hex")}.port`;
      const addr = { type: "unix", data: { path: file } };
      const backend = { type: "socket", data: { addr, server: true, wait: false } };
      await qmp.run("chardev-change", { id: port, backend });
      try {
        const socket = await connectTo(file);
        sockets.push(socket);
        return socket;
      } finally {
        await rm(`${place}/${file}`, { force: true });
      }
    };
    const ports = { control: await newPort("control"), runtime: await newPort("runtime") };
    return new RejoinedQemu(stateDir, found, qmp, control, ports);
  } catch (thrown) {
    for (const socket of sockets) socket.destroy();
    throw TidepoolError.from(thrown, "unavailable");
  } finally {
    await folder.close();
  }
}

class RejoinedQemu implements RunningQemu {
  readonly control: Duplex;
  readonly runtime: Duplex;
  readonly qmp: QmpClient;
  readonly exited: Promise<DomainExit>;
  readonly #stateDir: string;
  readonly #found: FoundDomain;
  #isExpected = false;

  constructor(
    stateDir: string,
    found: FoundDomain,
    qmp: QmpClient,
    monitor: Socket,
    ports: { readonly control: Socket; readonly runtime: Socket },
  ) {
    this.#stateDir = stateDir;
    this.#found = found;
    this.qmp = qmp;
    this.control = ports.control;
    this.runtime = ports.runtime;
    this.exited = new Promise((resolve) => {
      // It is nobody's child here: what ends with it is its socket.
      monitor.once("close", () => {
        void untilGone(stateDir, found).then(() => {
          for (const socket of [ports.control, ports.runtime]) socket.destroy();
          resolve({ isExpected: this.#isExpected, detail: "its process ended" });
        });
      });
    });
  }

  async kill(): Promise<void> {
    this.#isExpected = true;
    await killDomain(this.#stateDir, this.#found);
    await this.exited;
  }
}

function connected(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      socket.on("error", () => undefined);
      resolve(socket);
    });
  });
}
