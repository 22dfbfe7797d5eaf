/** The configuration of one nats-server of a cluster. */
import { natsServersName } from "@tidepool/common";
import type { TlsFiles } from "@tidepool/common";
import type { Member } from "../certs/cert-folder.ts";
import { authorizationBlock } from "../certs/nats-users.ts";

export interface NatsMember {
  readonly name: string;
  readonly address: string;
}

export const natsPort = 4222;
export const routePort = 6222;

/**
 * Nobody connects without a certificate of the cluster's authority, and each is the user of that name.
 * @param storeDir of this member alone
 */
export function natsConfig(
  self: NatsMember,
  members: readonly NatsMember[],
  storeDir: string,
  tls: TlsFiles,
  users: readonly Member[],
): string {
  return [
    `server_name: ${JSON.stringify(self.name)}`,
    `listen: "${self.address}:${natsPort}"`,
    `max_payload: 1MB`,
    // Who was cut off is noticed by the other servers and the clients as soon.
    `ping_interval: "2s"`,
    `ping_max: 2`,
    `jetstream { store_dir: ${JSON.stringify(storeDir)} }`,
    ...tlsBlock(tls, ""),
    ...authorizationBlock(users),
    ...(members.length > 1 ? clusterBlock(self, members, tls) : []),
    "",
  ].join("\n");
}

function clusterBlock(
  self: NatsMember,
  members: readonly NatsMember[],
  tls: TlsFiles,
): readonly string[] {
  const routes = members
    .filter(({ name }) => name !== self.name)
    .map(({ address }) => `    "nats://${address}:${routePort}"`);
  return [
    `cluster {`,
    `  name: tidepool`,
    `  listen: "${self.address}:${routePort}"`,
    `  routes: [`,
    ...routes,
    `  ]`,
    // Whoever is let in here hears and says everything: a nats-server, and no other process of the cluster.
    ...tlsBlock(tls, "  "),
    `  authorization {`,
    `    user: ${JSON.stringify(natsServersName)}`,
    `  }`,
    `}`,
  ];
}

function tlsBlock({ caFile, certFile, keyFile }: TlsFiles, indent: string): readonly string[] {
  return [
    `${indent}tls {`,
    `${indent}  ca_file: ${JSON.stringify(caFile)}`,
    `${indent}  cert_file: ${JSON.stringify(certFile)}`,
    `${indent}  key_file: ${JSON.stringify(keyFile)}`,
    `${indent}  verify_and_map: true`,
    `${indent}}`,
  ];
}
