/** What a token may do, and its name on the wire. */
import { tidepool } from "@tidepool/proto";

export type Role = "admin" | "deployer" | "invoker" | "viewer";

const { Role: wire } = tidepool.v1;

const roles: readonly (readonly [Role, tidepool.v1.Role])[] = [
  ["admin", wire.ROLE_ADMIN],
  ["deployer", wire.ROLE_DEPLOYER],
  ["invoker", wire.ROLE_INVOKER],
  ["viewer", wire.ROLE_VIEWER],
];

/** Undefined for none, and for one of a newer version. */
export function roleFromWire(given: tidepool.v1.Role | null | undefined): Role | undefined {
  return roles.find(([, value]) => value === given)?.[0];
}

export function roleToWire(role: Role): tidepool.v1.Role {
  return roles.find(([name]) => name === role)?.[1] ?? wire.ROLE_UNSPECIFIED;
}
