/** What a machine needs beside Node, and how it comes by it: Debian packages, then the guest image. */
import { defaultCacheDir, ensureGuestImage, hostPackages } from "@tidepool/guest";
import type { GuestImage, HostPackage } from "@tidepool/guest";
import { formatDuration } from "../terminal/format.ts";
import { startProgress } from "../terminal/progress.ts";
import type { Terminal } from "../terminal/terminal.ts";

export const runtimeDefault = "nodejs20";

const natsPackage: HostPackage = {
  debianName: "nats-server",
  provides: "nats-server",
  purpose: "carries all messages and keeps all state",
};

const libvirtPackages: readonly HostPackage[] = [
  { debianName: "libvirt-daemon", provides: "libvirtd", purpose: "the libvirt driver's daemon" },
  {
    debianName: "libvirt-daemon-driver-qemu",
    provides: "/usr/lib/x86_64-linux-gnu/libvirt/connection-driver/libvirt_driver_qemu.so",
    purpose: "lets libvirt run QEMU",
  },
  { debianName: "libvirt-clients", provides: "virsh", purpose: "shows libvirt's VMs" },
];

export const networkPackage: HostPackage = {
  debianName: "iproute2",
  provides: "ip",
  purpose: "gives the machines of a cluster on this one their network",
};

const filterPackage: HostPackage = {
  debianName: "nftables",
  provides: "nft",
  purpose: "keeps guests that have a network from what they must not reach",
};

/** What the main job needs under a driver. */
export function systemPackages(
  hypervisor: string,
  env: NodeJS.ProcessEnv = process.env,
): readonly HostPackage[] {
  const guestNetwork =
    env["TIDEPOOL_GUEST_NETWORK"] === "internet" ? [networkPackage, filterPackage] : [];
  const base = [natsPackage, ...hostPackages, ...guestNetwork];
  if (hypervisor === "simulated") return [natsPackage];
  return hypervisor === "libvirt" ? [...base, ...libvirtPackages] : base;
}

/** A client in another language, generated from our .proto files. */
const conformancePackages: readonly HostPackage[] = [
  { debianName: "protobuf-compiler", provides: "protoc", purpose: "reads .proto files, for tests" },
  {
    debianName: "libprotobuf-dev",
    provides: "/usr/include/google/protobuf/timestamp.proto",
    purpose: "the .proto files that ours import, for tests",
  },
  {
    debianName: "protobuf-compiler-grpc",
    provides: "grpc_python_plugin",
    purpose: "generates a Python client, for tests",
  },
  {
    debianName: "python3-grpcio",
    provides: "/usr/lib/python3/dist-packages/grpc/__init__.py",
    purpose: "runs a Python client, for tests",
  },
  {
    debianName: "python3-protobuf",
    provides: "/usr/lib/python3/dist-packages/google/protobuf/__init__.py",
    purpose: "runs a Python client, for tests",
  },
];

const systemdPackage: HostPackage = {
  debianName: "systemd",
  provides: "systemd-analyze",
  purpose: "reads the units of deploy/systemd, for tests",
};

/** What the tests need, all drivers included. */
export const testPackages: readonly HostPackage[] = [
  networkPackage,
  filterPackage,
  natsPackage,
  ...hostPackages,
  ...libvirtPackages,
  ...conformancePackages,
  systemdPackage,
];

/** Builds the guest image, with a bar, when it is not in the cache. */
export async function ensureImage(
  terminal: Terminal,
  options: { readonly cacheDir?: string; readonly signal?: AbortSignal } = {},
): Promise<GuestImage> {
  const startedAtMs = Date.now();
  let bar: ReturnType<typeof startProgress> | undefined;
  let lastStep = "";
  try {
    const image = await ensureGuestImage({
      runtime: runtimeDefault,
      ...options,
      onProgress(step, fraction) {
        if (bar === undefined)
          terminal.say(
            `building the guest image (once, about a minute) into ${options.cacheDir ?? defaultCacheDir()}`,
          );
        bar ??= startProgress(terminal, "guest image", (share) => `${Math.round(share * 100)} %`);
        if (step !== lastStep) terminal.say(`  ${step}`);
        lastStep = step;
        bar.update(fraction, 1);
      },
    });
    if (bar !== undefined)
      terminal.say(`guest image ready in ${formatDuration(Date.now() - startedAtMs)}`);
    return image;
  } finally {
    bar?.end();
  }
}
