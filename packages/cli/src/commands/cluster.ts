/** `tidepool cluster`: a whole cluster on this machine until Ctrl-C. */
import { join } from "node:path";
import { TidepoolError } from "@tidepool/common";
import { Cluster } from "../cluster/cluster.ts";
import { removeNetworks } from "../cluster/network.ts";
import { interruptible } from "../interrupt.ts";
import type { CommandContext } from "../program/parts.ts";
import type { ClusterCommandOptions } from "../program/system.ts";
import { ensurePackages } from "../up/debian-packages.ts";
import { ensureImage, networkPackage, systemPackages } from "../up/needs.ts";
import { killRunProcesses, runMark } from "../up/run-processes.ts";
import { stateFolderDefault, takeStateFolder } from "../up/state-folder.ts";
import type { StateFolder } from "../up/state-folder.ts";

/** @throws TidepoolError `unavailable` without the right to make namespaces */
export async function clusterCommand(
  options: ClusterCommandOptions,
  { terminal, env }: CommandContext,
): Promise<void> {
  const path = options.data ?? join(stateFolderDefault(env), "cluster");
  let folder: StateFolder | undefined;
  const kill = (): void => {
    if (folder !== undefined) killRunProcesses(folder.runId);
  };
  await interruptible(async (signal) => {
    folder = await takeStateFolder(path);
    let cluster: Cluster | undefined;
    try {
      process.env[runMark] = folder.runId;
      await removeNetworks(path);
      terminal.say(`tidepool cluster · data in ${path}`);
      await ensurePackages(
        [...systemPackages(options.hypervisor), networkPackage],
        terminal,
        signal,
      );
      if (options.hypervisor !== "simulated") await ensureImage(terminal, { signal });
      cluster = await Cluster.start({
        ...options,
        folder: path,
        say: (line) => terminal.say(line),
        signal,
      });
      for (const line of howToGoOn(cluster)) terminal.say(line);
      const stopped = new Promise<never>((_, reject) =>
        signal.addEventListener("abort", () => reject(TidepoolError.from(signal.reason))),
      );
      await Promise.race([cluster.failed, stopped]);
    } catch (error) {
      if (!(signal.aborted && cluster !== undefined)) throw error;
    } finally {
      terminal.say("stopping …");
      await cluster?.stop();
      await folder.release();
    }
  }, kill);
}

function howToGoOn({ addresses, natsUrl, names }: Cluster): readonly string[] {
  return [
    "",
    `the cluster is up: ${names.length} processes, each on a machine of its own; a killed one is started again`,
    `  export TIDEPOOL_ADDRESS=${addresses.join(",")}`,
    `  ./tidepool deploy examples/hello`,
    `  ./tidepool invoke hello --payload '{"name":"Ada"}'`,
    `  frontends ${addresses.join(", ")} · NATS ${natsUrl}`,
    "Ctrl-C stops it all.",
  ];
}
