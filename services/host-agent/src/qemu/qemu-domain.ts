/** One clone, running in a QEMU process of its own. */
import { rm } from "node:fs/promises";
import type { Duplex } from "node:stream";
import type { Domain, DomainExit } from "../hypervisor/hypervisor.ts";
import type { QemuProcess } from "./qemu-process.ts";

export class QemuDomain implements Domain {
  readonly vmId: string;
  readonly exited: Promise<DomainExit>;
  readonly #process: QemuProcess;

  /** @param pidFile of a domain that is to be found again; removed at its end */
  constructor(vmId: string, process: QemuProcess, pidFile?: string) {
    this.vmId = vmId;
    this.#process = process;
    this.exited = process.exited.then(async (exit) => {
      if (pidFile !== undefined) await rm(pidFile, { force: true });
      return exit;
    });
  }

  get control(): Duplex {
    return this.#process.control;
  }

  get runtime(): Duplex {
    return this.#process.runtime;
  }

  async pause(): Promise<void> {
    await this.#process.qmp.run("stop");
  }

  async resume(): Promise<void> {
    await this.#process.qmp.run("cont");
  }

  async destroy(): Promise<void> {
    await this.#process.kill();
    await this.exited;
  }
}
