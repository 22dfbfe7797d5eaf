/**
 * The door: says who calls, whether the role reaches so far, and whether there is room. A part of the room is kept
 * for operators, whom the calls of tenants could otherwise keep out.
 */
import type { Metadata } from "@grpc/grpc-js";
import { systemClock, TidepoolError } from "@tidepool/common";
import type { Clock } from "@tidepool/common";
import { subjects } from "@tidepool/proto";
import { adminCallsKept, callsAtOnceMax } from "../limits.ts";
import { isForAdmins, ruleOf } from "./rules.ts";
import type { Operation, Rule } from "./rules.ts";
import { TenantShares } from "./tenant-shares.ts";
import type { Tokens } from "./tokens.ts";
import { isOperator, Visit } from "./visit.ts";
import type { Caller } from "./visit.ts";

/** Without tokens whoever reaches the door is its operator. */
const anyone: Caller = {
  tenant: subjects.tenantDefault,
  role: "admin",
  revoked: new AbortController().signal,
};

export class Door {
  private readonly tokens: Pick<Tokens, "identify"> | undefined;
  private readonly roomMax: number;
  private readonly shares: TenantShares;
  private callCount = 0;

  /** @param tokens undefined: callers need none */
  constructor(
    tokens?: Pick<Tokens, "identify">,
    roomMax = callsAtOnceMax,
    clock: Clock = systemClock,
  ) {
    this.tokens = tokens;
    this.roomMax = roomMax;
    this.shares = new TenantShares(clock);
  }

  /** Who asks, before anything of what is asked is read. @throws TidepoolError `unauthenticated`, `forbidden` */
  knock(operation: Operation, metadata: Metadata): Caller {
    const caller = this.callerOf(metadata.get("authorization").map(String));
    const rule: Rule = ruleOf(operation);
    if (!rule.roles.includes(caller.role)) {
      throw new TidepoolError(
        "forbidden",
        `the token's role '${caller.role}' may not ask for ${operation}: that needs ${rule.roles.join(", ")}`,
        { component: "client", reason: "roleTooSmall" },
      );
    }
    if (rule.isForOperators === true && !isOperator(caller)) {
      throw new TidepoolError(
        "forbidden",
        `${operation} is for admins of the tenant '${subjects.tenantDefault}', the token is of '${caller.tenant}'`,
        { component: "client", reason: "roleTooSmall" },
      );
    }
    return caller;
  }

  /** @throws TidepoolError `unauthenticated`, `forbidden`, `noCapacity`, `throttled` */
  enter(operation: Operation, metadata: Metadata): Visit {
    const caller = this.knock(operation, metadata);
    const rule: Rule = ruleOf(operation);
    const isKept = isForAdmins(operation) && isOperator(caller);
    const max = isKept ? this.roomMax + adminCallsKept : this.roomMax;
    if (this.callCount >= max) {
      throw new TidepoolError(
        "noCapacity",
        `${this.callCount} calls are under way at this frontend, the limit is ${max}`,
        { component: "frontend", reason: "doorFull" },
      );
    }
    const leaveShare = this.shares.enter(caller, operation, rule);
    this.callCount += 1;
    return new Visit(caller, rule, () => {
      this.callCount -= 1;
      leaveShare();
    });
  }

  private callerOf(headers: readonly string[]): Caller {
    if (this.tokens === undefined) return anyone;
    const [header] = headers;
    if (header === undefined) {
      throw new TidepoolError(
        "unauthenticated",
        "a token is needed: the header 'authorization' with 'Bearer tp_…'",
        { component: "client", reason: "tokenMissing" },
      );
    }
    const text = /^bearer +(\S+)$/i.exec(header)?.[1] ?? "";
    const caller = this.tokens.identify(text);
    if (caller !== undefined && headers.length === 1) return caller;
    throw new TidepoolError("unauthenticated", "the token is wrong, was revoked, or has expired", {
      component: "client",
      reason: "tokenInvalid",
    });
  }
}
