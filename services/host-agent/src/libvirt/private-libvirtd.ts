/**
 * A libvirtd of our own, for tests and for one machine without a libvirtd service: real, but with all its
 * files in one directory, and gone with all its domains after stop().
 *
 * It serves qemu:///session, and QEMU runs as its user: the ordinary one that we are, or that is named. The root of a
 * user namespace without other users has none to name: there it runs in one more namespace, where that root has
 * another number, so that libvirtd sees an ordinary user; the machine saw one all along.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { constants, existsSync } from "node:fs";
import { open, readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { systemClock, TidepoolError, messageOf } from "@tidepool/common";
import type { RunAs } from "../qemu/run-as.ts";
import { parseLibvirtUri, privateSocketPath, type LibvirtAddress } from "./address.ts";
import { LibvirtClient } from "./libvirt-client.ts";
import { LibvirtdFolder } from "./libvirtd-folder.ts";
import type { LibvirtdFolderOptions } from "./libvirtd-folder.ts";

const startDeadlineMs = 20_000;
const pollMs = 20;
const logTailBytes = 2_000;
/** As nobody: libvirtd wants a user that is not root and has a name. */
const disguise = ["unshare", "--user", "--map-user=65534", "--map-group=65534"] as const;
/** libvirtd is where an ordinary user's PATH does not lead on Debian. */
const searchPath = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;
/** Neither a link nor a pipe that is never written to. */
const plainFile = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Runs libvirtd and collects the QEMUs that it leaves orphaned. libvirt waits for a QEMU's process to vanish,
 * which takes up to 1.6 s, or for ever, where the machine's first process is slow to collect them, or never
 * does. It also stops libvirtd when we die. Node can ask the kernel for neither (prctl, x86-64's call 157:
 * 1 is PR_SET_PDEATHSIG, 36 PR_SET_CHILD_SUBREAPER); perl-base is in every Debian.
 */
const reaper = `
  syscall(157, 1, 15, 0, 0, 0) == 0 && syscall(157, 36, 1, 0, 0, 0) == 0 or die "prctl: $!";
  my $libvirtd = fork // die "fork: $!";
  if (!$libvirtd) { exec @ARGV or die "$ARGV[0]: $!" }
  $SIG{TERM} = sub { kill TERM => $libvirtd };
  for (;;) { exit($? & 127 ? 128 + ($? & 127) : $? >> 8) if wait == $libvirtd }
`;

/** Where we are root, whom it runs as: see findRunAs. */
export interface PrivateLibvirtdOptions extends LibvirtdFolderOptions {
  readonly runAs: RunAs | undefined;
  /** Told when the daemon ends without having been stopped; its domains run on. */
  readonly onCrash?: (detail: string) => void;
}

export class PrivateLibvirtd {
  readonly address: LibvirtAddress;
  readonly #folder: LibvirtdFolder;
  readonly #options: PrivateLibvirtdOptions;
  #daemon: ChildProcess | undefined;

  private constructor(folder: LibvirtdFolder, options: PrivateLibvirtdOptions) {
    this.#folder = folder;
    this.#options = options;
    const socket = privateSocketPath(folder.path);
    const unused = { runtimeDirectory: "/", isRoot: false };
    this.address = parseLibvirtUri(`qemu:///session?socket=${socket}`, unused);
  }

  /** @throws TidepoolError `unavailable`, with libvirtd's last words, when it does not come up */
  static async start(options: PrivateLibvirtdOptions): Promise<PrivateLibvirtd> {
    const folder = await LibvirtdFolder.take(options);
    const libvirtd = new PrivateLibvirtd(folder, options);
    try {
      await libvirtd.startDaemon();
      return libvirtd;
    } catch (error) {
      if (options.directory === undefined) await folder.remove();
      throw error;
    }
  }

  get directory(): string {
    return this.#folder.path;
  }

  /** For virsh. */
  get environment(): Readonly<Record<string, string>> {
    return this.#folder.environment;
  }

