/** The methods of the public API that are about hosts. */
import type { tidepool } from "@tidepool/proto";
import type { Hosts } from "../fleet/hosts.ts";
import type { Handlers } from "./handlers.ts";

export function hostApi(handlers: Handlers, hosts: Hosts) {
  return {
    listHosts: handlers.unary("ListHosts", () => Promise.resolve({ hosts: hosts.list() })),
    drainHost: handlers.unary("DrainHost", ({ hostId }: tidepool.v1.DrainHostRequest.$Properties) =>
      hosts.drain(hostId),
    ),
    undrainHost: handlers.unary(
      "UndrainHost",
      ({ hostId }: tidepool.v1.UndrainHostRequest.$Properties) => hosts.undrain(hostId),
    ),
  };
}
