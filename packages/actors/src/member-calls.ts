/**
 * Calls among the members of a cluster, beside the bucket: each asks its witnesses whether they take it for alive, and
 * answers those who ask. What comes of it is in membership.ts.
 */
import { TidepoolError } from "@tidepool/common";
import { subjects, tidepool } from "@tidepool/proto";
import type { Bus, Stoppable } from "./bus.ts";
import type { Membership } from "./membership.ts";

const { Ack, VouchRequest } = tidepool.internal.v1;

export interface MemberCallsOptions {
  readonly bus: Bus;
  readonly memberId: string;
  readonly everyMs: number;
  readonly members: Membership;
  readonly isCalling: () => boolean;
  readonly onCalled: () => void;
  readonly onAnswered: (id: string, sentAtMs: number) => void;
}

export class MemberCalls {
  private readonly options: MemberCallsOptions;
  private timer: NodeJS.Timeout | undefined;
  private serving: Stoppable | undefined;

  constructor(options: MemberCallsOptions) {
    this.options = options;
  }

  start(): void {
    const { bus, memberId, members, everyMs, onCalled } = this.options;
    this.serving = bus.serve(
      "vouch",
      subjects.vouch(memberId),
      VouchRequest,
      Ack,
      ({ schedulerId = "" }) => {
        if (!members.called(schedulerId, performance.now())) {
          throw new TidepoolError("notFound", `scheduler ${schedulerId} is not known here`);
        }
        onCalled();
        return Promise.resolve(Ack.create({}));
      },
    );
    this.timer = setInterval(() => this.callAll(), everyMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.serving?.stop();
  }

  private callAll(): void {
    if (!this.options.isCalling()) return;
    for (const id of this.options.members.witnessIds()) void this.call(id);
  }

  private async call(id: string): Promise<void> {
    const { bus, memberId, everyMs, onAnswered } = this.options;
    const sentAtMs = performance.now();
    const message = VouchRequest.create({ schedulerId: memberId });
    const request = { codec: VouchRequest, message };
    try {
      // Longer than to the next call: what counts is when it was sent.
      await bus.request("vouch", subjects.vouch(id), request, Ack, { timeoutMs: 2 * everyMs });
    } catch {
      return; // silence, which is what it is taken for
    }
    onAnswered(id, sentAtMs);
  }
}
