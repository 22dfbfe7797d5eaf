/**
 * A client that comes back: libvirtd may be stopped and started while domains run on.
 *
 *   connected ──closed──▶ away (client() throws unavailable) ──retry──▶ connected, onConnected again
 */
import { systemClock, TidepoolError, type Clock } from "@tidepool/common";
import type { LibvirtAddress } from "./address.ts";
import { LibvirtClient, type LifecycleEvent } from "./libvirt-client.ts";

export const reconnectDelayMs = 250;

export interface LibvirtLinkOptions {
  readonly address: LibvirtAddress;
  readonly onLifecycle: (event: LifecycleEvent) => void;
  /** After every reconnection: what happened meanwhile was not heard. Must not throw. */
  readonly onReconnected: (client: LibvirtClient) => Promise<void>;
  readonly clock?: Clock;
}

export class LibvirtLink {
  readonly #options: LibvirtLinkOptions;
  readonly #stop = new AbortController();
  #client: LibvirtClient | undefined;
  #away: TidepoolError | undefined;
  #kept: Promise<void> = Promise.resolve();

  private constructor(options: LibvirtLinkOptions) {
    this.#options = options;
  }

  /** @throws TidepoolError as LibvirtClient.open() does: the first connection must work */
  static async open(options: LibvirtLinkOptions): Promise<LibvirtLink> {
    const link = new LibvirtLink(options);
    const client = await link.#connect();
    link.#kept = link.#keep(client);
    return link;
  }

  /** @throws TidepoolError `unavailable` while libvirtd is away */
  client(): LibvirtClient {
    if (this.#client !== undefined) return this.#client;
    const reason = this.#away?.message ?? "the connection is closed";
    throw new TidepoolError("unavailable", `libvirtd is away, reconnecting: ${reason}`, {
      cause: this.#away,
    });
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#client?.close();
    await this.#kept;
  }

  async #connect(): Promise<LibvirtClient> {
    const { address, onLifecycle } = this.#options;
    this.#client = await LibvirtClient.open(address, onLifecycle);
    return this.#client;
  }

  async #keep(first: LibvirtClient): Promise<void> {
    let client: LibvirtClient | undefined = first;
    while (client !== undefined) {
      this.#away = await client.closed;
      this.#client = undefined;
      client = await this.#reconnect();
      if (client !== undefined) await this.#options.onReconnected(client);
    }
  }

  async #reconnect(): Promise<LibvirtClient | undefined> {
    const { signal } = this.#stop;
    const clock = this.#options.clock ?? systemClock;
    while (!signal.aborted) {
      try {
        await clock.sleep(reconnectDelayMs, signal);
        const client = await this.#connect();
        if (!signal.aborted) return client;
        await client.close();
      } catch (error) {
        this.#away = TidepoolError.from(error, "unavailable");
      }
    }
    this.#client = undefined;
    return undefined;
  }
}
