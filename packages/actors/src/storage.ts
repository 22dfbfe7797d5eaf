/**
 * What Tidepool keeps in JetStream: streams, key-value buckets and the store of code. Every
 * service ensures all of it at its start, so the order in which services start does not matter. Everything
 * is bounded; a full stream drops its oldest messages, a full bucket refuses the write. Buckets are read at
 * their leader, never at a copy: what was written is read.
 */
import {
  DiscardPolicy,
  RetentionPolicy,
  StorageType,
  jetstream,
  jetstreamManager,
} from "@nats-io/jetstream";
import type { JetStreamClient, JetStreamManager } from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import type { KV } from "@nats-io/kv";
import { nanos } from "@nats-io/nats-core";
import { Objm } from "@nats-io/obj";
import type { ObjectStore } from "@nats-io/obj";
import { subjects } from "@tidepool/proto";
import type { Bus } from "./bus.ts";
import { ensureConfig, ensureStream } from "./ensure-stream.ts";
import type { WantedStream } from "./ensure-stream.ts";
import { untilStored } from "./until-stored.ts";
import { logsKeptHoursDefault, logsMaxMibDefault } from "./bus-settings.ts";

export interface Storage {
  readonly client: JetStreamClient;
  readonly manager: JetStreamManager;
  /** Function name → FunctionRecord. */
  readonly functions: KV;
  /** "name.version" → VersionRecord. */
  readonly versions: KV;
  /** Secret's name → SecretRecord. */
  readonly secrets: KV;
  /** Tenant name → TenantRecord. */
  readonly tenants: KV;
  /** Host id → HostRecord, while it is drained. */
  readonly hosts: KV;
  /** Token's id → TokenRecord. */
  readonly tokens: KV;
  /** Schedule name → ScheduleRecord. */
  readonly schedules: KV;
  /** Schedule name → ScheduleProgress. */
  readonly scheduleProgress: KV;
  /** Subscription name → SubscriptionRecord. */
  readonly subscriptions: KV;
  /** "shard.N" → ShardLease, "member.ID" → Member. */
  readonly leases: KV;
  /** "shard.N" → a shard's snapshot. */
  readonly snapshots: KV;
  /** Digest (64 hex digits of SHA-256) → zip. */
  readonly code: ObjectStore;
}

const mib = 1024 * 1024;
const hourMs = 3_600_000;

/** Oldest arrival that a shard can replay; snapshots are far younger. */
export const arrivalsAgeMaxMs = 24 * hourMs;
export const arrivalsBytesMax = 256 * mib;
/** A message published again with its id within this time is stored once. */
export const arrivalsDuplicateWindowMs = 120_000;
export const factsAgeMaxMs = hourMs;
export const factsBytesMax = 64 * mib;
export const logsAgeMaxMs = logsKeptHoursDefault * hourMs;
export const logsBytesMax = logsMaxMibDefault * mib;
/** A batch of log lines, or a record of usage, that is published again within this time is stored once. */
export const duplicateWindowMs = 120_000;
export const usageAgeMaxMs = 31 * 24 * hourMs;
export const usageBytesMax = 256 * mib;
/** How long a call can be explained. */
export const callsAgeMaxMs = 24 * hourMs;
export const callsBytesMax = 128 * mib;
export const functionsBytesMax = 64 * mib;
export const versionsBytesMax = 256 * mib;
export const secretsBytesMax = 64 * mib;
export const tenantsBytesMax = 8 * mib;
export const hostsBytesMax = 8 * mib;
export const tokensBytesMax = 16 * mib;
export const schedulesBytesMax = 64 * mib;
export const scheduleProgressBytesMax = 16 * mib;
export const subscriptionsBytesMax = 16 * mib;
export const leasesBytesMax = 8 * mib;
/** Two snapshots of a million functions. */
export const snapshotsBytesMax = 1024 * mib;
export const codeStoreBytesMax = 2048 * mib;

/**
 * @param replicas of what is not there yet; what has fewer gets as many
 * @throws TidepoolError `unavailable` when JetStream is away, off, or has no room
 */
