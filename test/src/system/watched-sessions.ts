/** Guest sessions that note which call runs in which VM, from its beginning until it is certain that it is over. */
import type { GuestSession, OpenGuestSession, SessionOptions } from "@tidepool/host-agent";

type Domain = GuestSession["domain"];
type Request = Parameters<GuestSession["invoke"]>[0];

export class WatchedSessions {
  private readonly openSession: OpenGuestSession;
  private readonly again: (request: Request) => Request;
  private readonly running = new Set<string>();
  private readonly begun = new Map<string, number>();
  overlapCount = 0;

  /** @param again what is run instead when a call is begun once more */
  constructor(openSession: OpenGuestSession, again: (request: Request) => Request) {
    this.openSession = openSession;
    this.again = again;
  }

  /** Calls that were begun at least once. */
  get callCount(): number {
    return this.begun.size;
  }

  /** Calls that were begun more than once. */
  get repeatedCount(): number {
    return [...this.begun.values()].filter((count) => count > 1).length;
  }

  open(domain: Domain, options?: SessionOptions): GuestSession {
    const session = this.openSession(domain, options);
    const invoke: GuestSession["invoke"] = async (request, invokeOptions) => {
      const { requestId } = request;
      const isAgain = this.begin(requestId);
      try {
        const what = isAgain ? this.again(request) : request;
        const result = await session.invoke(what, invokeOptions);
        this.running.delete(requestId);
        return result;
      } catch (error) {
        // The guest may go on with a call that nobody waits for, until its VM has gone.
        const isOver = invokeOptions?.signal?.aborted !== true;
        if (isOver) this.running.delete(requestId);
        else void domain.exited.then(() => this.running.delete(requestId));
        throw error;
      }
    };
    return new Proxy(session, {
      get(target, property) {
        if (property === "invoke") return invoke;
        const value: unknown = Reflect.get(target, property, target);
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
  }

  /** @returns whether it had been begun before */
  private begin(requestId: string): boolean {
    if (this.running.has(requestId)) this.overlapCount += 1;
    this.running.add(requestId);
    const times = (this.begun.get(requestId) ?? 0) + 1;
    this.begun.set(requestId, times);
    return times > 1;
  }
}
