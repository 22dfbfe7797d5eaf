/**
 * Frontends' streams by the names that they were given. A frontend whose stream broke asks by another way what had come
 * on it, perhaps before the break is noticed here, perhaps after.
 */
import { TidepoolError } from "@tidepool/common";
import type { InvocationStream } from "./invocation-stream.ts";
import { endedStreamKeptMs } from "./limits.ts";

export class NamedStreams {
  private readonly byName = new Map<string, Pick<InvocationStream, "end">>();

  name(streamId: string, stream: Pick<InvocationStream, "end">): void {
    this.byName.set(streamId, stream);
  }

  /** Takes nothing more from it. @returns the last call that came on it; 0 for none. @throws TidepoolError `notFound` */
  end(streamId: string): number {
    const stream = this.byName.get(streamId);
    if (stream === undefined) {
      throw new TidepoolError("notFound", `no stream is called '${streamId}'`);
    }
    return stream.end();
  }

  /** Its connection is gone; for a while it is asked for. */
  ended(stream: Pick<InvocationStream, "end">): void {
    stream.end();
    const [name] = [...this.byName].find(([, each]) => each === stream) ?? [];
    if (name === undefined) return;
    setTimeout(() => this.byName.delete(name), endedStreamKeptMs).unref();
  }
}
