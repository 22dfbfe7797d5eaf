/** The bucket of drained hosts: frontends write what operators say, each host reads its own entry. */
import { Kvm } from "@nats-io/kv";
import type { KV } from "@nats-io/kv";
import { subjects } from "@tidepool/proto";
import type { Bus } from "./bus.ts";
import { untilStored } from "./until-stored.ts";

export const hostsBytesMax = 8 * 1024 * 1024;

/** @throws TidepoolError `unavailable` when JetStream is away, off, or has no room */
export function ensureHostsBucket(bus: Bus): Promise<KV> {
  const { replicas } = bus;
  return untilStored(() =>
    new Kvm(bus.connection).create(subjects.buckets.hosts, {
      history: 1,
      max_bytes: hostsBytesMax,
      replicas,
      allow_direct: false,
    }),
  );
}
