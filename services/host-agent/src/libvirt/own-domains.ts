/**
 * Which domains on a libvirtd are this host-agent's, and the end of those. A domain of another agent, whatever
 * its name, is as if it were not there.
 */
import { TidepoolError } from "@tidepool/common";
import type { Gate } from "../vm/gate.ts";
import { DomainNames } from "./domain-name.ts";
import { isOfAnother } from "./domain-owner.ts";
import type { LibvirtClient } from "./libvirt-client.ts";
import type { RemoteDomain } from "./remote-domain.ts";

export interface OwnDomainsParts {
  readonly hostId: string;
  /** See domain-owner.ts. */
  readonly owner: string;
  /** Throws `unavailable` while libvirtd is away. */
  readonly client: () => LibvirtClient;
  /** For calls that take libvirtd long. */
  readonly slowCalls: Gate;
}

export class OwnDomains {
  readonly names: DomainNames;
  readonly #parts: OwnDomainsParts;
  /** Names of domains to be destroyed as soon as libvirtd is back. */
  readonly #leftovers = new Set<string>();

  constructor(parts: OwnDomainsParts) {
    this.names = new DomainNames(parts.hostId);
    this.#parts = parts;
  }

  /** Ids of all VMs. */
  async vmIds(): Promise<readonly string[]> {
    const found = (await this.#parts.client().listDomains()).flatMap((remote) => {
      const vmId = this.names.vmIdIn(remote.name);
      return vmId === undefined ? [] : { vmId, remote };
    });
    const foreign = await Promise.all(found.map(({ remote }) => this.#isForeign(remote)));
    return found.filter((_, index) => foreign[index] === false).map(({ vmId }) => vmId);
  }

  /** @throws TidepoolError `notFound` */
  async find(name: string): Promise<RemoteDomain> {
    const remote = await this.#parts.client().lookupDomain(name);
    if (!(await this.#isForeign(remote))) return remote;
    throw new TidepoolError("notFound", `domain ${name} is another host-agent's`);
  }

  /** Resolves when none of ours has this name. While libvirtd is away it is noted for later. */
  async destroy(name: string): Promise<void> {
    try {
      const client = this.#parts.client();
      await this.#parts.slowCalls.run(async () => client.destroy(await this.find(name)));
    } catch (thrown) {
      const error = TidepoolError.from(thrown);
      if (error.code === "notFound") return;
      if (error.code === "unavailable") this.#leftovers.add(name);
      throw error;
    }
  }

  /** To be destroyed when libvirtd is back. */
  leave(name: string): void {
    this.#leftovers.add(name);
  }

  async destroyLeft(): Promise<void> {
    const leftovers = [...this.#leftovers];
    this.#leftovers.clear();
    await Promise.allSettled(leftovers.map((name) => this.destroy(name)));
  }

  /** Of an earlier process: those of which a template was being taken. */
  async destroyHalfMade(): Promise<void> {
    const names = (await this.#parts.client().listDomains()).map(({ name }) => name);
    const half = names.filter((name) => this.names.isTemplate(name));
    await Promise.all(half.map((name) => this.destroy(name)));
  }

  /** A domain that ends meanwhile is nobody's any more. */
  async #isForeign(remote: RemoteDomain): Promise<boolean> {
    try {
      return isOfAnother(await this.#parts.client().domainXml(remote), this.#parts.owner);
    } catch (thrown) {
      const error = TidepoolError.from(thrown);
      if (error.code === "notFound") return true;
      throw error;
    }
  }
}
