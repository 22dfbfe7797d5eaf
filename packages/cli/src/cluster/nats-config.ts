/** The configuration of one nats-server of a cluster. */

export interface NatsMember {
  readonly name: string;
  readonly address: string;
}

export const natsPort = 4222;
const routePort = 6222;

/** @param storeDir of this member alone */
export function natsConfig(
  self: NatsMember,
  members: readonly NatsMember[],
  storeDir: string,
): string {
  const routes = members
    .filter(({ name }) => name !== self.name)
    .map(({ address }) => `    "nats://${address}:${routePort}"`);
  return [
    `server_name: ${JSON.stringify(self.name)}`,
    `listen: "${self.address}:${natsPort}"`,
    `max_payload: 1MB`,
    `jetstream { store_dir: ${JSON.stringify(storeDir)} }`,
    `cluster {`,
    `  name: tidepool`,
    `  listen: "${self.address}:${routePort}"`,
    `  routes: [`,
    ...routes,
    `  ]`,
    `}`,
    "",
  ].join("\n");
}
