/**
 * What each process may say and hear on NATS: its user is the name in its certificate. A process that was
 * taken over can do what its service does and no more: a host can speak for itself alone, a scheduler cannot
 * change functions, a frontend cannot order VMs. Subjects are those of docs/subjects.md.
 */
import { identityOf } from "@tidepool/common";
import { subjects } from "@tidepool/proto";
import type { Member } from "./cert-folder.ts";

export interface Permissions {
  readonly publish: Rules;
  readonly subscribe: Rules;
  /** Whether it may answer who asked it, once for each question. */
  readonly answers: boolean;
}

export interface Rules {
  readonly allow: readonly string[];
  readonly deny?: readonly string[];
}

const { streams, buckets, codeBucket } = subjects;
/** Replies to one process. */
const inboxes = (member: Pick<Member, "service" | "id">): string =>
  `${subjects.inboxesOf(member)}.>`;
const kv = (bucket: string): string => `KV_${bucket}`;
const writes = (bucket: string): string => `$KV.${bucket}.>`;

/** To find what is kept and read it: looked at, read by consumers that end by themselves. */
function reads(...names: readonly string[]): readonly string[] {
  return names.flatMap((name) => [
    `$JS.API.STREAM.INFO.${name}`,
    `$JS.API.STREAM.MSG.GET.${name}`,
    `$JS.API.DIRECT.GET.${name}`,
    `$JS.API.DIRECT.GET.${name}.>`,
    `$JS.API.CONSUMER.CREATE.${name}`,
    `$JS.API.CONSUMER.CREATE.${name}.>`,
    `$JS.API.CONSUMER.INFO.${name}.>`,
    `$JS.API.CONSUMER.DELETE.${name}.>`,
    `$JS.API.CONSUMER.MSG.NEXT.${name}.>`,
    `$JS.ACK.${name}.>`,
    `$JS.FC.${name}.>`,
  ]);
}

const everyStream = [
  ...Object.values(streams),
  ...Object.values(buckets).map(kv),
  `OBJ_${codeBucket}`,
];
/** A service looks at its start whether all is there. */
const looks = ["$JS.API.INFO", ...everyStream.map((name) => `$JS.API.STREAM.INFO.${name}`)];
const makes = everyStream.flatMap((name) => [
  `$JS.API.STREAM.CREATE.${name}`,
  `$JS.API.STREAM.UPDATE.${name}`,
]);

type Process = Pick<Member, "service" | "id">;

/** @param all of the cluster: what is a frontend's is what belongs to none of the others */
export function permissionsOf({ service, id }: Process, all: readonly Process[]): Permissions {
  switch (service) {
    case "host":
      return hostPermissions(id);
    case "scheduler":
      return schedulerPermissions(id);
    case "frontend":
      return frontendPermissions(all);
    case "client":
      return { publish: { allow: [">"] }, subscribe: { allow: [">"] }, answers: false };
    case "nats":
      return { publish: { allow: [] }, subscribe: { allow: [] }, answers: false };
  }
}

const hostBuckets = [buckets.functions, buckets.secrets, buckets.hosts];

function hostPermissions(id: string): Permissions {
  return {
    publish: {
      allow: [
        ...looks,
        ...reads(...hostBuckets.map(kv), `OBJ_${codeBucket}`),
        subjects.hostHeartbeat(id),
        subjects.vmFact(id),
        subjects.allFunctionLogs,
        subjects.allUsage,
      ],
    },
    answers: true,
    subscribe: {
      allow: [
        subjects.assignVm(id),
        subjects.keepVms(id),
        subjects.endStream(id),
        subjects.warmingTargets,
        `$JS.FC.>`,
        inboxes({ service: "host", id }),
      ],
    },
  };
}

const schedulerBuckets = [
  buckets.functions,
  buckets.versions,
  buckets.tenants,
  buckets.hosts,
  buckets.schedules,
  buckets.scheduleProgress,
  buckets.leases,
  buckets.snapshots,
];

const schedulerPermissions = (id: string): Permissions => ({
  answers: true,
  publish: {
    allow: [
      ...looks,
      ...makes,
      ...reads(streams.arrivals, streams.facts, ...schedulerBuckets.map(kv)),
      writes(buckets.leases),
      writes(buckets.snapshots),
      writes(buckets.scheduleProgress),
      "tidepool.v1.host.*.assign",
      "tidepool.v1.host.*.keep",
      subjects.allShardDemand,
      subjects.warmingTargets,
      "tidepool.v1.call.*.expectation",
      subjects.acceptCall,
      subjects.allVouches,
    ],
  },
  subscribe: {
    allow: [
      "tidepool.v1.shard.>",
      subjects.allVouches,
      subjects.allHostHeartbeats,
      subjects.allVmFacts,
      `$JS.FC.>`,
      inboxes({ service: "scheduler", id }),
    ],
  },
});

