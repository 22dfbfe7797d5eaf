/**
 * All files of a private libvirtd. Where it runs as another user than we do, the folder is ours and that user has
 * folders of its own in it: what it can put there is never opened, written to or walked through with our rights.
 *
 * libvirtd serves qemu:///session out of the XDG directories. Without systemd it can use neither cgroups nor
 * virtlogd, hence qemu.conf.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, lstat, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureFolder, TidepoolError } from "@tidepool/common";
import { rightsOf } from "../qemu/run-as.ts";
import type { RunAs } from "../qemu/run-as.ts";
import { removeTree } from "../remove-tree.ts";
import { checkSocketPath } from "./address.ts";
import { checkReachable } from "./qemu-user.ts";

/** libvirt's own to each QEMU; it cuts the domain's name to 20 characters. */
const longestSocket = `config/libvirt/qemu/lib/domain-99999-${"x".repeat(20)}/monitor.sock`;
const ownFolders = ["run", "config", "cache", "data"] as const;

const qemuConf = `cgroup_controllers = [ ]
namespaces = [ ]
stdio_handler = "file"
remember_owner = 0
seccomp_sandbox = 1
`;
const libvirtdConf = `auth_unix_rw = "none"
log_outputs = "3:stderr"
`;

export interface LibvirtdFolderOptions {
  /** Made if it is not there; a new one under the system's temporary directory if not given. */
  readonly directory?: string;
  /** Whom libvirtd runs as. Absent: the user that we are. */
  readonly runAs?: RunAs | undefined;
  /** Seconds between the pings that it sends; libvirt's own default is 5. */
  readonly keepaliveIntervalS?: number;
}

export class LibvirtdFolder {
  readonly path: string;
  readonly runAs: RunAs | undefined;

  private constructor(path: string, runAs: RunAs | undefined) {
    this.path = path;
    this.runAs = runAs;
  }

  /** @throws TidepoolError `invalid` when it is not ours alone, or closed to the user */
  static async take(options: LibvirtdFolderOptions): Promise<LibvirtdFolder> {
    const { runAs } = options;
    const mode = runAs === undefined ? 0o700 : 0o711;
    if (options.directory !== undefined) checkSocketPath(join(options.directory, longestSocket));
    const path = options.directory ?? (await mkdtemp(join(tmpdir(), "tidepool-libvirt-")));
    await ensureFolder(path, mode);
    await checkOwned(path, runAs !== undefined);
    const folder = new LibvirtdFolder(path, runAs);
    await chmod(path, mode);
    if (runAs !== undefined) await checkReachable(path, runAs, "libvirtd");
    for (const name of ownFolders) {
      await ensureFolder(join(path, name), 0o700);
      if (runAs !== undefined) await chown(join(path, name), runAs.uid, runAs.gid);
    }
    await folder.#writeConfig(options.keepaliveIntervalS);
    return folder;
  }

  /** What a command begins with to be run by its user, without any right of ours. */
  get launcher(): readonly string[] {
    return this.runAs === undefined ? [] : ["setpriv", ...rightsOf(this.runAs), "--"];
  }

  get configPath(): string {
    return join(this.path, "libvirtd.conf");
  }

  get logPath(): string {
    return join(this.path, "libvirtd.log");
  }

  /** Where it writes down the process of each QEMU. */
  get statesPath(): string {
    return join(this.path, "run", "libvirt", "qemu", "run");
  }

  /** For virsh and for libvirtd: everything that either looks for is here. */
  get environment(): Readonly<Record<string, string>> {
    const at = (name: (typeof ownFolders)[number]): string => join(this.path, name);
    return {
      HOME: at("data"),
      XDG_RUNTIME_DIR: at("run"),
      XDG_CONFIG_HOME: at("config"),
      XDG_CACHE_HOME: at("cache"),
      XDG_DATA_HOME: at("data"),
    };
  }

  remove(): Promise<void> {
    return removeTree(this.path);
  }

  async #writeConfig(keepaliveIntervalS: number | undefined): Promise<void> {
    const keepalive =
      keepaliveIntervalS === undefined ? "" : `keepalive_interval = ${keepaliveIntervalS}\n`;
    await writeFile(this.configPath, libvirtdConf + keepalive, { mode: 0o644 });
    const folder = join(this.path, "config", "libvirt");
    const script = 'umask 077; mkdir -p "$0" && cat > "$0/qemu.conf"';
    const [program, ...words] = [...this.launcher, "sh"];
    const shell = spawn(program ?? "sh", [...words, "-c", script, folder], {
      stdio: ["pipe", "ignore", "pipe"],
    });
    let said = "";
    shell.stderr.on("data", (bytes: Buffer) => (said += bytes.toString()));
    shell.stdin.on("error", () => {});
    shell.stdin.end(qemuConf);
    const [code] = (await once(shell, "close")) as [number | null];
    if (code === 0) return;
    throw new TidepoolError("unavailable", `${folder} cannot be written: ${said.trim()}`);
  }
}

/** In a folder that others may write to, somebody else may have been there first, to be spoken to. */
async function checkOwned(path: string, mayBePassed: boolean): Promise<void> {
  const { uid, mode } = await lstat(path);
  const closed = mayBePassed ? 0o066 : 0o077;
  if (uid === process.geteuid?.() && (mode & closed) === 0) return;
  throw new TidepoolError(
    "invalid",
    `${path} must be ours alone to hold a libvirtd: it belongs to user ${uid} with mode ${(mode & 0o777).toString(8)}`,
  );
}
