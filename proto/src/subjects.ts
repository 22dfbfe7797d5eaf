/**
 * Every subject, stream, bucket and header that Tidepool uses on NATS; grammar in docs/subjects.md.
 * A token is checked, so an id can never hold ".", "*" or ">" and reach a foreign subject.
 */

/** Shards in a cluster: fixed for its life, since functions hash to them. */
export const shardCountDefault = 64;

/** Longest name or id, characters; one of a tenant has the tenant's before it. */
export const tokenLengthMax = 64;
/** Longest name of a tenant, characters. */
export const tenantLengthMax = 32;
/** Whose all is that has no tenant's name before it. */
export const tenantDefault = "default";

const namePattern = /^[A-Za-z0-9_-]{1,64}$/;
const tenantPattern = /^[a-z][a-z0-9-]{0,31}$/;
const tenantMark = "=";

/** What callers may give as a name or an id. */
export function isName(text: string): boolean {
  return namePattern.test(text);
}

export function isTenant(text: string): boolean {
  return tenantPattern.test(text);
}

/** A name or an id as it is kept: "name" of the tenant "default", "tenant=name" of any other. */
export function isToken(text: string): boolean {
  const mark = text.indexOf(tenantMark);
  return mark < 0 ? isName(text) : isTenant(text.slice(0, mark)) && isName(text.slice(mark + 1));
}

/** The tenant's own name as it is kept; one that has a tenant already stays as it is. */
export function ownedBy(tenant: string, name: string): string {
  return tenant === tenantDefault || name.includes(tenantMark)
    ? name
    : `${tenant}${tenantMark}${name}`;
}

export function tenantOf(kept: string): string {
  const mark = kept.indexOf(tenantMark);
  return mark < 0 ? tenantDefault : kept.slice(0, mark);
}

/** As its tenant knows it. */
export function nameOf(kept: string): string {
  return kept.slice(kept.indexOf(tenantMark) + 1);
}

/** What the names of a tenant begin with where they are kept; "" for the tenant "default". */
export function prefixOf(tenant: string): string {
  return tenant === tenantDefault ? "" : `${tenant}${tenantMark}`;
}

function token(text: string | number): string {
  const value = String(text);
  if (!isToken(value)) throw new Error(`'${value}' cannot stand in a subject`);
  return value;
}

const root = "tidepool.v1";

/** What the inboxes of a process begin with, to which others answer it; where each is a NATS user of its own. */
export const inboxesOf = ({ service, id }: { service: string; id: string }): string =>
  `_INBOX.${service}.${id}`;

/** tidepool.v1.shard.{shard}.acquire — AcquireRequest → AcquireReply */
export const acquireVm = (shard: number): string => `${root}.shard.${token(shard)}.acquire`;
/** tidepool.v1.shard.{shard}.forecast — ForecastRequest → tidepool.v1.GetForecastResponse */
export const getForecast = (shard: number): string => `${root}.shard.${token(shard)}.forecast`;
/** tidepool.v1.shard.{shard}.demand — event ShardDemand */
export const shardDemand = (shard: number): string => `${root}.shard.${token(shard)}.demand`;
export const allShardDemand = `${root}.shard.*.demand`;

/** tidepool.v1.scheduler.{schedulerId}.vouch — VouchRequest → Ack */
export const vouch = (schedulerId: string): string =>
  `${root}.scheduler.${token(schedulerId)}.vouch`;
export const allVouches = `${root}.scheduler.*.vouch`;

/** tidepool.v1.arrivals.{shard} — ArrivalBatch, in stream ARRIVALS */
export const arrivals = (shard: number): string => `${root}.arrivals.${token(shard)}`;
export const allArrivals = `${root}.arrivals.*`;

/** tidepool.v1.host.{hostId}.assign — AssignRequest → AssignReply */
export const assignVm = (hostId: string): string => `${root}.host.${token(hostId)}.assign`;
/** tidepool.v1.host.{hostId}.keep — KeepRequest → Ack */
export const keepVms = (hostId: string): string => `${root}.host.${token(hostId)}.keep`;
/** tidepool.v1.stream.{hostId}.end — EndStreamRequest → EndStreamReply */
export const endStream = (hostId: string): string => `${root}.stream.${token(hostId)}.end`;
/** tidepool.v1.host.{hostId}.heartbeat — event HostHeartbeat */
export const hostHeartbeat = (hostId: string): string => `${root}.host.${token(hostId)}.heartbeat`;
export const allHostHeartbeats = `${root}.host.*.heartbeat`;

/** tidepool.v1.frontend.{frontendId}.counts — event CallCounts */
export const callCounts = (frontendId: string): string =>
  `${root}.frontend.${token(frontendId)}.counts`;
export const allCallCounts = `${root}.frontend.*.counts`;

/** tidepool.v1.accept — tidepool.v1.InvokeAsyncRequest → tidepool.v1.InvokeAsyncResponse, one frontend answers */
export const acceptCall = `${root}.accept`;

/** tidepool.v1.targets — event WarmingTargets */
export const warmingTargets = `${root}.targets`;

/** tidepool.v1.fact.{hostId} — VmFact, in stream FACTS */
export const vmFact = (hostId: string): string => `${root}.fact.${token(hostId)}`;
export const allVmFacts = `${root}.fact.*`;

