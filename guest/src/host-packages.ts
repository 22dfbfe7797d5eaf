/**
 * What the host must have installed, as data: the command line installs it, `doctor` checks it. `provides`
 * is the program whose presence proves the package.
 */
export interface HostPackage {
  readonly debianName: string;
  readonly provides: string;
  readonly purpose: string;
}

export const hostPackages: readonly HostPackage[] = [
  { debianName: "qemu-system-x86", provides: "qemu-system-x86_64", purpose: "runs the VMs" },
  { debianName: "mmdebstrap", provides: "mmdebstrap", purpose: "makes the guest's file tree" },
  { debianName: "squashfs-tools", provides: "mksquashfs", purpose: "packs the guest's file tree" },
  { debianName: "gcc", provides: "gcc", purpose: "compiles the guest's init" },
  { debianName: "libc6-dev", provides: "/usr/lib/x86_64-linux-gnu/libc.a", purpose: "links init" },
  {
    debianName: "debian-archive-keyring",
    provides: "/usr/share/keyrings/debian-archive-keyring.gpg",
    purpose: "checks Debian's signatures",
  },
  {
    debianName: "uidmap",
    provides: "newuidmap",
    purpose: "lets an ordinary user make the file tree",
  },
];
