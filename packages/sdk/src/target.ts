/** Where a frontend is, as people write it and as gRPC takes it. */
import { isIP } from "node:net";
import { TidepoolError } from "@tidepool/common";

/** gRPC's own naming, which is passed on as it is. */
const schemes = /^(dns|ipv4|ipv6|unix|unix-abstract|xds):/;
const hostAndPort = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]/]+)):(\d{1,5})$/;

/**
 * Several addresses are one target.
 *
 * @param address host:port, or several IP addresses with ports and commas between
 * @throws TidepoolError `invalid`
 */
export function targetOf(address: string): string {
  if (schemes.test(address)) return address;
  const parts = address.split(",").map((part) => part.trim());
  const hosts = parts.map((part) => {
    const [, bracketed, host = bracketed, port] = hostAndPort.exec(part) ?? [];
    if (host !== undefined && Number(port) >= 1 && Number(port) <= 65_535) return host;
    throw invalid(`address '${part.slice(0, 80)}' must be host:port, as in 127.0.0.1:7070`);
  });
  if (parts.length === 1) return address.trim();
  const name = hosts.find((host) => isIP(host) === 0);
  if (name !== undefined) {
    throw invalid(`of several addresses each must be an IP address with a port, not '${name}'`);
  }
  return `${hosts.some((host) => isIP(host) === 6) ? "ipv6" : "ipv4"}:${parts.join(",")}`;
}

function invalid(message: string): TidepoolError {
  return new TidepoolError("invalid", message, { component: "client" });
}