/** tidepool.v1.log.{functionName} — LogBatch, in stream LOGS */
export const functionLog = (functionName: string): string => `${root}.log.${token(functionName)}`;
export const allFunctionLogs = `${root}.log.*`;

/** tidepool.v1.usage.{functionName} — tidepool.v1.UsageRecord, in stream USAGE */
export const usage = (functionName: string): string => `${root}.usage.${token(functionName)}`;
export const allUsage = `${root}.usage.*`;

/** tidepool.v1.call.{requestId}.outcome — tidepool.v1.CallOutcome, in stream CALLS */
export const callOutcome = (requestId: string): string =>
  `${root}.call.${token(requestId)}.outcome`;
/** tidepool.v1.call.{requestId}.expectation — tidepool.v1.CallExpectation, in stream CALLS */
export const callExpectation = (requestId: string): string =>
  `${root}.call.${token(requestId)}.expectation`;
export const allCallRecords = `${root}.call.*.*`;

/** tidepool.v1.work.{workShard}.{requestId} — Work, in stream WORK, until its call has ended */
export const work = (workShard: number, requestId: string): string =>
  `${root}.work.${token(workShard)}.${token(requestId)}`;
export const workOfShard = (workShard: number): string => `${root}.work.${token(workShard)}.*`;
export const allWork = `${root}.work.*.*`;

/** tidepool.v1.payload.{requestId}.{key}.{part} — bytes, in stream PAYLOADS */
export const payloadPart = (requestId: string, key: string, part: number): string =>
  `${root}.payload.${token(requestId)}.${token(key)}.${token(part)}`;
export const payloadParts = (requestId: string, key: string): string =>
  `${root}.payload.${token(requestId)}.${token(key)}.*`;
export const allPayloadParts = `${root}.payload.*.*.*`;

/** tidepool.v1.dead.{functionName}.{requestId}.{part} — part 0: DeadLetterRecord, then bytes; in stream DEAD_LETTERS */
export const deadLetterPart = (functionName: string, requestId: string, part: number): string =>
  `${root}.dead.${token(functionName)}.${token(requestId)}.${token(part)}`;
export const deadLetterParts = (functionName: string, requestId: string): string =>
  `${root}.dead.${token(functionName)}.${token(requestId)}.*`;
export const deadLettersOf = (functionName: string): string =>
  `${root}.dead.${token(functionName)}.*.0`;
export const deadLetterOf = (requestId: string): string => `${root}.dead.*.${token(requestId)}.0`;
export const allDeadLetters = `${root}.dead.*.*.0`;
export const allDeadLetterParts = `${root}.dead.*.*.*`;

/** tidepool.v1.invocation.cancelled — event tidepool.v1.CancelInvocationRequest */
export const invocationCancelled = `${root}.invocation.cancelled`;

export const streams = {
  arrivals: "TIDEPOOL_ARRIVALS",
  facts: "TIDEPOOL_FACTS",
  logs: "TIDEPOOL_LOGS",
  calls: "TIDEPOOL_CALLS",
  usage: "TIDEPOOL_USAGE",
  work: "TIDEPOOL_WORK",
  payloads: "TIDEPOOL_PAYLOADS",
  deadLetters: "TIDEPOOL_DEAD_LETTERS",
} as const;

export const buckets = {
  /** Function name → FunctionRecord. */
  functions: "tidepool_functions",
  /** "name.version" → VersionRecord. */
  versions: "tidepool_versions",
  /** "shard.N" → ShardLease, "member.ID" → Member. */
  leases: "tidepool_leases",
  /** "shard.N" → the shard's model snapshot. */
  snapshots: "tidepool_snapshots",
  /** Secret's name → SecretRecord. */
  secrets: "tidepool_secrets",
  /** Tenant name → TenantRecord. */
  tenants: "tidepool_tenants",
  /** Token's id → TokenRecord. */
  tokens: "tidepool_tokens",
  /** Host id → HostRecord, while it is drained. */
  hosts: "tidepool_hosts",
  /** Request id → AcceptedCall. */
  invocations: "tidepool_invocations",
  /** "function.SHA-256 of the key" → request id. */
  dedupe: "tidepool_dedupe",
  /** Schedule name → ScheduleRecord. */
  schedules: "tidepool_schedules",
  /** Schedule name → ScheduleProgress. */
  scheduleProgress: "tidepool_schedule_progress",
  /** Subscription name → SubscriptionRecord. */
  subscriptions: "tidepool_subscriptions",
} as const;

/** Object store of code, by digest (64 hex digits of SHA-256). */
export const codeBucket = "tidepool_code";

/** Header names: NATS compares them case-sensitively. */
export const natsHeaders = {
  /** When the sender stops waiting, milliseconds since 1970 UTC. */
  deadline: "tidepool-deadline",
  /** Set on a reply whose body is a Failure: its code. */
  failure: "tidepool-failure",
  /** On events to subjects of owners: destinations that led to it, so that a circle of them ends. */
  hops: "tidepool-hops",
} as const;

/** FNV-1a, 32 bit: the shard that owns a function. The same in every process and version. */
export function shardOf(functionName: string, shardCount: number = shardCountDefault): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(functionName)) {
    hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return hash % shardCount;
}
