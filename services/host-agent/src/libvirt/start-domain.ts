/**
 * A domain that goes on from a saved state: created paused, so that it takes the state in before anything runs.
 * And one that another process has left, whose channels ended with that process.
 */
import { readFile, rm } from "node:fs/promises";
import { TidepoolError } from "@tidepool/common";
import type { Machine, memoryUses } from "../qemu/machine.ts";
import type { TemplateFiles } from "../qemu/template-store.ts";
import { removeTree } from "../remove-tree.ts";
import { ChannelListeners } from "./channel-listeners.ts";
import type { Channels } from "./channel-listeners.ts";
import { domainFiles, domainXml, portNames } from "./domain-xml.ts";
import type { LibvirtClient } from "./libvirt-client.ts";
import { machineSpec } from "./libvirt-template.ts";
import { createFlags } from "./protocol.ts";
import { makeQemuDirectory } from "./qemu-user.ts";
import type { QemuUser } from "./qemu-user.ts";
import type { RemoteDomain } from "./remote-domain.ts";
import { loadState } from "./saved-state.ts";

export interface StartOptions {
  readonly client: LibvirtClient;
  readonly name: string;
  readonly uuid: string;
  /** Of its own. */
  readonly directory: string;
  readonly owner: string;
  readonly qemuUser: QemuUser | undefined;
  readonly machine: Machine;
  /** Of the template that its guest was booted as. */
  readonly bootId: string;
  readonly files: TemplateFiles;
  readonly memoryUse: typeof memoryUses.clone | typeof memoryUses.goOn;
  /** Lets a few creations through at a time. */
  readonly slowly: <T>(work: () => Promise<T>) => Promise<T>;
  /** It has been created, and QEMU has connected; nothing runs in it yet. */
  readonly onCreated: (remote: RemoteDomain, channels: Channels) => void;
  readonly signal: AbortSignal;
}

/** Resolves when its guest goes on. A failure may leave the domain to be destroyed. */
export async function startDomain(options: StartOptions): Promise<void> {
  const { client, name, directory, files, machine, memoryUse, qemuUser, signal } = options;
  const state = await readFile(files.statePath);
  await removeTree(directory);
  await makeQemuDirectory(directory, qemuUser);
  const listeners = await ChannelListeners.listen(directory, qemuUser, signal);
  try {
    const xml = domainXml({
      ...machineSpec(machine, options.bootId),
      name,
      uuid: options.uuid,
      directory,
      owner: options.owner,
      ramPath: files.ramPath,
      memoryUse,
      qemuUser,
    });
    const remote = await options.slowly(() => {
      signal.throwIfAborted();
      return client.createDomain(name, xml, createFlags.paused);
    });
    signal.throwIfAborted();
    options.onCreated(remote, await listeners.accept());
    const socketPath = domainFiles(directory).incoming;
    await loadState(client, remote, state, { socketPath, signal });
    await client.resume(remote);
  } catch (thrown) {
    listeners.close();
    throw thrown;
  }
}

/** @throws TidepoolError `wrongPhase` when its guest runs: it is in the middle of something */
export async function checkPaused(client: LibvirtClient, remote: RemoteDomain): Promise<void> {
  // Asked of QEMU: to libvirt one that waits for its saved state is paused too.
  const answer = await client.monitorCommand(remote, "query-status");
  const { status } = answer as { readonly status?: string };
  if (status === "paused") return;
  const text = `domain ${remote.name} is ${status ?? "of no known state"}, not paused`;
  throw new TidepoolError("wrongPhase", text);
}

/**
 * Gives a paused domain new channels, and lets it go on. Ports of a guest that does not run cannot be given any,
 * so it goes on first.
 */
export async function rejoinDomain(
  client: LibvirtClient,
  remote: RemoteDomain,
  options: {
    readonly directory: string;
    readonly qemuUser: QemuUser | undefined;
    readonly signal: AbortSignal;
  },
): Promise<Channels> {
  const { directory, qemuUser, signal } = options;
  const files = domainFiles(directory);
  for (const name of portNames) await rm(files[name], { force: true });
  const listeners = await ChannelListeners.listen(directory, qemuUser, signal);
  try {
    await client.resume(remote);
    for (const [index, name] of portNames.entries()) {
      const addr = { type: "unix", data: { path: files[name] } };
      const backend = { type: "socket", data: { addr, server: false } };
      // The names that libvirt gives, to the channels in their order.
      const id = name === "console" ? "charserial0" : `charchannel${String(index)}`;
      await client.monitorCommand(remote, "chardev-change", { id, backend });
    }
    return await listeners.accept();
  } catch (thrown) {
    listeners.close();
    throw thrown;
  }
}
