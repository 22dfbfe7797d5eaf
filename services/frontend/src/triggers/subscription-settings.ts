/** What an owner may decide about a subscription; Tidepool's own messages are nobody's trigger. */
import { TidepoolError } from "@tidepool/common";
import type { tidepool } from "@tidepool/proto";
import { subjectMaxLength } from "./limits.ts";
import { descriptionProblems, targetProblems } from "./schedule-settings.ts";
import { sourceFromWire } from "./subscription-record.ts";
import type { Source, StoredSubscription } from "./subscription-record.ts";

export type SubscriptionSettings = Omit<StoredSubscription, "name" | "createdAtMs" | "updatedAtMs">;

/** @throws TidepoolError `invalid`, naming everything that is wrong */
export function parseSubscriptionSettings(
  given: tidepool.v1.SubscriptionSettings.$Properties | null | undefined,
): SubscriptionSettings {
  const settings = given ?? {};
  const source = sourceFromWire(settings);
  const problems = [
    ...targetProblems(settings.functionName, settings.qualifier),
    ...descriptionProblems(settings.description),
    ...(source === undefined ? ["one of subject and stream says what is listened to"] : []),
    ...(source === undefined ? [] : sourceProblems(source)),
  ];
  if (problems.length > 0 || source === undefined) {
    throw new TidepoolError("invalid", problems.join("; "));
  }
  return {
    functionName: settings.functionName ?? "",
    qualifier: settings.qualifier ?? "",
    source,
    isPaused: settings.isPaused ?? false,
    description: settings.description ?? "",
  };
}

function sourceProblems(source: Source): string[] {
  if (source.kind === "subject") return subjectProblems(source.subject);
  const { stream, filterSubject } = source;
  return [
    ...streamProblems(stream),
    ...(filterSubject === "" ? [] : subjectProblems(filterSubject)),
  ];
}

function subjectProblems(subject: string): string[] {
  const told = `subject '${subject.slice(0, 80)}'`;
  const tokens = subject.split(".");
  const isSubject =
    subject.length <= subjectMaxLength &&
    tokens.every(
      (token, index) =>
        token === "*" ||
        (token === ">" && index === tokens.length - 1) ||
        /^[^\s*>\p{Cc}]+$/u.test(token),
    );
  if (!isSubject) {
    return [
      `${told} must be tokens between dots, * and a last > among them, at most ${subjectMaxLength} characters`,
    ];
  }
  const [first = ""] = tokens;
  if (first === "*" || first === ">") {
    return [
      `${told} must begin with a token of its own: Tidepool's and NATS's subjects match it too`,
    ];
  }
  return first === "tidepool" || /^[$_]/.test(first)
    ? [`${told} is of those that Tidepool and NATS keep for themselves: tidepool., $ and _`]
    : [];
}

function streamProblems(stream: string): string[] {
  const told = `stream '${stream.slice(0, 80)}'`;
  if (!/^[^\s.*>/\\\p{Cc}]{1,255}$/u.test(stream)) return [`${told} is no name of a stream`];
  return /^(TIDEPOOL_|(KV|OBJ)_tidepool_)/i.test(stream) ? [`${told} is Tidepool's own`] : [];
}
