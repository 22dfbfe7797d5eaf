/**
 * A libvirtd of our own, for tests and for one machine without a libvirtd service: real, but with all its
 * files in one directory, and gone with all its domains after stop().
 *
 * libvirtd serves qemu:///session out of the XDG directories when it is no root. For root it runs in a user
 * namespace where root has another number: it sees an ordinary user, the kernel still sees the same owner.
 * Without systemd it can use neither cgroups nor virtlogd, hence qemu.conf.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { lstat, mkdir, mkdtemp, open, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock, TidepoolError, messageOf } from "@tidepool/common";
import {
  checkSocketPath,
  parseLibvirtUri,
  privateSocketPath,
  type LibvirtAddress,
} from "./address.ts";
import { LibvirtClient } from "./libvirt-client.ts";

const startDeadlineMs = 20_000;
const pollMs = 20;
const logTailBytes = 2_000;
/** nobody: libvirtd wants a user that is not root and has a name. */
const mappedUserId = 65_534;

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

/** libvirt's own to each QEMU; it cuts the domain's name to 20 characters. */
const longestSocket = `config/libvirt/qemu/lib/domain-99999-${"x".repeat(20)}/monitor.sock`;

const qemuConf = `cgroup_controllers = [ ]
namespaces = [ ]
stdio_handler = "file"
remember_owner = 0
`;
const libvirtdConf = `auth_unix_rw = "none"
log_outputs = "3:stderr"
`;

export interface PrivateLibvirtdOptions {
  /** Where all its files go, made if it is not there; a new one under the system's temporary directory if not given. */
  readonly directory?: string;
  /** Told when the daemon ends without having been stopped; its domains run on. */
  readonly onCrash?: (detail: string) => void;
  /** Seconds between the pings that it sends; libvirt's own default is 5. */
  readonly keepaliveIntervalS?: number;
}

export class PrivateLibvirtd {
  readonly directory: string;
  readonly address: LibvirtAddress;
  readonly #options: PrivateLibvirtdOptions;
  #daemon: ChildProcess | undefined;

  private constructor(directory: string, options: PrivateLibvirtdOptions) {
    this.directory = directory;
    this.#options = options;
    checkSocketPath(join(directory, longestSocket));
    const socket = privateSocketPath(directory);
    const unused = { runtimeDirectory: "/", isRoot: false };
    this.address = parseLibvirtUri(`qemu:///session?socket=${socket}`, unused);
  }

  /** @throws TidepoolError `unavailable`, with libvirtd's last words, when it does not come up */
  static async start(options: PrivateLibvirtdOptions = {}): Promise<PrivateLibvirtd> {
    const directory = options.directory ?? (await mkdtemp(join(tmpdir(), "tidepool-libvirt-")));
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await checkOwned(directory);
    const libvirtd = new PrivateLibvirtd(directory, options);
    await libvirtd.#writeConfig();
    try {
      await libvirtd.startDaemon();
      return libvirtd;
    } catch (error) {
      if (options.directory === undefined) await rm(directory, { recursive: true, force: true });
      throw error;
    }
  }

  /** Also after stopDaemon(): finds the domains that run on. */
  async startDaemon(): Promise<void> {
    if (await this.#answers())
      throw new TidepoolError("alreadyExists", `a libvirtd runs in ${this.directory} already`);
    const user = `--map-user=${mappedUserId}`;
    const group = `--map-group=${mappedUserId}`;
    const disguise = process.geteuid?.() === 0 ? ["unshare", "--user", user, group] : [];
    const libvirtd = ["libvirtd", "-f", join(this.directory, "libvirtd.conf")];
    const log = await open(this.#logFile, "a");
    const daemon = spawn("perl", ["-e", reaper, ...disguise, ...libvirtd], {
      env: { ...process.env, ...this.environment },
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
    if (this.#daemon !== undefined) await this.#destroyDomains();
    await this.stopDaemon();
    await this.#killLeftovers();
    await rm(this.directory, { recursive: true, force: true });
  }

  /** For virsh and for libvirtd: everything that either looks for is in the directory. */
  get environment(): Readonly<Record<string, string>> {
    return {
      HOME: this.directory,
      XDG_RUNTIME_DIR: join(this.directory, "run"),
      XDG_CONFIG_HOME: join(this.directory, "config"),
      XDG_CACHE_HOME: join(this.directory, "cache"),
      XDG_DATA_HOME: join(this.directory, "data"),
    };
  }

  get #logFile(): string {
    return join(this.directory, "libvirtd.log");
  }

  async #writeConfig(): Promise<void> {
    const config = join(this.directory, "config", "libvirt");
    for (const path of [config, join(this.directory, "run")])
      await mkdir(path, { recursive: true, mode: 0o700 });
    await writeFile(join(config, "qemu.conf"), qemuConf);
    const interval = this.#options.keepaliveIntervalS;
    const keepalive = interval === undefined ? "" : `keepalive_interval = ${interval}\n`;
    await writeFile(join(this.directory, "libvirtd.conf"), libvirtdConf + keepalive);
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
    const states = join(this.directory, "run", "libvirt", "qemu", "run");
    const files = await readdir(states).catch(() => []);
    for (const file of files.filter((name) => name.endsWith(".pid") && name !== "driver.pid")) {
      const pid = Number(await readFile(join(states, file), "utf8"));
      const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      if (commandLine.includes(this.directory)) process.kill(pid, "SIGKILL");
    }
  }

  async #lastWords(): Promise<string> {
    try {
      return (await readFile(this.#logFile, "utf8")).slice(-logTailBytes).trim();
    } catch (error) {
      return messageOf(error);
    }
  }
}

/** In a folder that others may write to, somebody else may have been there first, to be spoken to. */
async function checkOwned(directory: string): Promise<void> {
  const { uid, mode } = await lstat(directory);
  const isOwn = uid === process.geteuid?.() && (mode & 0o777) === 0o700;
  if (isOwn) return;
  throw new TidepoolError(
    "invalid",
    `${directory} must be ours alone to hold a libvirtd: it belongs to user ${uid} with mode ${(mode & 0o777).toString(8)}`,
  );
}
