/** Guest sessions that note which call runs in which VM, from its beginning until it is certain that it is over. */
import type { GuestSession, OpenGuestSession, SessionOptions } from "@tidepool/host-agent";

type Domain = GuestSession["domain"];

export class WatchedSessions {
  private readonly openSession: OpenGuestSession;
  private readonly running = new Set<string>();
  private readonly begun = new Map<string, number>();
  overlapCount = 0;

  constructor(openSession: OpenGuestSession) {
    this.openSession = openSession;
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
      this.begin(requestId);
      try {
        const result = await session.invoke(request, invokeOptions);
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

  private begin(requestId: string): void {
    if (this.running.has(requestId)) this.overlapCount += 1;
    this.running.add(requestId);
    this.begun.set(requestId, (this.begun.get(requestId) ?? 0) + 1);
  }
}
