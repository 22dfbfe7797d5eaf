/**
 * The initramfs: init, and the kernel modules that it loads, in the order in which they depend on each
 * other. The archive format (cpio "newc") is small enough to write here.
 */
import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { TidepoolError } from "@tidepool/common";

/** What the guest needs; what they depend on is added. Most guests have no network card, whose driver then does nothing. */
const neededModules = [
  "virtio_mmio",
  "virtio_blk",
  "virtio_console",
  "squashfs",
  "virtio_net",
] as const;

export async function makeInitramfs(init: Uint8Array, modulesFolder: string): Promise<Buffer> {
  const modules = await readModules(modulesFolder);
  const names = moduleOrder(modules, neededModules);
  const archive = new CpioArchive();
  archive.addFolder("modules");
  for (const name of names) {
    archive.addFile(`modules/${name}.ko`, 0o644, modules.get(name) ?? new Uint8Array());
  }
  archive.addFile(
    "modules/order",
    0o644,
    Buffer.from(names.map((name) => `${name}.ko\n`).join("")),
  );
  archive.addFile("init", 0o755, init);
  return archive.finish();
}

/** Module name to content, read when asked for: a kernel has thousands. */
export interface Modules {
  get(name: string): Buffer | undefined;
}

async function readModules(folder: string): Promise<Modules> {
  const paths = new Map<string, string>();
  for (const path of await readdir(folder, { recursive: true })) {
    if (path.endsWith(".ko")) paths.set(basename(path, ".ko").replaceAll("-", "_"), path);
  }
  return {
    get(name) {
      const path = paths.get(name);
      return path === undefined ? undefined : readFileSync(join(folder, path));
    },
  };
}

/** Names of the wanted modules and all that they depend on, dependencies first. */
export function moduleOrder(modules: Modules, wanted: readonly string[]): string[] {
  const ordered: string[] = [];
  const add = (name: string): void => {
    if (ordered.includes(name)) return;
    const content = modules.get(name);
    if (content === undefined) {
      throw new TidepoolError("unavailable", `the guest's kernel has no plain module ${name}.ko`);
    }
    for (const dependency of dependenciesOf(content)) add(dependency);
    ordered.push(name);
  };
  wanted.forEach(add);
  return ordered;
}

/** A module names its dependencies in its .modinfo section: "depends=virtio,virtio_ring". */
function dependenciesOf(module: Buffer): string[] {
  const mark = "\0depends=";
  const at = module.indexOf(mark);
  if (at < 0) return [];
  const names = module.subarray(at + mark.length, module.indexOf(0, at + 1)).toString("latin1");
  return names.split(",").filter((name) => name !== "");
}

class CpioArchive {
  readonly #parts: Buffer[] = [];
  #count = 0;

  addFolder(name: string): void {
    this.#add(name, 0o040755, new Uint8Array());
  }

  addFile(name: string, mode: number, content: Uint8Array): void {
    this.#add(name, 0o100000 | mode, content);
  }

  finish(): Buffer {
    this.#add("TRAILER!!!", 0, new Uint8Array());
    return Buffer.concat(this.#parts);
  }

  #add(name: string, mode: number, content: Uint8Array): void {
    this.#count += 1;
    // inode, mode, uid, gid, links, mtime, size, device ×4, name length, checksum
    const numbers = [this.#count, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length + 1, 0];
    const fields = numbers.map((number) => number.toString(16).padStart(8, "0")).join("");
    const header = Buffer.from(`070701${fields}${name}\0`);
    this.#parts.push(pad(header), pad(content));
  }
}

function pad(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
