/** Who a process of a cluster is, by its certificate: a name in no DNS, as "h-1.host.tidepool". */

/** In the certificate of each nats-server and of nothing else: by it they know each other. */
export const natsServersName = "nats.tidepool";

export function identityOf({
  id,
  service,
}: {
  readonly id: string;
  readonly service: string;
}): string {
  return `${id}.${service}.tidepool`;
}

/**
 * @param service letters only
 * @param names `subjectaltname` of a certificate that was verified, as Node writes it
 */
export function isIdentityOf(service: string, names: string): boolean {
  return new RegExp(`(^|, )DNS:[^,]+\\.${service}\\.tidepool(,|$)`).test(names);
}

/** @param names as above; undefined where they name no process */
export function identityIn(names: string): { id: string; service: string } | undefined {
  const [, , id, service] = /(^|, )DNS:([^,]+)\.([a-z]+)\.tidepool(?:,|$)/.exec(names) ?? [];
  return id === undefined || service === undefined ? undefined : { id, service };
}
