/**
 * The one error class. The code decides behaviour (gRPC status, retry), the message is for people and
 * names the thing and the limit. `docs/errors.md` has a row per code; a test compares the two.
 */
import { given } from "./given.ts";

/**
 * Append only: codes are on the wire. `retryable` means "the same call may succeed later"; `grpc` and `http`
 * are the statuses that it has there.
 */
export const codes = {
  invalid: { grpc: 3, http: 400, retryable: false },
  notFound: { grpc: 5, http: 404, retryable: false },
  alreadyExists: { grpc: 6, http: 409, retryable: false },
  tooLarge: { grpc: 8, http: 413, retryable: false },
  noCapacity: { grpc: 8, http: 503, retryable: true },
  wrongPhase: { grpc: 9, http: 409, retryable: false },
  stale: { grpc: 10, http: 409, retryable: true },
  unavailable: { grpc: 14, http: 503, retryable: true },
  internal: { grpc: 13, http: 500, retryable: false },
  cancelled: { grpc: 1, http: 499, retryable: false },
  /** The caller's or the function's time limit passed. */
  timeout: { grpc: 4, http: 504, retryable: false },
  /** The function threw, or its module could not be loaded. */
  functionError: { grpc: 2, http: 502, retryable: false },
  /** The function used more memory than its limit. */
  memoryLimit: { grpc: 8, http: 502, retryable: false },
  /** The function printed or answered more than its limit. */
  outputLimit: { grpc: 8, http: 502, retryable: false },
  /** The runtime process or the VM ended in the middle of an invocation. */
  guestCrash: { grpc: 13, http: 502, retryable: false },
  /** A limit on calls at once or on calls a second; nothing was run. */
  throttled: { grpc: 8, http: 429, retryable: true },
  /** No token, or none that holds. */
  unauthenticated: { grpc: 16, http: 401, retryable: false },
  /** The token's role does not reach so far. */
  forbidden: { grpc: 7, http: 403, retryable: false },
} as const;

/** Who failed, from the caller's point of view. */
export type Component = "client" | "frontend" | "scheduler" | "host" | "guest" | "function";

export type Code = keyof typeof codes;

/** An error as data: on the wire, in a machine's context, in the store. */
export interface Failure {
  readonly code: Code;
  readonly message: string;
  /** Present for `functionError`: what user code threw. */
  readonly thrown?: { readonly name: string; readonly message: string; readonly stack: string };
  readonly reason?: string;
  readonly component?: Component;
  readonly retryAfterMs?: number;
}

export class TidepoolError extends Error {
  override readonly name = "TidepoolError";
  readonly code: Code;
  /** For logs; never sent. */
  readonly details: Readonly<Record<string, unknown>>;
  readonly thrown: Failure["thrown"];
  /** Who failed, when the error comes from elsewhere. */
  readonly component: Component | undefined;
  /** One word for what went wrong within the component; listed in docs/errors.md. */
  readonly reason: string | undefined;
  /** Not worth trying before so long. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: Code,
    message: string,
    options: {
      cause?: unknown;
      details?: Record<string, unknown>;
      thrown?: Failure["thrown"];
      component?: Component;
      reason?: string;
      retryAfterMs?: number;
    } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
    this.thrown = options.thrown;
    this.component = options.component;
    this.reason = options.reason;
    this.retryAfterMs = options.retryAfterMs;
  }

  get retryable(): boolean {
    return codes[this.code].retryable;
  }

  toFailure(): Failure {
    const { code, message, thrown, reason, component, retryAfterMs } = this;
    return {
      code,
      message,
      ...given({ thrown, reason, component, retryAfterMs }),
    };
  }

  static fromFailure(failure: Failure): TidepoolError {
    const { code, message, ...rest } = failure;
    return new TidepoolError(code, message, rest);
  }

  /** Wraps whatever was thrown; keeps a TidepoolError as it is. */
  static from(thrown: unknown, code: Code = "internal"): TidepoolError {
    if (thrown instanceof TidepoolError) return thrown;
    return new TidepoolError(code, messageOf(thrown), { cause: thrown });
  }
}

/** The text of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** For our own bugs: a broken invariant, never a broken world. */
export function assert(claim: unknown, what: string): asserts claim {
  if (!claim) throw new Error(`assertion failed: ${what}`);
}

export function isCode(text: string): text is Code {
  return Object.hasOwn(codes, text);
}
