/**
 * Goes once through everything that a load and an invocation do, in the template, so that each clone starts
 * with that code compiled and Node's lazily made parts (console, performance, module loaders) in place.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tidepool } from "@tidepool/proto";
import { findHandler } from "./find-handler.ts";
import { freshenClone, freshenTimeOrigin } from "./fresh.ts";
import { Invoker } from "./invoker.ts";

const folder = "/tmp/.warm-up";
const rounds = 20;

const modules = {
  "typeless.js": "export const handler = async (event, context) => ({ event, context });",
  "esm.mjs": "export const handler = async (event) => event;",
  "common.cjs": "exports.handler = (event, context, callback) => callback(null, event);",
  "common.js": "exports.handler = async (event) => event;",
} as const;

export async function warmUp(): Promise<void> {
  freshenClone(Buffer.alloc(64, 1));
  mkdirSync(folder);
  for (const [file, source] of Object.entries(modules)) writeFileSync(join(folder, file), source);
  try {
    for (const module of ["typeless", "esm", "common"]) {
      const handler = await findHandler(folder, `${module}.handler`);
      await invokeOften({ handler, functionName: "", functionVersion: "", memoryLimitMib: 0 });
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function invokeOften(loaded: Parameters<Invoker["use"]>[0]): Promise<void> {
  const { GuestRuntime, HostRuntime } = tidepool.guest.v1;
  for (let round = 0; round < rounds; round++) {
    freshenTimeOrigin();
    await new Promise<void>((resolve) => {
      const invoker = new Invoker({
        send(message) {
          GuestRuntime.encode(message).finish();
          resolve();
        },
        onBytes: () => undefined,
      });
      invoker.use(loaded);
      const payload = Buffer.from('{"warm":[1,"up"]}');
      const invoke = { requestId: "warm-up", payload, payloadBytes: payload.length };
      const message = HostRuntime.decode(HostRuntime.encode({ invoke }).finish());
      if (message.invoke) invoker.begin(message.invoke);
    });
  }
}
