/** What nats-server is told of each process. That it holds them to it is shown by test/src/cluster. */
import assert from "node:assert/strict";
import { subjects } from "@tidepool/proto";
import { authorizationBlock, permissionsOf } from "./nats-users.ts";
import type { Member } from "./cert-folder.ts";

const members = [
  { service: "host", id: "h-1" },
  { service: "host", id: "h-2" },
  { service: "scheduler", id: "s-1" },
  { service: "scheduler", id: "s-2" },
] as const satisfies readonly Pick<Member, "service" | "id">[];

/** As nats-server compares a subject with a rule. */
function covers(rule: string, subject: string): boolean {
  const [rules, tokens] = [rule.split("."), subject.split(".")];
  const end = rules.indexOf(">");
  if (end >= 0) rules.length = end;
  const isLong = end >= 0 ? tokens.length > end : tokens.length === rules.length;
  return isLong && rules.every((each, at) => each === "*" || each === tokens[at]);
}

/** As nats-server compares a rule with a subscription: whether all that the one covers is covered by the other. */
function lies(rule: string, within: string): boolean {
  const [rules, wanted] = [rule.split("."), within.split(".")];
  const end = wanted.indexOf(">");
  if (end < 0 && rules.length !== wanted.length) return false;
  if (end >= 0 && rules.length <= end) return false;
  return wanted
    .slice(0, end < 0 ? undefined : end)
    .every((each, at) => rules[at] !== ">" && (each === "*" || each === rules[at]));
}

describe("The NATS user of a frontend", () => {
  const frontend = { service: "frontend", id: "f-1" } as const;
  const { publish, subscribe } = permissionsOf(frontend, [...members, frontend]);
  const maySay = (subject: string): boolean =>
    publish.deny?.every((rule) => !covers(rule, subject)) === true;
  /** nats-server filters what a wildcard brings only where a refused rule lies within it. */
  const hearsAll = (subject: string): boolean =>
    subscribe.deny?.every((rule) => !covers(rule, subject) && !lies(rule, subject)) === true;

  it("may do nothing to JetStream that is an operator's, or empty what is a scheduler's", () => {
    const { leases, snapshots } = subjects.buckets;
    for (const subject of [
      "$JS.API.META.LEADER.STEPDOWN",
      "$JS.API.ACCOUNT.PURGE.tidepool",
      "$JS.API.STREAM.MSG.DELETE.KV_mine",
      `$JS.API.STREAM.PURGE.KV_${leases}`,
      `$JS.API.STREAM.PURGE.${subjects.streams.arrivals}`,
      `$JS.API.STREAM.UPDATE.KV_${snapshots}`,
      `$JS.API.STREAM.LEADER.STEPDOWN.KV_${leases}`,
    ])
      assert.equal(maySay(subject), false, subject);
    for (const subject of [
      "$JS.API.INFO",
      "$JS.API.STREAM.INFO.orders",
      "$JS.API.CONSUMER.CREATE.orders",
      `$JS.API.STREAM.PURGE.${subjects.streams.work}`,
      `$JS.API.STREAM.PURGE.OBJ_${subjects.codeBucket}`,
      `$KV.${subjects.buckets.functions}.f`,
      "shop.orders",
      `${subjects.inboxesOf({ service: "scheduler", id: "s-1" })}.reply`,
    ])
      assert.equal(maySay(subject), true, subject);
  });

  it("hears what is a host's or a scheduler's by no wildcard", () => {
    for (const subject of [
      ">",
      "_INBOX.>",
      "_INBOX.*.h-1.>",
      "_INBOX.*.s-1.*.*",
      "_INBOX.*.h-2.*",
      "*.*.h-1.>",
      "tidepool.v1.*.h-1.assign",
      "tidepool.v1.*.h-2.keep",
      "tidepool.*.stream.h-1.*",
    ])
      assert.equal(hearsAll(subject), false, subject);
    const own = `${subjects.inboxesOf(frontend)}.>`;
    for (const subject of [own, "shop.>", subjects.allHostHeartbeats]) {
      assert.equal(hearsAll(subject), true, subject);
    }
  });
});

describe("The NATS user of a scheduler", () => {
  it("reads no secrets and no tokens", () => {
    const { publish } = permissionsOf({ service: "scheduler", id: "s-1" }, members);
    for (const bucket of [subjects.buckets.secrets, subjects.buckets.tokens])
      for (const api of ["STREAM.MSG.GET", "DIRECT.GET", "CONSUMER.CREATE"])
        assert.ok(!publish.allow.some((rule) => covers(rule, `$JS.API.${api}.KV_${bucket}`)));
  });
});

describe("NATS users of hosts and schedulers", () => {
  for (const member of members) {
    const inboxOf = (of: Pick<Member, "service" | "id">): string =>
      `${subjects.inboxesOf(of)}.reply`;
    const mayHear = (subject: string): boolean =>
      permissionsOf(member, members).subscribe.allow.some((rule) => covers(rule, subject));
    const maySay = (subject: string): boolean =>
      permissionsOf(member, members).publish.allow.some((rule) => covers(rule, subject));

    it(`let ${member.service} ${member.id} hear its own inboxes, and no other's`, () => {
      const heard = [...members, { service: "frontend", id: "f-1" } as const].filter((of) =>
        mayHear(inboxOf(of)),
      );
      assert.deepEqual(heard, [member]);
      assert.equal(mayHear("_INBOX.reply"), false);
    });

    it(`let ${member.service} ${member.id} answer who asks, and nobody else`, () => {
      for (const of of members) assert.equal(maySay(inboxOf(of)), false);
      const block = authorizationBlock([{ ...member, addresses: [] }]).join("\n");
      assert.match(block, /allow_responses: true/);
    });
  }
});
