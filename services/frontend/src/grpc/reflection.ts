/** The standard server reflection service, under both of its package names, so that generic tools can call us. */
import { randomUUID } from "node:crypto";
import type { handleBidiStreamingCall } from "@grpc/grpc-js";
import { TidepoolError } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import { descriptors } from "@tidepool/proto";
import type { grpc } from "@tidepool/proto";
import type { OpenRoom } from "../door/open-room.ts";
import { reflectionQuestionsMax } from "../limits.ts";
import { indexDescriptors } from "./descriptor-index.ts";
import type { DescriptorIndex } from "./descriptor-index.ts";
import { toStatus } from "./status.ts";

type Request = grpc.reflection.v1.ServerReflectionRequest.$Properties;
type Response = grpc.reflection.v1.ServerReflectionResponse.$Properties;

const notFound = 5;
const unimplemented = 12;

/** Files of what this server serves; those of our processes' own talk stay out. */
const isPublic = (name: string): boolean => !/^tidepool\/(internal|guest)\//.test(name);

/**
 * @param services full names of the services that the server has
 * @param stopping ends the streams that clients keep open
 */
export function reflection(
  services: readonly string[],
  stopping: AbortSignal,
  room: OpenRoom,
  logger: Logger,
): handleBidiStreamingCall<Request, Response> {
  const index = indexDescriptors(new Map([...descriptors].filter(([name]) => isPublic(name))));
  return (call) => {
    const refuse = (error: unknown): void =>
      void call.emit("error", toStatus(error, "reflection", logger, randomUUID()));
    let leave: () => void;
    try {
      leave = room.enter();
    } catch (error) {
      return refuse(error);
    }
    let questions = 0;
    call.on("data", (request: Request) => {
      questions += 1;
      if (questions > reflectionQuestionsMax) {
        call.pause();
        const told = `a stream of reflection may ask ${reflectionQuestionsMax} questions`;
        return refuse(new TidepoolError("tooLarge", told, { component: "client" }));
      }
      const hasRoom = call.write({
        validHost: request.host ?? "",
        originalRequest: request,
        ...answer(index, services, request),
      });
      if (hasRoom) return;
      // Who does not read its answers is asked for nothing more.
      call.pause();
      call.once("drain", () => call.resume());
    });
    const end = (): void => void call.end();
    stopping.addEventListener("abort", end, { once: true });
    call.on("end", end);
    call.on("error", end);
    call.on("cancelled", leave);
    call.on("close", () => {
      leave();
      stopping.removeEventListener("abort", end);
    });
  };
}

function answer(index: DescriptorIndex, services: readonly string[], request: Request): Response {
  switch (request.messageRequest) {
    case "listServices":
      return { listServicesResponse: { service: services.map((name) => ({ name })) } };
    case "fileByFilename":
      return files(index.fileByName(request.fileByFilename ?? ""), request.fileByFilename);
    case "fileContainingSymbol":
      return files(
        index.fileBySymbol(request.fileContainingSymbol ?? ""),
        request.fileContainingSymbol,
      );
    case "fileContainingExtension":
    case "allExtensionNumbersOfType":
      return failure(notFound, "no message has extensions");
    case undefined:
    default:
      return failure(unimplemented, "unknown kind of reflection request");
  }
}

function files(
  found: readonly Uint8Array[] | undefined,
  name: string | null | undefined,
): Response {
  if (found === undefined) return failure(notFound, `nothing is called '${name ?? ""}'`);
  return { fileDescriptorResponse: { fileDescriptorProto: [...found] } };
}

function failure(errorCode: number, errorMessage: string): Response {
  return { errorResponse: { errorCode, errorMessage } };
}
