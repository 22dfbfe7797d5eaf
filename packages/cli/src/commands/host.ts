/** `tidepool host list|drain|undrain`. */
import { systemClock, TidepoolError } from "@tidepool/common";
import type { HostDescription, TidepoolClient } from "@tidepool/sdk";
import { withClient } from "../client.ts";
import { interruptible } from "../interrupt.ts";
import type { ClientOptions, CommandContext } from "../program/parts.ts";
import { formatInstant } from "../terminal/format.ts";
import { renderTable } from "../terminal/table.ts";

export interface DrainOptions extends ClientOptions {
  readonly wait?: boolean;
}

const pollMs = 500;
const nobodyText =
  "no host takes work now: calls that need a VM fail until one is undrained or started";

export async function listHosts(
  options: ClientOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const hosts = await withClient(options, (client) => client.hosts.list());
  terminal.out(options.json === true ? `${JSON.stringify(hosts)}\n` : describeHosts(hosts));
}

export async function drainHost(
  hostId: string,
  options: DrainOptions,
  { terminal }: CommandContext,
): Promise<void> {
  await interruptible((signal) =>
    withClient(options, async (client) => {
      let host = await client.hosts.drain(hostId, { signal });
      try {
        while (options.wait === true && host.state !== "drained" && host.state !== "silent") {
          terminal.status(`${hostId} ${progressOf(host)}`);
          await systemClock.sleep(pollMs, signal);
          host = await find(client, hostId, signal);
        }
      } finally {
        terminal.status("");
      }
      if (options.json === true) return terminal.out(`${JSON.stringify(host)}\n`);
      terminal.say(`${hostId} ${progressOf(host)}`);
      const hosts = await client.hosts.list({ signal });
      if (!takesWork(hosts)) terminal.say(terminal.paint("yellow", nobodyText));
    }),
  );
}

export async function undrainHost(
  hostId: string,
  options: ClientOptions,
  { terminal }: CommandContext,
): Promise<void> {
  const host = await withClient(options, (client) => client.hosts.undrain(hostId));
  if (options.json === true) terminal.out(`${JSON.stringify(host)}\n`);
  else terminal.say(`${hostId} takes work again`);
}

export function describeHosts(hosts: readonly HostDescription[]): string {
  if (hosts.length === 0) return "no host has reported yet\n";
  return renderTable(
    [
      { title: "HOST" },
      { title: "STATE" },
      { title: "DRIVER" },
      { title: "MEMORY", align: "right" },
      { title: "CPUS", align: "right" },
      { title: "VMS", align: "right" },
      { title: "BUSY", align: "right" },
      { title: "NETWORK" },
      { title: "ADDRESS" },
    ],
    hosts.map((host) => [
      host.hostId,
      host.drainedAtMs === undefined
        ? host.state
        : `${host.state} since ${formatInstant(host.drainedAtMs)}`,
      host.hypervisor === "" ? "-" : `${host.hypervisor} (${host.accelerator})`,
      `${host.memoryUsedMib} of ${host.memoryMib} MiB`,
      host.vcpuCount === 0 ? String(host.vcpuUsed) : `${host.vcpuUsed} of ${host.vcpuCount}`,
      `${host.vmCount} of ${host.vmCountMax}`,
      String(host.busyCount),
      host.offersInternet ? "internet" : "none",
      host.address === "" ? "-" : host.address,
    ]),
  );
}

/** Whether calls that need a VM get one. */
export function takesWork(hosts: readonly HostDescription[]): boolean {
  return hosts.some(({ state }) => state === "ready");
}

/** What a drain has come to. */
export function progressOf({ state, vmCount, busyCount }: HostDescription): string {
  if (state === "drained") return "is drained: it has no VM, and gets none until undrain";
  if (state === "silent") return "is silent: it gets no VM until undrain";
  const vms = `${vmCount} ${vmCount === 1 ? "VM" : "VMs"}`;
  return `drains: ${vms} left, ${busyCount} with a call`;
}

async function find(
  client: TidepoolClient,
  hostId: string,
  signal: AbortSignal,
): Promise<HostDescription> {
  const host = (await client.hosts.list({ signal })).find((each) => each.hostId === hostId);
  if (host === undefined) throw new TidepoolError("notFound", `host ${hostId} is no longer listed`);
  if (host.drainedAtMs === undefined)
    throw new TidepoolError("cancelled", `host ${hostId} was undrained meanwhile`);
  return host;
}
