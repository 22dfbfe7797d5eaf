/**
 * One call of a caller who is known: what it asks gets its tenant's names, as they are kept; what it is told gets
 * them as the tenant knows them, and of lists only its own. Past this, names of tenants never meet.
 */
import { TidepoolError, given } from "@tidepool/common";
import { subjects } from "@tidepool/proto";
import { nameMaxLength } from "../limits.ts";
import { changeAt } from "./paths.ts";
import type { Role } from "./roles.ts";
import type { Rule } from "./rules.ts";

/** Who calls, as its token says. */
export interface Caller {
  readonly tenant: string;
  readonly role: Role;
  /** Aborts when its token is revoked. */
  readonly revoked: AbortSignal;
  /** Absent: its token has no end. */
  readonly expiresAtMs?: number;
}

/** An admin of another tenant is one within it alone. */
export function isOperator({ tenant, role }: Pick<Caller, "tenant" | "role">): boolean {
  return role === "admin" && tenant === subjects.tenantDefault;
}

export class Visit {
  readonly caller: Caller;
  private readonly rule: Rule;
  private readonly prefix: string;
  readonly leave: () => void;

  constructor(caller: Caller, rule: Rule, leave: () => void) {
    this.caller = caller;
    this.rule = rule;
    this.prefix = subjects.prefixOf(caller.tenant);
    this.leave = leave;
  }

  /** @throws TidepoolError `invalid` for a name that could be another tenant's, and a subject that is */
  asked<Request>(request: Request): Request {
    const { tenant } = this.caller;
    this.checkSubjects(request);
    return this.rule.asks.reduce(
      (asked, path) => changeAt(asked, path, (name) => subjects.ownedBy(tenant, plain(name))),
      request,
    );
  }

  told<Answer>(answer: Answer): Answer {
    const own = this.rule.list === undefined ? answer : this.ownOf(answer, this.rule.list);
    if (this.prefix === "") return own;
    return this.rule.tells.reduce(
      (told, path) => changeAt(told, path, (name) => subjects.nameOf(name)),
      this.toldText(own),
    );
  }

  /** The text of what user code threw stays as it is. */
  toldOf(failure: unknown): unknown {
    if (this.prefix === "" || !(failure instanceof TidepoolError)) return failure;
    const { code, message, cause, details, thrown, component, reason, retryAfterMs } = failure;
    const isTheirs = code === "functionError";
    return new TidepoolError(code, isTheirs ? message : message.replaceAll(this.prefix, ""), {
      cause,
      details: changeAt(details, "requestId", (id) => subjects.nameOf(id)),
      ...given({ thrown, component, reason, retryAfterMs }),
    });
  }

  private ownOf<Answer>(answer: Answer, [field, name]: readonly [string, string]): Answer {
    const all = (answer as Record<string, readonly Record<string, string>[]>)[field] ?? [];
    const own = all.filter((each) => subjects.tenantOf(each[name] ?? "") === this.caller.tenant);
    return { ...answer, [field]: own };
  }

  /** Sentences name functions too. */
  private toldText<Answer>(answer: Answer): Answer {
    return changeAt(answer, "summary", (text) => text.replaceAll(this.prefix, ""));
  }

  /** NATS knows no tenants: each but the default one has the subjects that begin with its name. */
  private checkSubjects(request: unknown): void {
    const { tenant } = this.caller;
    if (this.prefix === "") return;
    for (const path of this.rule.subjects ?? []) {
      changeAt(request, path, (subject) => {
        if (subject.startsWith(`${tenant}.`)) return subject;
        throw new TidepoolError(
          "invalid",
          `subject '${subject.slice(0, 80)}' must begin with '${tenant}.', as all of this tenant's`,
        );
      });
    }
    const { stream } =
      (request as { settings?: { stream?: { filterSubject?: string } | null } | null }).settings ??
      {};
    if (stream && !stream.filterSubject) {
      throw new TidepoolError(
        "invalid",
        `a stream needs a filter that begins with '${tenant}.', as all of this tenant's subjects`,
      );
    }
  }
}

function plain(name: string): string {
  // Far above what any may have, and far below what stores and headers take.
  if (name.length > nameMaxLength) {
    throw new TidepoolError(
      "invalid",
      `'${name.slice(0, 80)}…' has ${name.length} characters, the limit of names and ids is ${nameMaxLength}`,
      { component: "client" },
    );
  }
  if (!name.includes("=")) return name;
  throw new TidepoolError(
    "invalid",
    `'${name.slice(0, 80)}' must have 1 to ${subjects.tokenLengthMax} letters, digits, '-' or '_'`,
  );
}