export function ensureStorage(bus: Bus, replicas = bus.replicas): Promise<Storage> {
  return untilStored(async () => {
    const manager = await jetstreamManager(bus.connection);
    const buckets = new Kvm(bus.connection);
    const bucket = async (name: string, bytesMax: number): Promise<KV> => {
      const options = { history: 1, max_bytes: bytesMax, replicas, allow_direct: false };
      const made = await buckets.create(name, options);
      await ensureConfig(manager, {
        name: `KV_${name}`,
        max_bytes: bytesMax,
        num_replicas: replicas,
      });
      return made;
    };
    const codeStore = async (): Promise<ObjectStore> => {
      const max = { max_bytes: codeStoreBytesMax };
      const options = { storage: StorageType.File, ...max, replicas };
      const made = await new Objm(bus.connection).create(subjects.codeBucket, options);
      await ensureConfig(manager, {
        name: `OBJ_${subjects.codeBucket}`,
        ...max,
        num_replicas: replicas,
      });
      return made;
    };
    const [
      functions,
      versions,
      secrets,
      tenants,
      hosts,
      tokens,
      schedules,
      scheduleProgress,
      subscriptions,
      leases,
      snapshots,
      code,
    ] = await Promise.all([
      bucket(subjects.buckets.functions, functionsBytesMax),
      bucket(subjects.buckets.versions, versionsBytesMax),
      bucket(subjects.buckets.secrets, secretsBytesMax),
      bucket(subjects.buckets.tenants, tenantsBytesMax),
      bucket(subjects.buckets.hosts, hostsBytesMax),
      bucket(subjects.buckets.tokens, tokensBytesMax),
      bucket(subjects.buckets.schedules, schedulesBytesMax),
      bucket(subjects.buckets.scheduleProgress, scheduleProgressBytesMax),
      bucket(subjects.buckets.subscriptions, subscriptionsBytesMax),
      bucket(subjects.buckets.leases, leasesBytesMax),
      bucket(subjects.buckets.snapshots, snapshotsBytesMax),
      codeStore(),
      ...streamsOf(bus).map((stream) => ensureStream(manager, configOf(stream, replicas))),
    ]);
    return {
      client: jetstream(bus.connection),
      manager,
      functions,
      versions,
      secrets,
      tenants,
      hosts,
      tokens,
      schedules,
      scheduleProgress,
      subscriptions,
      leases,
      snapshots,
      code,
    };
  });
}

interface StreamBounds {
  readonly name: string;
  readonly subject: string;
  readonly ageMaxMs: number;
  readonly bytesMax: number;
  readonly duplicateWindowMs?: number;
  /** Kept of each subject, the newest; all when absent. */
  readonly perSubjectMax?: number;
}

const streams: readonly StreamBounds[] = [
  {
    name: subjects.streams.arrivals,
    subject: subjects.allArrivals,
    ageMaxMs: arrivalsAgeMaxMs,
    bytesMax: arrivalsBytesMax,
    duplicateWindowMs: arrivalsDuplicateWindowMs,
  },
  {
    name: subjects.streams.facts,
    subject: subjects.allVmFacts,
    ageMaxMs: factsAgeMaxMs,
    bytesMax: factsBytesMax,
  },
  {
    name: subjects.streams.logs,
    subject: subjects.allFunctionLogs,
    ageMaxMs: logsAgeMaxMs,
    bytesMax: logsBytesMax,
    duplicateWindowMs,
  },
  {
    name: subjects.streams.usage,
    subject: subjects.allUsage,
    ageMaxMs: usageAgeMaxMs,
    bytesMax: usageBytesMax,
    duplicateWindowMs,
  },
  {
    name: subjects.streams.calls,
    subject: subjects.allCallRecords,
    ageMaxMs: callsAgeMaxMs,
    bytesMax: callsBytesMax,
    perSubjectMax: 1,
  },
];

/** As the system's operator wants them. */
function streamsOf({ logsKeptMs, logsBytesMax: bytesMax }: Bus): readonly StreamBounds[] {
  return streams.map((stream) => {
    if (stream.name !== subjects.streams.logs) return stream;
    const { ageMaxMs, bytesMax: usual } = stream;
    return { ...stream, ageMaxMs: logsKeptMs ?? ageMaxMs, bytesMax: bytesMax ?? usual };
  });
}

function configOf(stream: StreamBounds, replicas: number): WantedStream {
  return {
    name: stream.name,
    subjects: [stream.subject],
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    max_age: nanos(stream.ageMaxMs),
    max_bytes: stream.bytesMax,
    num_replicas: replicas,
    ...(stream.perSubjectMax === undefined ? {} : { max_msgs_per_subject: stream.perSubjectMax }),
    ...(stream.duplicateWindowMs === undefined
      ? {}
      : { duplicate_window: nanos(stream.duplicateWindowMs) }),
  };
}
