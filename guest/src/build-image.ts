/**
 * Makes the three files that a guest boots from, in a folder that the caller gives and throws away when
 * anything fails: Debian's cloud kernel, an initramfs with our init, and an uncompressed squashfs of a
 * small Debian tree with all runtimes: one image, so that it is built once and the host caches its pages once.
 * (Uncompressed boots half a second faster than compressed,
 * and the host caches the file once for all VMs.)
 */
import { mkdir, open, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { TidepoolError } from "@tidepool/common";
import { gatherAdditions } from "./additions.ts";
import { runCommand } from "./command.ts";
import type { CommandOptions } from "./command.ts";
import { debianSources, guestSuite, transportOptions } from "./debian-source.ts";
import { makeInitramfs } from "./initramfs.ts";
import { initFolder } from "./manifest.ts";
import type { RuntimeManifest } from "./manifest.ts";

export const imageFiles = {
  kernel: "vmlinuz",
  initrd: "initrd",
  rootfs: "rootfs.squashfs",
  log: "build.log",
} as const;

export interface BuildOptions {
  readonly onProgress: (step: string, fraction: number) => void;
  readonly signal?: AbortSignal;
}

export async function buildImage(
  manifests: readonly RuntimeManifest[],
  folder: string,
  options: BuildOptions,
): Promise<void> {
  const { onProgress, signal } = options;
  const logPath = join(folder, imageFiles.log);
  const work = join(folder, "work");
  await mkdir(work, { recursive: true });
  const run: Run = (program, words, more = {}) =>
    runCommand(program, words, { logPath, ...(signal === undefined ? {} : { signal }), ...more });

  onProgress("compiling init and the runtimes", 0.02);
  await compileInit(run, work);
  await packAdditions(run, manifests, work);
  onProgress("downloading Debian packages", 0.08);
  await makeTree(run, packagesOf(manifests), work, onProgress);
  onProgress("packing the root image", 0.8);
  await packRoot(run, work, join(folder, imageFiles.rootfs));
  onProgress("packing kernel and initramfs", 0.9);
  await packKernel(run, work, folder);
  await rm(work, { recursive: true, force: true });
  onProgress("done", 1);
}

/** Of all runtimes, each once. */
export function packagesOf(manifests: readonly RuntimeManifest[]): string[] {
  return [...new Set(manifests.flatMap(({ packages }) => packages))].toSorted();
}

type Run = (program: string, words: string[], more?: Partial<CommandOptions>) => Promise<string>;

async function compileInit(run: Run, work: string): Promise<void> {
  const sources = (await readdir(initFolder)).filter((name) => name.endsWith(".c"));
  const warnings = ["-Wall", "-Wextra", "-Werror"];
  const flags = ["-std=gnu17", "-D_GNU_SOURCE", ...warnings, "-O2", "-static", "-s"];
  const paths = sources.map((name) => join(initFolder, name));
  await run("gcc", [...flags, "-o", join(work, "init"), ...paths]);
}

/** As an archive owned by root. */
async function packAdditions(
  run: Run,
  manifests: readonly RuntimeManifest[],
  work: string,
): Promise<void> {
  const additions = join(work, "additions");
  await gatherAdditions(manifests, additions);
  const owner = ["--owner=0", "--group=0", "--numeric-owner"];
  await run("tar", [...owner, "-cf", join(work, "additions.tar"), "-C", additions, "."]);
  await rm(additions, { recursive: true });
}

async function makeTree(
  run: Run,
  packages: readonly string[],
  work: string,
  onProgress: BuildOptions["onProgress"],
): Promise<void> {
  const sources = join(work, "debian.sources");
  await writeFile(sources, await debianSources());
  const transport = transportOptions(await run("apt-config", ["dump"]));
  const isRoot = process.getuid?.() === 0;
  const words = [
    "--variant=essential",
    `--mode=${isRoot ? "root" : "unshare"}`,
    "--components=main",
    `--include=${packages.join(",")}`,
    ...['Acquire::Languages "none";', ...transport].map((option) => `--aptopt=${option}`),
    ...["man", "doc", "locale", "info"].map(
      (name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`,
    ),
    `--customize-hook=${downloadKernel}`,
    `--customize-hook=copy-out /tmp/kernel.deb ${work}`,
    '--customize-hook=rm "$1"/tmp/kernel.deb',
    `--customize-hook=${addUser}`,
    `--customize-hook=${forgetBuilder}`,
    `--customize-hook=tar-in ${join(work, "additions.tar")} /`,
    guestSuite,
    join(work, "tree.tar"),
    sources,
  ];
  let reached = 0;
  // What mmdebstrap mounts goes with its namespace, and its temporary folder with ours, however it ends. Other
  // users than root have a namespace anyway, and need a public folder.
  const ownMounts = isRoot && (await canUnshareMounts(run)) ? ["unshare", "--mount"] : [];
  const [program, ...rest] = [...ownMounts, "mmdebstrap", ...words] as [string, ...string[]];
  await run(program, rest, {
    name: "mmdebstrap",
    ...(isRoot ? { env: { TMPDIR: work } } : {}),
    onLine: (line) => {
      const step = treeSteps.find(([text]) => line.includes(text));
      if (step === undefined || step[2] <= reached) return;
      reached = step[2];
      onProgress(step[1], step[2]);
    },
  });
}

/** Not in a container without the right to. */
async function canUnshareMounts(run: Run): Promise<boolean> {
  return run("unshare", ["--mount", "true"]).then(
    () => true,
    () => false,
  );
}

const treeSteps = [
  ["extracting archives", "unpacking Debian packages", 0.2],
  ["installing essential packages", "installing Debian packages", 0.3],
  ["running --customize-hook", "adding kernel and runtime", 0.6],
  ["creating tarball", "collecting the file tree", 0.7],
] as const;

/** The kernel is unpacked, not installed: its scripts would make an initramfs that nobody uses. */
const downloadKernel = `set -eu; cd "$1/tmp"; export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
name=$(apt-cache depends linux-image-cloud-amd64 | awk '$1 == "Depends:" && $2 ~ /^linux-image-/ { print $2; exit }')
test -n "$name"
apt-get -qq -o APT::Sandbox::User=root download "$name"
mv linux-image-*.deb kernel.deb`;

/** init runs the runtime as this user. */
const addUser = `set -eu; echo 'runtime:x:990:990::/tmp:/usr/sbin/nologin' >> "$1/etc/passwd"
echo 'runtime:x:990:' >> "$1/etc/group"`;

/** Not the name and resolver of the machine that builds it: init writes the resolver of a guest that has a network. */
const forgetBuilder = `set -eu; ln -sfn /run/resolv.conf "$1/etc/resolv.conf"; echo tidepool > "$1/etc/hostname"`;

async function packRoot(run: Run, work: string, rootfs: string): Promise<void> {
  const tree = await open(join(work, "tree.tar"));
  try {
    const uncompressed = ["-noI", "-noD", "-noF", "-noX"];
    const quiet = ["-no-progress", "-quiet", "-processors", String(cpus().length)];
    await run("mksquashfs", ["-", rootfs, "-tar", ...uncompressed, ...quiet], { stdin: tree.fd });
  } finally {
    await tree.close();
  }
}

async function packKernel(run: Run, work: string, folder: string): Promise<void> {
  const unpacked = join(work, "kernel");
  await run("dpkg-deb", ["-x", join(work, "kernel.deb"), unpacked]);
  const kernel = (await readdir(join(unpacked, "boot"))).find((name) =>
    name.startsWith("vmlinuz-"),
  );
  if (kernel === undefined) {
    throw new TidepoolError("unavailable", "Debian's kernel package holds no boot/vmlinuz-*");
  }
  const version = kernel.slice("vmlinuz-".length);
  const init = await readFile(join(work, "init"));
  const initramfs = await makeInitramfs(init, join(unpacked, "lib/modules", version));
  await writeFile(join(folder, imageFiles.initrd), initramfs);
  await writeFile(join(folder, imageFiles.kernel), await readFile(join(unpacked, "boot", kernel)));
}
