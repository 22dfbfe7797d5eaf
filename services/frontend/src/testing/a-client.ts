/** The public API as any gRPC client sees it, for tests. */
import { credentials, makeGenericClientConstructor, Metadata } from "@grpc/grpc-js";
import type { ClientReadableStream, ServiceError } from "@grpc/grpc-js";
import { statusCodec, tidepool, tidepoolService } from "@tidepool/proto";
import type { MethodDefinition } from "@tidepool/proto";

const Client = makeGenericClientConstructor(tidepoolService, "Tidepool");

export class TestClient {
  readonly grpc: InstanceType<typeof Client>;
  private readonly metadata = new Metadata();

  constructor(address: string, token?: string) {
    if (token !== undefined) this.metadata.set("authorization", `Bearer ${token}`);
    this.grpc = new Client(address, credentials.createInsecure(), {
      "grpc.max_receive_message_length": -1,
    });
  }

  call<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
    options: { timeoutMs?: number; signal?: AbortSignal } = {},
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      const call = this.grpc.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        this.metadata,
        options.timeoutMs === undefined ? {} : { deadline: Date.now() + options.timeoutMs },
        (error, response) => {
          if (error === null && response !== undefined) resolve(response);
          else reject(error ?? new Error("no response"));
        },
      );
      options.signal?.addEventListener("abort", () => call.cancel());
    });
  }

  invoke(
    name: string,
    payload: unknown,
    options: { timeoutMs?: number; signal?: AbortSignal; qualifier?: string } = {},
  ): Promise<tidepool.v1.InvokeResponse.$Properties> {
    const bytes = Buffer.from(typeof payload === "string" ? payload : JSON.stringify(payload));
    const { qualifier = "", ...limits } = options;
    return this.call(tidepoolService.invoke, { name, payload: bytes, qualifier }, limits);
  }

  /** Sends chunks until all are sent or the server answers. */
  async upload(
    first: string | tidepool.v1.UploadStart.$Properties,
    chunks: Iterable<Uint8Array>,
  ): Promise<tidepool.v1.Function.$Properties> {
    const method = tidepoolService.uploadCode;
    let isDone = false;
    return new Promise((resolve, reject) => {
      const call = this.grpc.makeClientStreamRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        this.metadata,
        {},
        (error, response) => {
          isDone = true;
          if (error === null && response !== undefined) resolve(response);
          else reject(error ?? new Error("no response"));
        },
      );
      const send = async (): Promise<void> => {
        call.write(typeof first === "string" ? { name: first } : { start: first });
        for (const chunk of chunks) {
          if (isDone) return;
          await new Promise<void>((next) => call.write({ chunk }, () => next()));
        }
        call.end();
      };
      send().catch(reject);
    });
  }

  stream<Request, Response>(
    method: MethodDefinition<Request, Response>,
    request: Request,
  ): ClientReadableStream<Response> {
    return this.grpc.makeServerStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      this.metadata,
    );
  }
}

/** The Failure in a gRPC error's details. */
export function failureOf(thrown: unknown): tidepool.v1.Failure {
  const [bytes] = (thrown as ServiceError).metadata.get("grpc-status-details-bin");
  const [detail] = statusCodec.decode(bytes as Buffer).details;
  return tidepool.v1.Failure.decode(detail?.value ?? new Uint8Array());
}

export async function failed(work: Promise<unknown>): Promise<tidepool.v1.Failure> {
  return failureOf(
    await work.then(
      () => {
        throw new Error("the call did not fail");
      },
      (error: unknown) => error,
    ),
  );
}
