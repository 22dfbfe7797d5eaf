/** The standard health service: SERVING between start and stop, for the whole server and for our API. */
import { randomUUID } from "node:crypto";
import type { handleServerStreamingCall, handleUnaryCall } from "@grpc/grpc-js";
import { TidepoolError } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import { grpc } from "@tidepool/proto";
import type { OpenRoom } from "../door/open-room.ts";
import { toStatus } from "./status.ts";

type Request = grpc.health.v1.HealthCheckRequest.$Properties;
type Response = grpc.health.v1.HealthCheckResponse.$Properties;
const { ServingStatus } = grpc.health.v1.HealthCheckResponse;

/** "" is the server as a whole. */
const services: readonly string[] = ["", "tidepool.v1.Tidepool"];

export class Health {
  private readonly logger: Logger;
  private readonly watchers = new Map<() => void, () => void>();
  private readonly room: OpenRoom;
  private isServing = false;

  constructor(logger: Logger, room: OpenRoom) {
    this.logger = logger;
    this.room = room;
  }

  set(isServing: boolean): void {
    this.isServing = isServing;
    for (const tell of this.watchers.keys()) tell();
  }

  /** Tells all that nothing is served any more, and ends their watches. */
  stop(): void {
    this.set(false);
    for (const end of this.watchers.values()) end();
  }

  readonly check: handleUnaryCall<Request, Response> = (call, answer) => {
    const { service = "" } = call.request;
    if (services.includes(service)) return answer(null, { status: this.status });
    const unknown = new TidepoolError("notFound", `no service '${service}'`);
    answer(toStatus(unknown, "health check", this.logger, randomUUID()));
  };

  readonly watch: handleServerStreamingCall<Request, Response> = (call) => {
    const isKnown = services.includes(call.request.service ?? "");
    const tell = (): void => {
      call.write({ status: isKnown ? this.status : ServingStatus.SERVICE_UNKNOWN });
    };
    let leave: () => void;
    try {
      leave = this.room.enter();
    } catch (error) {
      call.emit("error", toStatus(error, "health watch", this.logger, randomUUID()));
      return;
    }
    tell();
    this.watchers.set(tell, () => call.end());
    const forget = (): void => {
      this.watchers.delete(tell);
      leave();
    };
    call.on("cancelled", forget);
    call.on("close", forget);
    call.on("error", forget);
  };

  private get status(): grpc.health.v1.HealthCheckResponse.ServingStatus {
    return this.isServing ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
  }
}
