/**
 * What our domains are called in `virsh list`: "tidepool.HOST.VM", and "tidepool.HOST.template.ID" while a
 * template boots. No id may contain a dot, so the parts can be told apart again.
 */
import { TidepoolError } from "@tidepool/common";

const idPattern = /^[A-Za-z0-9_-]{1,64}$/;

export class DomainNames {
  readonly #prefix: string;

  /** @throws TidepoolError `invalid` */
  constructor(hostId: string) {
    checkId("host id", hostId);
    this.#prefix = `tidepool.${hostId}.`;
  }

  /** @throws TidepoolError `invalid` */
  ofVm(vmId: string): string {
    checkId("vm id", vmId);
    return this.#prefix + vmId;
  }

  ofTemplate(templateId: string): string {
    return `${this.#prefix}template.${templateId}`;
  }

  isTemplate(name: string): boolean {
    return name.startsWith(this.ofTemplate(""));
  }

  /** Undefined for a domain that is no VM of this host-agent. */
  vmIdIn(name: string): string | undefined {
    const rest = name.startsWith(this.#prefix) ? name.slice(this.#prefix.length) : "";
    return idPattern.test(rest) ? rest : undefined;
  }
}

function checkId(what: string, id: string): void {
  if (!idPattern.test(id))
    throw new TidepoolError("invalid", `${what} '${id}' is not 1 to 64 of A-Z, a-z, 0-9, _ and -`);
}
