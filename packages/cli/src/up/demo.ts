/** The main job of `up`: deploys the examples, calls each once, and replays real traffic against real VMs. */
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { PoolsSnapshot, TidepoolClient } from "@tidepool/sdk";
import { deploy } from "../commands/deploy.ts";
import { describeResult } from "../commands/describe-result.ts";
import { describeSummary } from "../replay/describe-summary.ts";
import {
  replayFile,
  concurrencyMaxDefault,
  excerptPath,
  functionsMaxDefault,
} from "../replay/replay-file.ts";
import type { Terminal } from "../terminal/terminal.ts";

const examplesPath = fileURLToPath(new URL("../../../../examples", import.meta.url));

/** Their VMs go soon: the replay counts the VMs that wait, and these are not its own. */
const exampleKeepAliveMs = 5_000;

const examples = [
  { name: "hello", payload: { name: "Ada" } },
  { name: "report", payload: { text: "the tide comes and the tide goes" } },
  { name: "heartbeat", payload: null },
] as const;

/** Until a host is known and its warming pool has a VM. */
export async function waitForPools(
  client: TidepoolClient,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  terminal.status("waiting for the warming pool …");
  let snapshot: PoolsSnapshot | undefined;
  for await (snapshot of client.watchPools(signal)) {
    const [pool] = snapshot.pools;
    if (pool !== undefined && pool.ready > 0 && pool.ready >= pool.target) break;
    terminal.status(
      `waiting for the warming pool: ${pool?.ready ?? 0} of ${pool?.target ?? "?"} VMs ready`,
    );
  }
  terminal.status("");
  for (const { hostId, hypervisor, accelerator } of snapshot?.hosts ?? [])
    terminal.say(`  ${hostId}: ${hypervisor}, ${describeAccelerator(accelerator)}`);
  for (const { runtime, memoryMib, ready, target } of snapshot?.pools ?? [])
    terminal.say(`  warming pool ${runtime}/${memoryMib} MiB: ${ready} of ${target} VMs ready`);
}

function describeAccelerator(accelerator: string): string {
  if (accelerator !== "tcg") return accelerator;
  return "TCG: the VMs' code is emulated, since KVM does not run a guest on this machine";
}

export async function runDemo(
  client: TidepoolClient,
  speed: number,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  terminal.say("");
  terminal.say(terminal.paint("bold", "The examples, deployed and called once"));
  for (const { name, payload } of examples) {
    const options = { name, keepAlive: exampleKeepAliveMs };
    await deploy(client, join(examplesPath, name), options, terminal, signal);
    const result = await client.invoke(name, payload, { signal });
    terminal.say(`${name}: ${JSON.stringify(result.payload)}`);
    for (const line of describeResult(result, terminal).split("\n")) terminal.say(`  ${line}`);
  }
  terminal.say("");
  terminal.say(
    terminal.paint(
      "bold",
      `Real requests, replayed ${speed} times faster (${relative(process.cwd(), excerptPath)})`,
    ),
  );
  const summary = await replayFile(
    client,
    {
      path: excerptPath,
      speed,
      functionsMax: functionsMaxDefault,
      concurrencyMax: concurrencyMaxDefault,
    },
    terminal,
    signal,
  );
  signal.throwIfAborted();
  terminal.say("");
  terminal.out(describeSummary(summary));
}
