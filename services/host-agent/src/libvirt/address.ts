/**
 * Where a libvirt URI's daemon listens. Only QEMU on this machine is spoken to: `qemu:///session` is the
 * user's own daemon (root has none: it is sent to the machine's), `qemu:///system` the machine's;
 * `?socket=PATH` names another socket, as it does for virsh.
 */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { TidepoolError, type ConfigReader } from "@tidepool/common";

/** sun_path of a unix socket has 108 bytes, one of them the zero at its end. */
export const socketPathMaxBytes = 107;

export interface LibvirtAddress {
  /** What people pass to `virsh -c`. */
  readonly uri: string;
  /** What the daemon is asked to open, without parameters. */
  readonly name: "qemu:///session" | "qemu:///system";
  /** The first that exists is used: the modular daemon's socket, then that of libvirtd. */
  readonly socketPaths: readonly string[];
  /** Of a private libvirtd. */
  readonly directory?: string;
}

/** Where a libvirtd that has a directory of its own listens; see private-libvirtd.ts. */
export function privateSocketPath(directory: string): string {
  return join(directory, "run", "libvirt", "libvirt-sock");
}

/** Reads TIDEPOOL_LIBVIRT_URI, and TIDEPOOL_LIBVIRT_SOCKET or else TIDEPOOL_LIBVIRTD_DIR. */
export function readLibvirtAddress(reader: ConfigReader): LibvirtAddress {
  const given = reader.text("TIDEPOOL_LIBVIRT_URI", "qemu:///session");
  const named = reader.optional("TIDEPOOL_LIBVIRT_SOCKET");
  const directory = named === undefined ? reader.optional("TIDEPOOL_LIBVIRTD_DIR") : undefined;
  const socket = directory === undefined ? named : privateSocketPath(directory);
  const runtimeDirectory =
    reader.optional("XDG_RUNTIME_DIR") ??
    reader.optional("XDG_CACHE_HOME") ??
    join(homedir(), ".cache");
  const isRoot = process.geteuid?.() === 0;
  try {
    const address = parseLibvirtUri(given, { socket, runtimeDirectory, isRoot });
    return directory === undefined ? address : { ...address, directory };
  } catch (error) {
    reader.problem(TidepoolError.from(error).message);
    return parseLibvirtUri("qemu:///session", { runtimeDirectory, isRoot });
  }
}

/** @throws TidepoolError `invalid` for a URI that names no QEMU on this machine */
export function parseLibvirtUri(
  uri: string,
  options: {
    readonly runtimeDirectory: string;
    readonly isRoot: boolean;
    readonly socket?: string | undefined;
  },
): LibvirtAddress {
  const [, path, query] = /^qemu(?:\+unix)?:\/\/\/(system|session)(?:\?(.*))?$/.exec(uri) ?? [];
  if (path !== "system" && path !== "session")
    throw new TidepoolError(
      "invalid",
      `libvirt URI must be qemu:///session or qemu:///system, with ?socket=PATH if need be, got '${uri}'`,
    );
  const name = `qemu:///${path}` as const;
  const socket = options.socket ?? new URLSearchParams(query).get("socket") ?? undefined;
  if (socket !== undefined) {
    checkSocketPath(socket);
    return { uri: `${name}?socket=${socket}`, name, socketPaths: [socket] };
  }
  const isOwn = path === "session" && !options.isRoot;
  const directory = isOwn ? join(options.runtimeDirectory, "libvirt") : "/run/libvirt";
  const socketPaths = ["virtqemud-sock", "libvirt-sock"].map((file) => join(directory, file));
  return { uri: name, name, socketPaths };
}

/** @throws TidepoolError `unavailable` when none exists, saying how one comes to be */
export function findSocket(address: LibvirtAddress): string {
  const found = address.socketPaths.find((path) => existsSync(path));
  if (found !== undefined) return found;
  const where = address.socketPaths.join(" and ");
  throw new TidepoolError(
    "unavailable",
    `no libvirt daemon for ${address.uri}: nothing at ${where}; start libvirtd, or name its socket in TIDEPOOL_LIBVIRT_SOCKET`,
  );
}

/** @throws TidepoolError `invalid` when the kernel could not bind or connect the path */
export function checkSocketPath(path: string): void {
  const length = Buffer.byteLength(path);
  if (!path.startsWith("/"))
    throw new TidepoolError("invalid", `socket path '${path}' must be absolute`);
  if (length > socketPathMaxBytes)
    throw new TidepoolError(
      "invalid",
      `socket path '${path}' has ${length} bytes, the limit is ${socketPathMaxBytes}`,
    );
}
