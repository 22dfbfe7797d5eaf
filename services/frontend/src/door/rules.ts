/**
 * Who may ask what, and where names and ids stand in each request and answer. A name that stands in no path here
 * would leave its tenant: a test looks that every method has its rule, and asks each as another tenant.
 */
import type { Role } from "./roles.ts";

export interface Rule {
  readonly roles: readonly Role[];
  /** Paths of names and ids in the request: "*" stands for each of a list or a map. */
  readonly asks: readonly string[];
  /** The same in the answer, or in each of a stream. */
  readonly tells: readonly string[];
  /** Paths of NATS subjects in the request. */
  readonly subjects?: readonly string[];
  /** About all tenants or the hosts: only for admins of the tenant `default`, which is the operator's. */
  readonly isForOperators?: true;
  /** Goes on until its caller ends it. */
  readonly isOpenEnd?: true;
  /** The list in the answer of which only the tenant's own is told, and where it has the name. */
  readonly list?: readonly [field: string, name: string];
}

const readers: readonly Role[] = ["admin", "deployer", "viewer"];
const callers: readonly Role[] = ["admin", "deployer", "invoker"];
const everyone: readonly Role[] = ["admin", "deployer", "invoker", "viewer"];
const owners: readonly Role[] = ["admin", "deployer"];
const admins: readonly Role[] = ["admin"];

const settingsNames = ["secrets.*", "async.onSuccess.function", "async.onFailure.function"];
const settingsSubjects = ["async.onSuccess.subject", "async.onFailure.subject"];
const functionNames = ["name", ...under("settings", settingsNames)];
const functionSubjects = under("settings", settingsSubjects);
const versionNames = ["functionName", ...under("settings", settingsNames)];
const invocationNames = ["requestId", "functionName", "response.requestId", "failure.requestId"];
const triggerNames = ["name", "settings.functionName"];
const scheduleNames = [...triggerNames, "lastRequestId"];
const secretNames = ["name", "usedBy.*"];
const deadLetterAsk = ["functionName", "requestIds.*"];

function under(field: string, paths: readonly string[]): string[] {
  return paths.map((path) => `${field}.${path}`);
}

const nothing: readonly string[] = [];
const ofOperators = { roles: admins, asks: nothing, tells: nothing, isForOperators: true } as const;

export const rules = {
  CreateFunction: {
    roles: owners,
    asks: functionNames,
    tells: functionNames,
    subjects: functionSubjects,
  },
  CheckSettings: {
    roles: readers,
    asks: functionNames,
    tells: settingsNames,
    subjects: functionSubjects,
  },
  UpdateFunction: {
    roles: owners,
    asks: functionNames,
    tells: functionNames,
    subjects: functionSubjects,
  },
  GetFunction: { roles: readers, asks: ["name"], tells: functionNames },
  ListFunctions: {
    roles: readers,
    asks: nothing,
    tells: under("functions.*", functionNames),
    list: ["functions", "name"],
  },
  DeleteFunction: { roles: owners, asks: ["name"], tells: ["schedules.*", "subscriptions.*"] },
  UploadCode: {
    roles: owners,
    asks: ["name", ...under("start", functionNames)],
    tells: functionNames,
    subjects: under("start", functionSubjects),
  },
  ListVersions: { roles: readers, asks: ["name"], tells: under("versions.*", versionNames) },
  ActivateVersion: { roles: owners, asks: ["name"], tells: functionNames },
  PutAlias: { roles: owners, asks: ["functionName"], tells: nothing },
  ListAliases: { roles: readers, asks: ["functionName"], tells: nothing },
  DeleteAlias: { roles: owners, asks: ["functionName"], tells: nothing },
  PutSecret: { roles: owners, asks: ["name"], tells: secretNames },
  ListSecrets: {
    roles: readers,
    asks: nothing,
    tells: under("secrets.*", secretNames),
    list: ["secrets", "name"],
  },
  DeleteSecret: { roles: owners, asks: ["name"], tells: nothing },
  Invoke: { roles: callers, asks: ["name", "requestId"], tells: ["requestId"] },
  InvokeStream: {
    roles: callers,
    asks: ["name", "requestId"],
    tells: ["begin.requestId", "end.requestId"],
  },
  InvokeAsync: { roles: callers, asks: ["name", "requestId"], tells: ["requestId"] },
  GetInvocation: { roles: everyone, asks: ["requestId"], tells: invocationNames },
  CancelInvocation: { roles: callers, asks: ["requestId"], tells: invocationNames },
  ListDeadLetters: {
    roles: readers,
    asks: deadLetterAsk,
    tells: under("letters.*.invocation", invocationNames),
  },
  RedriveDeadLetters: { roles: owners, asks: deadLetterAsk, tells: ["requestIds.*"] },
  PurgeDeadLetters: { roles: owners, asks: deadLetterAsk, tells: nothing },
  PutSchedule: { roles: owners, asks: triggerNames, tells: scheduleNames },
  GetSchedule: { roles: readers, asks: ["name"], tells: scheduleNames },
  ListSchedules: {
    roles: readers,
    asks: ["functionName"],
    tells: under("schedules.*", scheduleNames),
    list: ["schedules", "name"],
  },
  DeleteSchedule: { roles: owners, asks: ["name"], tells: nothing },
  PutSubscription: {
    roles: owners,
    asks: triggerNames,
    tells: triggerNames,
    subjects: ["settings.subject", "settings.stream.filterSubject"],
  },
  ListSubscriptions: {
    roles: readers,
    asks: ["functionName"],
    tells: under("subscriptions.*", triggerNames),
    list: ["subscriptions", "name"],
  },
  DeleteSubscription: { roles: owners, asks: ["name"], tells: nothing },
  GetUsage: {
    roles: readers,
    asks: ["functionName"],
    tells: ["functionName"],
    isOpenEnd: true,
  },
  GetForecast: { roles: readers, asks: ["name"], tells: ["name"] },
  GetLogs: {
    roles: readers,
    asks: ["name", "requestId"],
    tells: ["requestId", "functionName"],
    isOpenEnd: true,
  },
  ExplainCall: {
    roles: everyone,
    asks: ["requestId"],
    tells: [
      "requestId",
      "functionName",
      ...under("outcome", ["requestId", "functionName", "underWay.*"]),
      ...under("expectation", ["requestId", "functionName"]),
    ],
  },
  GetTenant: { roles: readers, asks: nothing, tells: nothing },
  UpdateTenant: ofOperators,
  WatchPools: { ...ofOperators, isOpenEnd: true },
  ListHosts: ofOperators,
  DrainHost: ofOperators,
  UndrainHost: ofOperators,
  CreateToken: { roles: admins, asks: nothing, tells: nothing },
  ListTokens: { roles: admins, asks: nothing, tells: nothing },
  RevokeToken: { roles: admins, asks: nothing, tells: nothing },
} as const satisfies Record<string, Rule>;

export type Operation = keyof typeof rules;

export function ruleOf(operation: Operation): Rule {
  return rules[operation];
}

/** What operators need most when tenants' calls fill the door. */
export function isForAdmins(operation: Operation): boolean {
  return ruleOf(operation).roles.every((role) => role === "admin");
}
