/** `tidepool pools`: the pools and hosts, once or at each change. */
import { TidepoolError } from "@tidepool/common";
import type { Pool, PoolsSnapshot } from "@tidepool/sdk";
import { withClient } from "../client.ts";
import { interruptible } from "../interrupt.ts";
import type { ClientOptions, CommandContext } from "../program/parts.ts";
import { formatClock, formatShare } from "../terminal/format.ts";
import { renderTable } from "../terminal/table.ts";

export async function pools(
  options: ClientOptions & { readonly once?: boolean },
  { terminal }: CommandContext,
): Promise<void> {
  const { once = false, json = false } = options;
  // Where nothing can be redrawn a table at each change would be noise: one line a change is not.
  const isLive = !once && !json && terminal.isInteractive;
  await interruptible((signal) =>
    withClient(options, async (client) => {
      try {
        for await (const snapshot of client.watchPools(signal)) {
          if (json) terminal.out(`${JSON.stringify(snapshot)}\n`);
          else if (isLive) terminal.status(`${describePools(snapshot).trimEnd()}\n(Ctrl-C ends)`);
          else if (once) terminal.out(describePools(snapshot));
          else terminal.out(poolLines(snapshot));
          if (once) return;
        }
        throw new TidepoolError("unavailable", "the frontend ended the stream of pools");
      } catch (error) {
        if (!signal.aborted) throw error; // Ctrl-C is how watching ends
      } finally {
        terminal.status("");
      }
    }),
  );
}

/** Hosts report through NATS, so a frontend without it knows none, whatever runs. */
const noHostText =
  "no host has reported yet: host agents are starting, or NATS, through which they report, is away\n";

export function describePools({ pools: all, hosts }: PoolsSnapshot): string {
  const poolTable = renderTable(
    [
      { title: "POOL" },
      { title: "TARGET", align: "right" },
      { title: "BASE", align: "right" },
      { title: "READY", align: "right" },
      { title: "CLONING", align: "right" },
      { title: "LOADING", align: "right" },
      { title: "IDLE", align: "right" },
      { title: "PROVISIONED", align: "right" },
      { title: "BUSY", align: "right" },
      { title: "TOTAL", align: "right" },
      { title: "PERIODIC", align: "right" },
      { title: "UNCOVERED", align: "right" },
    ],
    all.map((pool) => [
      poolName(pool),
      ...[pool.target, pool.baseTarget, pool.ready, pool.cloning].map(String),
      ...[
        pool.loading,
        pool.idle,
        pool.provisioned,
        pool.busy,
        pool.total,
        pool.periodicFunctions,
      ].map(String),
      formatShare(pool.uncoveredShare),
    ]),
  );
  const hostTable = renderTable(
    [
      { title: "HOST" },
      { title: "DRIVER" },
      { title: "MEMORY", align: "right" },
      { title: "VMS", align: "right" },
    ],
    hosts.map((host) => [
      host.hostId,
      `${host.hypervisor} (${host.accelerator})`,
      `${host.memoryUsedMib} of ${host.memoryMib} MiB`,
      `${host.vmCount} of ${host.vmCountMax}`,
    ]),
  );
  return hosts.length === 0 ? noHostText : `${poolTable}\n${hostTable}`;
}

/** As the host-agent's log names it: the CPUs only where there are several. */
function poolName({ runtime, memoryMib, vcpuCount }: Pool): string {
  return `${runtime}/${memoryMib}${vcpuCount === 1 ? "" : `/${vcpuCount}`}`;
}

function poolLines({ atMs, pools: all }: PoolsSnapshot): string {
  return all
    .map(
      (pool) =>
        `${formatClock(atMs)} ${poolName(pool)} target ${pool.target} of ${pool.baseTarget}, ready ${pool.ready}, idle ${pool.idle}, busy ${pool.busy}, total ${pool.total}, periodic ${pool.periodicFunctions}\n`,
    )
    .join("");
}
