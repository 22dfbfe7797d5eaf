/**
 * A streamed answer of 200 MB through host and frontend, as processes of their own: when its first byte comes,
 * and by how much their memory grows, with a reader that is fast and with one that is slow. VMs are simulated.
 */
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { startSystem } from "@tidepool/test/running-system";
import type { RunningSystem } from "@tidepool/test/running-system";
import { zipOf } from "@tidepool/test/zip";
import type { Report } from "./report.ts";
import { rowOf } from "./stats.ts";

const streamBytes = 200_000_000;
const firstByteCount = 50;
const slowReads = 200;
const slowReadMs = 10;
const mib = 1024 * 1024;
/** What a process may take beside what it had: one window, buffers of sockets, and garbage not yet collected. */
const growthMaxMib = 64;

export async function benchStream(): Promise<Report> {
  const system = await startSystem({ hypervisor: "simulated" });
  try {
    const { client } = system;
    await client.createFunction("talk", { runtime: "nodejs20", handler: "index.handler" });
    await client.uploadCode("talk", await zipOf({ "index.js": "exports.handler = () => 0;" }));
    await read(system, 2_000_000, 0);
    const first = [];
    for (let count = 0; count < firstByteCount; count++) first.push(await firstByteMs(system));
    const fast = await growthOf(system, () => read(system, streamBytes, 0));
    const slow = await growthOf(system, () => read(system, streamBytes, slowReads));
    const claim = (what: string, value: number) => ({
      what: `${what} grows by, over ${streamBytes / 1e6} MB`,
      value,
      unit: "MiB",
      bound: { atMost: growthMaxMib },
    });
    return {
      title: `a streamed answer of ${streamBytes / 1e6} MB`,
      accelerator: "simulated",
      rows: [rowOf("first byte after the call, warm VM", first)],
      claims: [
        claim("frontend, fast reader,", fast.frontend),
        claim("host-agent, fast reader,", fast.host),
        claim("frontend, slow reader,", slow.frontend),
        claim("host-agent, slow reader,", slow.host),
      ],
    };
  } finally {
    await system.stop();
  }
}

async function firstByteMs({ client }: RunningSystem): Promise<number> {
  const beganAtMs = performance.now();
  const simulated = { streamBytes: 10 };
  for await (const part of client.invokeStream("talk", { simulated })) {
    if (part.byteLength > 0) return performance.now() - beganAtMs;
  }
  throw new Error("the answer has no byte");
}

/** @param pauses at the beginning, slowReadMs each */
async function read({ client }: RunningSystem, bytes: number, pauses: number): Promise<void> {
  let left = bytes;
  let count = 0;
  for await (const part of client.invokeStream("talk", { simulated: { streamBytes: bytes } })) {
    left -= part.byteLength;
    if (count++ < pauses) await sleep(slowReadMs);
  }
  if (left !== 0) throw new Error(`${left} bytes are missing`);
}

async function growthOf(
  system: RunningSystem,
  work: () => Promise<void>,
): Promise<{ readonly frontend: number; readonly host: number }> {
  const frontend = await watch(system, "frontend");
  const host = await watch(system, "host-agent");
  await work();
  return { frontend: await frontend.growthMib(), host: await host.growthMib() };
}

/** The largest resident size from now on, over the one now. */
async function watch(
  system: RunningSystem,
  name: "frontend" | "host-agent",
): Promise<{ growthMib(): Promise<number> }> {
  const pid = system.process(name).pid ?? 0;
  const before = await residentMib(pid);
  let highest = before;
  const timer = setInterval(() => {
    residentMib(pid).then(
      (now) => (highest = Math.max(highest, now)),
      () => {},
    );
  }, 20);
  return {
    async growthMib() {
      clearInterval(timer);
      return Math.max(highest, await residentMib(pid)) - before;
    },
  };
}

async function residentMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return (Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024) / mib;
}
