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

describe("NATS users of hosts and schedulers", () => {
  for (const member of members) {
    const inboxOf = (of: Pick<Member, "service" | "id">): string =>
      `${subjects.inboxesOf(of)}.reply`;
    const mayHear = (subject: string): boolean =>
      permissionsOf(member).subscribe.allow.some((rule) => covers(rule, subject));
    const maySay = (subject: string): boolean =>
      permissionsOf(member).publish.allow.some((rule) => covers(rule, subject));

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
