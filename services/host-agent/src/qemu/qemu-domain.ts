/** One clone, running in a QEMU process of its own. */
import type { Duplex } from "node:stream";
import type { Domain, DomainExit } from "../hypervisor/hypervisor.ts";
import { removeFiles } from "./domains-on-host.ts";
import type { QmpClient } from "./qmp.ts";

/** A QEMU process, and the streams that lead into it. */
export interface RunningQemu {
  readonly control: Duplex;
  readonly runtime: Duplex;
  readonly qmp: QmpClient;
  /** Settles once, never rejects. */
  readonly exited: Promise<DomainExit>;
  /** Idempotent; resolves when the process is gone. */
  kill(): Promise<void>;
}

export class QemuDomain implements Domain {
  readonly vmId: string;
  readonly exited: Promise<DomainExit>;
  readonly #process: RunningQemu;

  /** @param stateDir of a domain that is to be found again; its files are removed at its end */
  constructor(vmId: string, process: RunningQemu, stateDir?: string) {
    this.vmId = vmId;
    this.#process = process;
    this.exited = process.exited.then(async (exit) => {
      if (stateDir !== undefined) await removeFiles(stateDir, vmId);
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
