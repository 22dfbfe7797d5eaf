/** What a machine needs for the main job, checked one by one; each with its fix. */
import { statfs } from "node:fs/promises";
import { freemem, totalmem } from "node:os";
import { defaultCacheDir, findGuestImage } from "@tidepool/guest";
import { ensureFolder, messageOf, TidepoolError } from "@tidepool/common";
import { TidepoolClient } from "@tidepool/sdk";
import { readTls, readToken } from "../client.ts";
import type { ClientOptions } from "../program/parts.ts";
import { formatBytes } from "../terminal/format.ts";
import { findProgram } from "../up/debian-packages.ts";
import { runtimeDefault, systemPackages, testPackages } from "../up/needs.ts";
import { findRunning } from "../up/state-folder.ts";
import { checkCertificates } from "./certificate-checks.ts";
import { checkHost } from "./host-check.ts";

export interface Check {
  readonly name: string;
  /** "failed": the main job cannot run. "warning": it can, but look. */
  readonly state: "ok" | "warning" | "failed";
  readonly detail: string;
  readonly fix?: string;
}

/** Image, templates, logs and streams of an ordinary run. */
const diskFreeMinBytes = 2 * 1024 ** 3;
/** Eight generic VMs, the services, and some functions. */
const memoryMinBytes = 2 * 1024 ** 3;
/** The guest's runtime is made from the Node.js that runs here. */
const nodeMajor = 20;
const nodeMinorMin = 19;
const connectMaxMs = 2_000;

export interface CheckOptions extends ClientOptions {
  readonly dataPath: string;
  readonly env: NodeJS.ProcessEnv;
}

export async function runChecks(options: CheckOptions): Promise<readonly Check[]> {
  const isPrepared = (await findProgram("qemu-system-x86_64")) !== undefined;
  const image = await checkImage();
  return [
    checkNode(process.versions.node),
    ...(await checkPackages()),
    image,
    ...(isPrepared && image.state === "ok" ? await checkHost() : []),
    checkMemory(totalmem(), freemem()),
    await checkDisk("disk for images", defaultCacheDir()),
    await checkDisk("disk for data", options.dataPath),
    ...(await checkCertificates(options)),
    await checkRunning(options),
  ];
}

function checkNode(version: string): Check {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isRight = major === nodeMajor && minor >= nodeMinorMin;
  const name = "node";
  if (isRight) return { name, state: "ok", detail: version };
  return {
    name,
    state: "failed",
    detail: `${version}, needed is ${nodeMajor}.${nodeMinorMin} or newer of ${nodeMajor}`,
    fix: "install it from https://nodejs.org/en/download",
  };
}

async function checkPackages(): Promise<Check[]> {
  const needed = systemPackages("qemu");
  return Promise.all(
    testPackages.map(async ({ debianName, provides, purpose }): Promise<Check> => {
      const path = await findProgram(provides);
      if (path !== undefined) return { name: debianName, state: "ok", detail: path };
      const isNeeded = needed.some((each) => each.debianName === debianName);
      return {
        name: debianName,
        state: isNeeded ? "failed" : "warning",
        detail: `${provides} is missing: ${purpose}${isNeeded ? "" : " (the main job runs without)"}`,
        fix: isNeeded
          ? `tidepool up installs it, or: apt-get install ${debianName}`
          : `apt-get install ${debianName}`,
      };
    }),
  );
}

async function checkImage(): Promise<Check> {
  const name = "guest image";
  try {
    const image = await findGuestImage({ runtime: runtimeDefault });
    if (image !== undefined) return { name, state: "ok", detail: image.rootfsPath };
    const detail = `${runtimeDefault} is not in the cache`;
    return { name, state: "failed", detail, fix: "tidepool image builds it" };
  } catch (error) {
    return { name, state: "failed", detail: messageOf(error) };
  }
}

function checkMemory(totalBytes: number, freeBytes: number): Check {
  const name = "memory";
  const detail = `${formatBytes(freeBytes)} free of ${formatBytes(totalBytes)}`;
  if (totalBytes >= memoryMinBytes) return { name, state: "ok", detail };
  return {
    name,
    state: "warning",
    detail: `${detail}, ${formatBytes(memoryMinBytes)} is what the warming pool wants`,
    fix: "keep fewer VMs waiting: TIDEPOOL_POOL_BASE_TARGET=2 tidepool up",
  };
}

async function checkDisk(name: string, path: string): Promise<Check> {
  try {
    await ensureFolder(path);
    const { bavail, bsize } = await statfs(path);
    const free = bavail * bsize;
    const detail = `${formatBytes(free)} free at ${path}`;
    if (free >= diskFreeMinBytes) return { name, state: "ok", detail };
    const fix = `free some: ${formatBytes(diskFreeMinBytes)} are needed`;
    return { name, state: "failed", detail, fix };
  } catch (error) {
    const detail = `${path} cannot be written: ${messageOf(error)}`;
    return { name, state: "failed", detail, fix: "make it writable, or set XDG_CACHE_HOME" };
  }
}

async function checkRunning(options: CheckOptions): Promise<Check> {
  const name = "running system";
  const { dataPath } = options;
  const running = await findRunning(dataPath);
  const address = running?.address ?? options.address;
  try {
    const client = await TidepoolClient.connect(address, {
      connectTimeoutMs: connectMaxMs,
      ...(await readTls(options)),
      ...(await readToken(options)),
    });
    try {
      const hosts = await countHosts(client);
      const detail = `answers at ${address}, ${hosts} ${hosts === 1 ? "host" : "hosts"}`;
      if (hosts > 0) return { name, state: "ok", detail };
      return { name, state: "failed", detail, fix: "look at the host-agent's log" };
    } finally {
      client.close();
    }
  } catch (error) {
    const { message } = TidepoolError.from(error);
    if (running === undefined)
      return { name, state: "ok", detail: `none at ${address}; start one with: tidepool up` };
    const detail = `process ${running.pid} runs, but: ${message}`;
    return { name, state: "failed", detail, fix: `look at the logs in ${dataPath}/logs` };
  }
}

async function countHosts(client: TidepoolClient): Promise<number> {
  const controller = new AbortController();
  for await (const { hosts } of client.watchPools(controller.signal)) {
    controller.abort();
    return hosts.length;
  }
  return 0;
}
