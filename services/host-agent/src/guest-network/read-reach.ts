/** What the operator says of the guests' network, read from the environment. */
import { isIPv4 } from "node:net";
import type { ConfigReader } from "@tidepool/common";
import type { GuestReach } from "./filter.ts";

/** Undefined: guests have none, whatever their functions ask for. */
export type GuestNetworkSettings = GuestReach | undefined;

/** Public ones: those of the host are often its own, and closed to guests. */
export const resolversDefault = "1.1.1.1,8.8.8.8";
/** More are not asked by the C library. */
const resolversMaxCount = 3;

export function readGuestNetwork(read: ConfigReader): GuestNetworkSettings {
  const network = read.oneOf("TIDEPOOL_GUEST_NETWORK", "off", ["off", "internet"]);
  const listOf = (name: string, byDefault: string, isFit: (text: string) => boolean): string[] => {
    const given = read.text(name, byDefault).split(",");
    const list = given.map((each) => each.trim()).filter((each) => each !== "");
    for (const each of list) if (!isFit(each)) read.problem(`${name} must not have '${each}'`);
    return list;
  };
  const resolvers = listOf("TIDEPOOL_GUEST_RESOLVERS", resolversDefault, isIPv4);
  if (resolvers.length === 0 || resolvers.length > resolversMaxCount)
    read.problem(`TIDEPOOL_GUEST_RESOLVERS must be 1 to ${resolversMaxCount} IPv4 addresses`);
  const reach = {
    resolvers,
    allowed: listOf("TIDEPOOL_GUEST_NETWORK_ALLOW", "", isNetwork),
    denied: listOf("TIDEPOOL_GUEST_NETWORK_DENY", "", isNetwork),
  };
  return network === "off" ? undefined : reach;
}

/** An IPv4 address, or one with the length of a prefix. */
function isNetwork(text: string): boolean {
  const [address = "", length, ...rest] = text.split("/");
  const isLength = length === undefined || (/^\d{1,2}$/.test(length) && Number(length) <= 32);
  return isIPv4(address) && isLength && rest.length === 0;
}
