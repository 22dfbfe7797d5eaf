/**
 * Whose a domain is. Its name tells the host, and what is written into it tells the host-agent's folder: two
 * agents of one name, of clusters that do not know of one another, may have the same libvirtd.
 */
import { createHash } from "node:crypto";
import { resolve } from "node:path";

const namespace = "urn:tidepool:domain:1";

/** A host-agent's mark: of its state folder, which no other has. */
export function ownerOf(stateDir: string): string {
  return createHash("sha256").update(resolve(stateDir)).digest("hex").slice(0, 32);
}

/** For the domain's XML, where libvirt keeps it as it is. */
export function ownerXml(owner: string): string {
  return `<metadata><tidepool:agent xmlns:tidepool='${namespace}' folder='${owner}'/></metadata>`;
}

/** Whether another agent made this domain; one without any mark is whose its name says. */
export function isOfAnother(domainXml: string, owner: string): boolean {
  const found = /<tidepool:agent\b[^>]*\bfolder=["']([0-9a-f]*)["']/.exec(domainXml)?.[1];
  return found !== undefined && found !== owner;
}
