/**
 * One clone under libvirt. It exists for us from before libvirt creates it, so that nothing which libvirt
 * says of it is missed, until settleExit(): by libvirt's event, by a look at the list after libvirtd was away,
 * or by its channels closing while it is away.
 */
import type { Duplex } from "node:stream";
import { TidepoolError, assert, messageOf, systemClock } from "@tidepool/common";
import type { Domain, DomainExit } from "../hypervisor/hypervisor.ts";
import { removeTree } from "../remove-tree.ts";
import type { Channels } from "./channel-listeners.ts";
import type { LibvirtClient } from "./libvirt-client.ts";
import type { RemoteDomain } from "./remote-domain.ts";

/** Of what the guest's kernel printed last. */
const lastWordsMaxCharacters = 2_000;
/** libvirt's word of an end may come before what its guest said at last. */
const lastWordsWaitMaxMs = 100;

export interface LibvirtDomainOptions {
  readonly vmId: string;
  readonly name: string;
  readonly uuid: string;
  /** Of its own; removed at its end. */
  readonly directory: string;
  /** Throws `unavailable` while libvirtd is away. */
  readonly client: () => LibvirtClient;
  /** Resolves when libvirt no longer has a domain of this name. */
  readonly destroyByName: (name: string) => Promise<void>;
}

export class LibvirtDomain implements Domain {
  readonly vmId: string;
  readonly name: string;
  readonly uuid: string;
  readonly exited: Promise<DomainExit>;
  readonly #options: LibvirtDomainOptions;
  #running: { readonly remote: RemoteDomain; readonly channels: Channels } | undefined;
  #isExpected = false;
  #hasEnded = false;
  #lastWords = "";
  #announceExit: (exit: DomainExit) => void = () => {};

  constructor(options: LibvirtDomainOptions) {
    this.vmId = options.vmId;
    this.name = options.name;
    this.uuid = options.uuid;
    this.#options = options;
    this.exited = new Promise((resolve) => (this.#announceExit = resolve));
  }

  /** Once it runs; before, it has no channels to give. */
  attach(remote: RemoteDomain, channels: Channels): void {
    this.#running = { remote, channels };
    channels.console.on("data", (bytes: Buffer) => {
      this.#lastWords = (this.#lastWords + bytes.toString("latin1")).slice(-lastWordsMaxCharacters);
    });
    if (this.#hasEnded) closeChannels(channels);
  }

  get control(): Duplex {
    return this.#attached().channels.control;
  }

  get runtime(): Duplex {
    return this.#attached().channels.runtime;
  }

  /** As libvirt names it. */
  get remote(): RemoteDomain {
    return this.#attached().remote;
  }

  async pause(): Promise<void> {
    await this.#options.client().suspend(this.#attached().remote);
  }

  async resume(): Promise<void> {
    const { remote } = this.#attached();
    const client = this.#options.client();
    try {
      await client.resume(remote);
    } catch (error) {
      const isRunning = TidepoolError.from(error).code === "wrongPhase";
      if (!isRunning || (await client.domainState(remote)) !== "running") throw error;
    }
  }

  async destroy(): Promise<void> {
    this.#isExpected = true;
    if (!this.#hasEnded) await this.#options.destroyByName(this.name);
    this.settleExit("destroyed");
    await this.exited;
  }

  /** Idempotent: the first tells how it ended. */
  settleExit(how: string): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    void this.#describeEnd(how).then(this.#announceExit);
  }

  async #describeEnd(how: string): Promise<DomainExit> {
    await this.#heardAll();
    const words = this.#lastWords.trim();
    // It has ended, whatever is left of its files.
    const left = await removeTree(this.#options.directory).then(() => "", messageOf);
    const parts = [how, left, words === "" ? "" : `last words: ${words}`];
    return { isExpected: this.#isExpected, detail: parts.filter(Boolean).join("; ") };
  }

  async #heardAll(): Promise<void> {
    if (this.#running === undefined) return;
    const { channels } = this.#running;
    channels.control.destroy();
    channels.runtime.destroy();
    const { console } = channels;
    const closed = new Promise((resolve) =>
      console.closed ? resolve(null) : console.once("close", resolve),
    );
    await Promise.race([closed, systemClock.sleep(lastWordsWaitMaxMs)]);
    closeChannels(channels);
  }

  #attached(): { readonly remote: RemoteDomain; readonly channels: Channels } {
    assert(this.#running !== undefined, `domain ${this.name} is used only once it runs`);
    return this.#running;
  }
}

function closeChannels({ control, runtime, console }: Channels): void {
  control.destroy();
  runtime.destroy();
  console.destroy();
}