/** Frontends remove what they have put there. */
const emptiedByFrontends: readonly string[] = [
  streams.work,
  streams.payloads,
  streams.deadLetters,
  `OBJ_${codeBucket}`,
];
/** Of schedulers and hosts alone. */
const schedulerStreams = [
  streams.arrivals,
  streams.facts,
  ...[buckets.leases, buckets.snapshots, buckets.scheduleProgress].map(kv),
];

/** What an operator does to JetStream as a whole, or to a stream's copies. */
const operatorsApi = [
  "$SYS.>",
  "$JS.API.META.>",
  "$JS.API.SERVER.>",
  "$JS.API.ACCOUNT.>",
  "$JS.API.STREAM.DELETE.>",
  "$JS.API.STREAM.MSG.DELETE.>",
  "$JS.API.STREAM.SNAPSHOT.>",
  "$JS.API.STREAM.RESTORE.>",
  "$JS.API.STREAM.PEER.REMOVE.>",
  "$JS.API.STREAM.LEADER.STEPDOWN.>",
  "$JS.API.CONSUMER.LEADER.STEPDOWN.>",
];

/** Owners name subjects of their own as destinations and sources: a frontend may use all that are not ours to keep. */
const frontendPermissions = (all: readonly Process[]): Permissions => ({
  answers: false,
  publish: {
    allow: [">"],
    deny: [
      ...operatorsApi,
      ...everyStream
        .filter((name) => !emptiedByFrontends.includes(name))
        .map((name) => `$JS.API.STREAM.PURGE.${name}`),
      ...schedulerStreams.map((name) => `$JS.API.STREAM.UPDATE.${name}`),
      writes(buckets.leases),
      writes(buckets.snapshots),
      writes(buckets.scheduleProgress),
      "tidepool.v1.host.>",
      subjects.allVmFacts,
      subjects.allShardDemand,
      subjects.warmingTargets,
      "tidepool.v1.call.*.expectation",
      subjects.allVouches,
    ],
  },
  subscribe: {
    allow: [">"],
    deny: [
      "$SYS.>",
      "tidepool.v1.host.*.assign",
      "tidepool.v1.host.*.keep",
      "tidepool.v1.stream.*.end",
      subjects.allVouches,
      "_INBOX.host.>",
      "_INBOX.scheduler.>",
      "_INBOX.client.>",
      ...all.flatMap(heardByItAlone),
    ],
  },
});

/**
 * Word by word, beside the rules with wildcards: nats-server holds a subscription with wildcards to what is refused
 * only where the whole of a refused rule lies within it, and `_INBOX.*.h-1.>` has not the whole of `_INBOX.host.>`.
 */
function heardByItAlone(member: Process): readonly string[] {
  if (member.service === "frontend" || member.service === "nats") return [];
  const inbox = subjects.inboxesOf(member);
  const own = [`${inbox}.>`, `${inbox}.*`, `${inbox}.*.*`];
  if (member.service !== "host") return own;
  const { assignVm, keepVms, endStream } = subjects;
  return [...own, assignVm(member.id), keepVms(member.id), endStream(member.id)];
}

/** The block `authorization` of nats-server's configuration. */
export function authorizationBlock(members: readonly Member[]): readonly string[] {
  const users = members
    .filter(({ service }) => service !== "nats")
    .flatMap((member) => {
      const { publish, subscribe, answers } = permissionsOf(member, members);
      return [
        `    {`,
        `      user: ${JSON.stringify(identityOf(member))}`,
        `      permissions: {`,
        ...rules("publish", publish),
        ...rules("subscribe", subscribe),
        ...(answers ? ["        allow_responses: true"] : []),
        `      }`,
        `    }`,
      ];
    });
  return [`authorization {`, `  users: [`, ...users, `  ]`, `}`];
}

function rules(what: string, { allow, deny = [] }: Rules): readonly string[] {
  const list = (given: readonly string[]): string =>
    `[${given.map((each) => JSON.stringify(each)).join(", ")}]`;
  const refused = deny.length === 0 ? "" : `, deny: ${list(deny)}`;
  return [`        ${what}: { allow: ${list(allow)}${refused} }`];
}
