/** Firing schedules over NATS: calls are accepted by a frontend, how far a schedule has come is in its bucket. */
import { fromJetStream } from "@tidepool/actors";
import type { Bus, Storage } from "@tidepool/actors";
import { subjects, tidepool } from "@tidepool/proto";
import { decodeProgress, encodeProgress } from "@tidepool/schedules";
import type { Progress } from "@tidepool/schedules";
import type { CallAcceptor, KnownProgress, ProgressStore, TickCall } from "../schedules/ports.ts";

const { InvokeAsyncRequest, InvokeAsyncResponse } = tidepool.v1;

/** A frontend stores the call twice before it answers. */
const acceptTimeoutMs = 10_000;

export class NatsCallAcceptor implements CallAcceptor {
  private readonly bus: Bus;

  constructor(bus: Bus) {
    this.bus = bus;
  }

  async accept({ functionName, ...call }: TickCall): Promise<void> {
    const message = InvokeAsyncRequest.create({ name: functionName, ...call });
    await this.bus.request(
      "accept call",
      subjects.acceptCall,
      { codec: InvokeAsyncRequest, message },
      InvokeAsyncResponse,
      { timeoutMs: acceptTimeoutMs },
    );
  }
}

export class NatsProgressStore implements ProgressStore {
  private readonly bucket: Storage["scheduleProgress"];

  constructor({ scheduleProgress }: Pick<Storage, "scheduleProgress">) {
    this.bucket = scheduleProgress;
  }

  async write(name: string, progress: Progress, revision: number): Promise<number | undefined> {
    try {
      return await this.bucket.put(name, encodeProgress(progress), { previousSeq: revision });
    } catch (error) {
      const failure = fromJetStream(error, `progress of schedule '${name}'`);
      if (failure.code === "stale") return undefined;
      throw failure;
    }
  }

  async read(name: string): Promise<KnownProgress> {
    const entry = await this.bucket.get(name);
    if (entry === null) return { revision: 0, progress: undefined };
    const progress = entry.operation === "PUT" ? decodeProgress(entry.value) : undefined;
    return { revision: entry.revision, progress };
  }
}
