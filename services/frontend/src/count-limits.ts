/** How many of a kind a tenant may have, and all tenants together: each of them is in every frontend's memory. */
import { TidepoolError } from "@tidepool/common";
import type { Reason } from "@tidepool/common";
import { subjects } from "@tidepool/proto";

interface CountLimit {
  readonly perTenant: number;
  readonly perCluster: number;
}

export const countLimits = {
  functions: { perTenant: 20_000, perCluster: 100_000 },
  schedules: { perTenant: 10_000, perCluster: 20_000 },
  subscriptions: { perTenant: 500, perCluster: 1_000 },
  secrets: { perTenant: 5_000, perCluster: 10_000 },
  tokens: { perTenant: 5_000, perCluster: 10_000 },
} as const satisfies Readonly<Record<string, CountLimit>>;

const reason: Reason = "tooMany";

/**
 * For one that is new.
 *
 * @param tenants of those that there are
 * @throws TidepoolError `tooLarge`
 */
export function requireRoom(
  kind: keyof typeof countLimits,
  tenant: string,
  tenants: readonly string[],
): void {
  const { perTenant, perCluster } = countLimits[kind];
  const own = tenants.reduce((count, each) => (each === tenant ? count + 1 : count), 0);
  const told =
    own >= perTenant
      ? `tenant '${tenant}' has ${own} ${kind}, the limit is ${perTenant}`
      : tenants.length >= perCluster
        ? `there are ${tenants.length} ${kind} of all tenants, the limit is ${perCluster}`
        : undefined;
  if (told !== undefined)
    throw new TidepoolError("tooLarge", told, { component: "client", reason });
}

/** @param names as they are kept */
export function requireRoomFor(
  kind: keyof typeof countLimits,
  name: string,
  names: readonly string[],
): void {
  requireRoom(
    kind,
    subjects.tenantOf(name),
    names.map((each) => subjects.tenantOf(each)),
  );
}
