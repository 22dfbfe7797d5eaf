/** What the host-agent needs of the world beside a hypervisor: where code comes from, where its words go. */
import type { tidepool } from "@tidepool/proto";

export interface CodeSource {
  /**
   * The zip with this digest (64 hex digits), not yet verified.
   * @throws TidepoolError `notFound`, `unavailable`; `tooLarge` above maxBytes
   */
  fetch(digest: string, maxBytes: number): Promise<Uint8Array>;
}

/** Events; none of these may throw or wait. */
export interface Announcements {
  fact(fact: tidepool.internal.v1.VmFact.$Properties): void;
  heartbeat(heartbeat: tidepool.internal.v1.HostHeartbeat.$Properties): void;
}

/** Must not wait. */
export interface LogSink {
  logs(batch: tidepool.internal.v1.LogBatch.$Properties): void;
}