  /** Also after stopDaemon(): finds the domains that run on. */
  async startDaemon(): Promise<void> {
    if (await this.#answers())
      throw new TidepoolError("alreadyExists", `a libvirtd runs in ${this.directory} already`);
    const { launcher, runAs, configPath, logPath } = this.#folder;
    const isDisguised = runAs === undefined && process.geteuid?.() === 0;
    const libvirtd = [...(isDisguised ? disguise : []), "libvirtd", "-f", configPath];
    const [program = "perl", ...words] = [...launcher, "perl", "-e", reaper, ...libvirtd];
    const log = await open(logPath, "a", 0o600);
    const daemon = spawn(program, words, {
      // Another user is told nothing of ours.
      env: { ...(runAs === undefined ? process.env : {}), PATH: searchPath, ...this.environment },
      // A terminal's Ctrl-C is for us, who then end it in order.
      detached: true,
      stdio: ["ignore", "ignore", log.fd],
    });
    this.#daemon = daemon;
    let failure: string | undefined;
    let isUp = false;
    daemon.once("error", (error) => (failure = error.message));
    daemon.once("exit", (code, signal) => {
      failure ??= `ended with ${signal ?? `code ${code}`}`;
      if (isUp && this.#daemon === daemon) this.#options.onCrash?.(`libvirtd ${failure}`);
    });
    await log.close();
    const deadlineAtMs = Date.now() + startDeadlineMs;
    while (!(await this.#answers())) {
      if (Date.now() > deadlineAtMs) failure = `does not answer within ${startDeadlineMs} ms`;
      if (failure !== undefined) {
        const message = `libvirtd in ${this.directory} ${failure}: ${await this.#lastWords()}`;
        await this.stopDaemon();
        throw new TidepoolError("unavailable", message);
      }
      await systemClock.sleep(pollMs);
    }
    isUp = true;
  }

  /** Stops libvirtd alone; its domains run on, as libvirt means it. Idempotent. */
  async stopDaemon(): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    if (daemon?.pid === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return;
    const exited = once(daemon, "exit");
    daemon.kill("SIGTERM");
    await exited;
  }

  /** Destroys all its domains, stops it and removes its directory. Idempotent. */
  async stop(): Promise<void> {
    // One that is going already answers no more: what it leaves is ended below.
    if (this.#daemon !== undefined) await this.#destroyDomains().catch(() => {});
    await this.stopDaemon();
    await this.#killLeftovers();
    await this.#folder.remove();
  }

  async #answers(): Promise<boolean> {
    if (!this.address.socketPaths.some((path) => existsSync(path))) return false;
    try {
      await (await LibvirtClient.open(this.address)).close();
      return true;
    } catch {
      return false; // Not yet: the caller has the deadline, and says what libvirtd wrote.
    }
  }

  async #destroyDomains(): Promise<void> {
    const client = await LibvirtClient.open(this.address);
    try {
      const destroys = (await client.listDomains()).map((domain) => client.destroy(domain));
      await Promise.allSettled(destroys);
    } finally {
      await client.close();
    }
  }

  /** Domains that ran while libvirtd was not there: it has written down each QEMU's pid. */
  async #killLeftovers(): Promise<void> {
    const { statesPath, runAs } = this.#folder;
    const files = await readdir(statesPath).catch(() => []);
    for (const file of files.filter((name) => name.endsWith(".pid") && name !== "driver.pid")) {
      const path = join(statesPath, file);
      // What its user may have put there instead, or has gone meanwhile, names no process.
      const text = await readFile(path, { encoding: "utf8", flag: plainFile }).catch(() => "");
      const pid = Number(text);
      const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      const owner = await stat(`/proc/${pid}`).catch(() => undefined);
      const isOurs = owner?.uid === (runAs?.uid ?? process.geteuid?.());
      if (isOurs && commandLine.includes(this.directory)) killIfThere(pid);
    }
  }

  async #lastWords(): Promise<string> {
    try {
      return (await readFile(this.#folder.logPath, "utf8")).slice(-logTailBytes).trim();
    } catch (error) {
      return messageOf(error);
    }
  }
}

/** A process may end between a look at it and this. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
