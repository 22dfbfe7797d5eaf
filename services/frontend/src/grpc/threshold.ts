/**
 * What is looked at before anything of a call's request is read: who asks, and how much metadata there is. A caller
 * whom nobody knows cannot have the frontend hold its messages.
 */
import { randomUUID } from "node:crypto";
import { ServerInterceptingCall } from "@grpc/grpc-js";
import type { Metadata, ServerInterceptor } from "@grpc/grpc-js";
import { TidepoolError } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import type { Door } from "../door/door.ts";
import { rules } from "../door/rules.ts";
import type { Operation } from "../door/rules.ts";
import { metadataMaxBytes } from "../limits.ts";
import { toStatus } from "./status.ts";

/** As "/tidepool.v1.Tidepool/Invoke". */
const operationPath = /^\/tidepool\.v1\.Tidepool\/(\w+)$/;

export function threshold(door: Pick<Door, "knock">, logger: Logger): ServerInterceptor {
  return ({ path }, call) =>
    new ServerInterceptingCall(call, {
      start(next) {
        next({
          onReceiveMetadata(metadata, forward) {
            const operation = operationPath.exec(path)?.[1];
            try {
              requireSmall(metadata);
              if (isOperation(operation)) door.knock(operation, metadata);
              forward(metadata);
            } catch (error) {
              call.sendStatus(toStatus(error, operation ?? path, logger, randomUUID()));
            }
          },
        });
      },
    });
}

function isOperation(name: string | undefined): name is Operation {
  return name !== undefined && Object.hasOwn(rules, name);
}

function requireSmall(metadata: Metadata): void {
  let bytes = 0;
  for (const [name, values] of Object.entries(metadata.toJSON())) {
    for (const value of values as readonly (string | Buffer)[]) bytes += name.length + value.length;
  }
  if (bytes <= metadataMaxBytes) return;
  throw new TidepoolError(
    "tooLarge",
    `the call's metadata has ${bytes} bytes, the limit is ${metadataMaxBytes}`,
    { component: "client" },
  );
}
