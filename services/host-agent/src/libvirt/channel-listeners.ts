/**
 * Where a domain's two channels and its console arrive: QEMU connects to us while it starts. Each socket takes one
 * connection and is then gone from the file system, so nobody else can speak for the guest.
 */
import { createServer, type Server, type Socket } from "node:net";
import type { Duplex, Readable } from "node:stream";
import { TidepoolError } from "@tidepool/common";
import { checkSocketPath } from "./address.ts";
import { domainFiles, portNames } from "./domain-xml.ts";
import { openSocketToQemu, type QemuUser } from "./qemu-user.ts";

export interface Channels {
  readonly control: Duplex;
  readonly runtime: Duplex;
  /** What the guest's kernel prints: to be read, however much it is. */
  readonly console: Readable;
}

export class ChannelListeners {
  readonly #servers: readonly Server[];
  readonly #sockets: Promise<Socket[]>;
  readonly #accepted: Socket[] = [];
  #abandon: (error: Error) => void = () => {};

  private constructor(servers: readonly Server[]) {
    this.#servers = servers;
    const each = servers.map(
      (server) =>
        new Promise<Socket>((resolve) =>
          server.once("connection", (socket: Socket) => {
            // What ends a channel is told by "close"; an error without a listener would end the host-agent.
            socket.on("error", () => {});
            this.#accepted.push(socket);
            server.close();
            resolve(socket);
          }),
        ),
    );
    const abandoned = new Promise<never>((_, reject) => (this.#abandon = reject));
    this.#sockets = Promise.race([Promise.all(each), abandoned]);
    this.#sockets.catch(() => {});
  }

  /** @param signal ends them as close() does: who has given up waits for no channel */
  static async listen(
    directory: string,
    user: QemuUser | undefined,
    signal?: AbortSignal,
  ): Promise<ChannelListeners> {
    const files = domainFiles(directory);
    const servers = portNames.map(() => createServer());
    const listeners = new ChannelListeners(servers);
    try {
      signal?.throwIfAborted();
      signal?.addEventListener("abort", () => listeners.close(), { once: true });
      for (const [index, name] of portNames.entries())
        await listen(servers[index], files[name], user);
    } catch (error) {
      listeners.close();
      throw TidepoolError.from(error, "unavailable");
    }
    return listeners;
  }

  /** Resolves when QEMU has connected to each. */
  async accept(): Promise<Channels> {
    const [control, runtime, console] = await this.#sockets;
    if (control === undefined || runtime === undefined || console === undefined)
      throw new TidepoolError("internal", "a channel has no socket");
    return { control, runtime, console };
  }

  /** Ends all of them, connected or not. Idempotent. */
  close(): void {
    this.#abandon(new TidepoolError("unavailable", "the domain's channels are closed"));
    for (const server of this.#servers) if (server.listening) server.close();
    for (const socket of this.#accepted) socket.destroy();
  }
}

async function listen(
  server: Server | undefined,
  path: string,
  user: QemuUser | undefined,
): Promise<void> {
  checkSocketPath(path);
  await new Promise<void>((resolve, reject) => {
    server?.once("error", reject);
    server?.listen(path, resolve);
  });
  await openSocketToQemu(path, user);
}
