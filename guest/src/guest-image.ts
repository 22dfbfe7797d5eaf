/**
 * The guest image in the user's cache: found under the hash of what it is made from, or built. A build
 * happens in a folder of its own and is renamed into place when it is complete; one that fails leaves
 * nothing but its error. Images of earlier versions go when a new one has been built.
 */
import {
  chmod,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { buildImage, imageFiles } from "./build-image.ts";
import { withLock } from "./build-lock.ts";
import { noteUse, pruneCache } from "./cache-folder.ts";
import { imageHash } from "./image-hash.ts";
import { listRuntimes, readManifest } from "./manifest.ts";

export interface GuestImage {
  /** Of everything that the image is made from. */
  readonly hash: string;
  readonly kernelPath: string;
  readonly initrdPath: string;
  readonly rootfsPath: string;
  readonly logPath: string;
}

export interface GuestImageOptions {
  /** One that the image must have; it has all of them. */
  readonly runtime?: string;
  /** Default: $TIDEPOOL_CACHE_DIR, else $XDG_CACHE_HOME/tidepool or ~/.cache/tidepool; images are in images/ below it. */
  readonly cacheDir?: string;
  /** What is being done, and how much of the build is behind it, from 0 to 1. Not called when the image is there. */
  readonly onProgress?: (step: string, fraction: number) => void;
  readonly signal?: AbortSignal;
}

const recordFile = "image.json";

/** Where a host-agent with the same environment looks. */
export function defaultCacheDir(environment: NodeJS.ProcessEnv = process.env): string {
  const named = environment["TIDEPOOL_CACHE_DIR"];
  if (named !== undefined && named !== "") return named;
  const base = environment["XDG_CACHE_HOME"];
  return join(base === undefined || base === "" ? join(homedir(), ".cache") : base, "tidepool");
}

/**
 * @throws TidepoolError `notFound` for an unknown runtime, `unavailable` naming the command that failed
 */
export async function ensureGuestImage(options: GuestImageOptions): Promise<GuestImage> {
  const { runtime, signal, onProgress = () => undefined } = options;
  if (runtime !== undefined) readManifest(runtime);
  const images = join(options.cacheDir ?? defaultCacheDir(), "images");
  const hash = await imageHash();
  const image = imageAt(images, hash);
  await noteUse(images, hash);
  if (await isComplete(images, image)) return image;

  await mkdir(images, { recursive: true });
  const cancel = signal === undefined ? {} : { signal };
  const onWait = (pid: number): void => {
    onProgress(`waiting for process ${String(pid)}, which builds the image`, 0);
  };
  await withLock(join(images, `${hash}.lock`), { onWait, ...cancel }, async () => {
    if (await isComplete(images, image)) return;
    await removeAbandoned(images, hash);
    const folder = await mkdtemp(join(images, `${hash}.building-`));
    try {
      await buildImage(listRuntimes(), folder, { onProgress, ...cancel });
      await writeRecord(folder);
      await chmod(folder, 0o755);
      await rm(join(images, hash), { recursive: true, force: true });
      await rename(folder, join(images, hash));
    } catch (thrown) {
      await rm(folder, { recursive: true, force: true });
      throw thrown;
    }
    await pruneCache(images);
  });
  return image;
}

/** The image when it is in the cache; nothing is built. */
export async function findGuestImage(
  options: Pick<GuestImageOptions, "runtime" | "cacheDir">,
): Promise<GuestImage | undefined> {
  const images = join(options.cacheDir ?? defaultCacheDir(), "images");
  const image = imageAt(images, await imageHash());
  return (await isComplete(images, image)) ? image : undefined;
}

function imageAt(images: string, hash: string): GuestImage {
  const file = (name: keyof typeof imageFiles): string => join(images, hash, imageFiles[name]);
  return {
    hash,
    kernelPath: file("kernel"),
    initrdPath: file("initrd"),
    rootfsPath: file("rootfs"),
    logPath: file("log"),
  };
}

/** What builders left that were killed: we hold the lock, so nobody works there. */
async function removeAbandoned(images: string, hash: string): Promise<void> {
  for (const name of await readdir(images)) {
    if (name.startsWith(`${hash}.building-`)) {
      await rm(join(images, name), { recursive: true, force: true });
    }
  }
}

const bootFiles = [imageFiles.kernel, imageFiles.initrd, imageFiles.rootfs];

async function writeRecord(folder: string): Promise<void> {
  const bytes: Record<string, number> = {};
  for (const name of bootFiles) bytes[name] = (await stat(join(folder, name))).size;
  await writeFile(join(folder, recordFile), JSON.stringify({ bytes }, null, 2));
}

/** A file that is missing or has another size (a full disk, a hand in the cache) means: build again. */
async function isComplete(images: string, image: GuestImage): Promise<boolean> {
  const folder = join(images, image.hash);
  try {
    const { bytes } = JSON.parse(await readFile(join(folder, recordFile), "utf8")) as {
      bytes: Record<string, number>;
    };
    for (const name of bootFiles) {
      if ((await stat(join(folder, name))).size !== bytes[name]) return false;
    }
    return true;
  } catch {
    return false;
  }
}
