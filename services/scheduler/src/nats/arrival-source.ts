/** Arrivals from the stream, one ordered reading for each shard. */
import { followStream } from "@tidepool/actors";
import type { Bus, Following, Storage } from "@tidepool/actors";
import type { Logger } from "@tidepool/common";
import { subjects, tidepool } from "@tidepool/proto";
import type { ArrivalBatch, ArrivalSource } from "../ports.ts";
import { parseArrivals } from "./parse.ts";

export class NatsArrivalSource implements ArrivalSource {
  private readonly bus: Bus;
  private readonly storage: Storage;
  private readonly logger: Logger;

  constructor(bus: Bus, storage: Storage, logger: Logger) {
    this.bus = bus;
    this.storage = storage;
    this.logger = logger;
  }

  follow(
    shard: number,
    fromSequence: number,
    receive: (batch: ArrivalBatch) => void,
  ): Promise<Following> {
    return followStream(this.bus, this.storage, {
      stream: subjects.streams.arrivals,
      subject: subjects.arrivals(shard),
      fromSequence,
      logger: this.logger,
      receive: ({ data, sequence, storedAtMs }) =>
        receive(
          parseArrivals(tidepool.internal.v1.ArrivalBatch.decode(data), sequence, storedAtMs),
        ),
    });
  }
}
