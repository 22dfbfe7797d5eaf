/**
 * One QEMU process, with its channels as inherited socket pairs, which end with the process. The kernel kills
 * it when this process dies, however that comes, unless it is to outlive it: see rejoin.ts.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import type { Duplex, Readable } from "node:stream";
import { TidepoolError, messageOf, systemClock } from "@tidepool/common";
import type { GuestImage } from "@tidepool/guest";
import type { DomainExit } from "../hypervisor/hypervisor.ts";
import { inherited } from "./machine.ts";
import type { RunningQemu } from "./qemu-domain.ts";
import { QmpClient } from "./qmp.ts";
import { rightsOf } from "./run-as.ts";
import type { RunAs } from "./run-as.ts";

/** For setpriv, of util-linux: the signal that the kernel sends at the parent's death. */
const diesWithParent = ["--pdeathsig=KILL"] as const;

/** Of what a guest's kernel and QEMU itself last said. */
const lastWordsMaxCharacters = 2000;
const lastWordsWaitMaxMs = 100;
/** A dying process closes its channels before its exit is seen. */
const exitNoticeMaxMs = 500;

/** What a guest is made of; each file has to exist. */
export interface GuestFiles {
  readonly image: Pick<GuestImage, "kernelPath" | "initrdPath" | "rootfsPath">;
  readonly ramPath: string;
  /** A clone's: what its template was frozen with. */
  readonly statePath?: string;
}

export interface QemuProcessOptions {
  readonly files?: GuestFiles;
  /** Absent: the user that we are. */
  readonly runAs?: RunAs | undefined;
  /** Its folder. Absent: it ends with this process. */
  readonly outlivesIn?: string | undefined;
  /** What its command begins with. */
  readonly launcher?: readonly string[];
}

export class QemuProcess implements RunningQemu {
  readonly control: Duplex;
  readonly runtime: Duplex;
  readonly qmp: QmpClient;
  /** Settles once, never rejects. */
  readonly exited: Promise<DomainExit>;
  readonly #child: ChildProcess;
  #isExpected = false;

  constructor(program: string, words: readonly string[], options: QemuProcessOptions = {}) {
    const { files, runAs, outlivesIn, launcher: before = [] } = options;
    const rights = [...(outlivesIn === undefined ? diesWithParent : []), ...rightsOf(runAs)];
    const launcher = rights.length === 0 ? [] : ["setpriv", ...rights, "--"];
    const [first = program, ...rest] = [...before, ...launcher, program, ...words];
    const opened = openFiles(files);
    let child: ChildProcess;
    try {
      child = spawn(first, rest, {
        ...(outlivesIn === undefined ? {} : { cwd: outlivesIn }),
        // A terminal's Ctrl-C is for the host-agent, which then ends its VMs in order.
        detached: true,
        env: {},
        stdio: ["ignore", "pipe", "pipe", "pipe", "pipe", "pipe", ...opened],
      });
    } finally {
      for (const each of opened) if (typeof each === "number") closeSync(each);
    }
    this.#child = child;
    // Node's types know of five streams; each of these is a socket.
    const streams = child.stdio as readonly unknown[];
    this.control = streams[inherited.control] as Duplex;
    this.runtime = streams[inherited.runtime] as Duplex;
    this.qmp = new QmpClient(streams[inherited.qmp] as Duplex);
    this.exited = this.#watch();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Idempotent; resolves when the process is gone. */
  async kill(): Promise<void> {
    this.#isExpected = true;
    this.#child.kill("SIGKILL");
    await this.exited;
  }

  /** Rejects with the exit when it comes before the awaited, or is what makes it fail. */
  async orExit<T>(awaited: Promise<T>): Promise<T> {
    const exit = this.exited.then(({ detail }): never => {
      throw new TidepoolError("unavailable", `qemu ended: ${detail}`);
    });
    try {
      return await Promise.race([awaited, exit]);
    } catch (thrown) {
      await Promise.race([exit, systemClock.sleep(exitNoticeMaxMs)]);
      throw thrown;
    }
  }

  #watch(): Promise<DomainExit> {
    const child = this.#child;
    let lastWords = "";
    const listen = (stream: Readable | null): void => {
      stream?.on("error", () => undefined);
      stream?.on("data", (bytes: Buffer) => {
        lastWords = (lastWords + bytes.toString("latin1")).slice(-lastWordsMaxCharacters);
      });
    };
    listen(child.stdout);
    listen(child.stderr);
    return new Promise((resolve) => {
      const settle = (how: string): void => {
        const said = lastWords.trim() === "" ? "" : `; last words: ${lastWords.trim()}`;
        for (const stream of child.stdio) stream?.destroy();
        resolve({ isExpected: this.#isExpected, detail: `${how}${said}` });
      };
      child.on("error", (error) => {
        settle(error.message);
      });
      child.on("exit", (code, signal) => {
        // What it said last may still be on its way through the pipes.
        const ended = Promise.all([child.stdout, child.stderr].map((each) => endOf(each)));
        void Promise.race([ended, systemClock.sleep(lastWordsWaitMaxMs)]).then(() => {
          settle(signal === null ? `exit code ${String(code)}` : `signal ${signal}`);
        });
      });
    });
  }
}

/** In the order of `inherited`. */
function openFiles(files: GuestFiles | undefined): (number | "ignore")[] {
  if (files === undefined) return [];
  const { image, ramPath, statePath } = files;
  const paths = [statePath, image.kernelPath, image.initrdPath, image.rootfsPath, ramPath];
  const opened: (number | "ignore")[] = [];
  try {
    for (const path of paths) opened.push(path === undefined ? "ignore" : openSync(path, "r"));
    return opened;
  } catch (cause) {
    for (const each of opened) if (typeof each === "number") closeSync(each);
    throw new TidepoolError("unavailable", `a VM's file cannot be opened: ${messageOf(cause)}`, {
      cause,
    });
  }
}

function endOf(stream: Readable | null): Promise<void> {
  return new Promise((resolve) => {
    if (stream === null || stream.readableEnded || stream.destroyed) resolve();
    else stream.once("close", resolve);
  });
}
