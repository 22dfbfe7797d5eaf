/**
 * Goes through everything that a load and an invocation do. In the template it has Node make its lazy parts
 * and V8 compile them and learn their types; in a clone, under TCG, it has QEMU translate all that code
 * before somebody waits for it. It leaves no file, no entry of require.cache, and draws no random number.
 */
import { rmSync } from "node:fs";
import Module from "node:module";
import { join } from "node:path";
import { tidepool } from "@tidepool/proto";
import { CodeReceiver } from "./code-receiver.ts";
import type { LoadedFunction } from "./code-receiver.ts";
import { freshenTimeOrigin } from "./fresh.ts";
import { Invoker } from "./invoker.ts";

const folder = "/tmp/.rehearsal";
const invocationCount = 5;

const modules = {
  "typeless.js": "export const handler = async (event, context) => ({ event, context });",
  "esm.mjs": 'import "node:path"; export const handler = async (event) => event;',
  "awaiting.mjs": "export const handler = await (async (event) => event);",
  "common.cjs": "exports.handler = (event, context, callback) => callback(null, event);",
  "plain.js": 'require("node:path"); exports.handler = async (event) => event;',
} as const;

export async function rehearse(rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) await rehearseOnce();
}

async function rehearseOnce(): Promise<void> {
  try {
    for (const [path, source] of Object.entries(modules)) {
      const handler = `${path.slice(0, path.indexOf("."))}.handler`;
      await invokeOften(await loadAs(path, source, handler));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
    forget();
  }
}

/** Each module in a folder of its own, as if it were the code of a function. */
function loadAs(path: string, source: string, handler: string): Promise<LoadedFunction> {
  const receiver = new CodeReceiver(join(folder, path));
  const load = received({ load: { functionName: "rehearsal", handler, environment: {} } });
  if (load.load) receiver.begin(load.load);
  const part = received({ codeFile: { path, mode: 0o644, content: Buffer.from(source) } });
  if (part.codeFile) receiver.add(part.codeFile);
  return receiver.load();
}

function received(
  message: tidepool.guest.v1.HostRuntime.$Properties,
): tidepool.guest.v1.HostRuntime {
  const { HostRuntime } = tidepool.guest.v1;
  return HostRuntime.decode(HostRuntime.encode(message).finish());
}

/** Node remembers CommonJS modules by path, and paths by what was asked for. */
function forget(): void {
  const { _cache, _pathCache } = Module as unknown as Record<string, Record<string, unknown>>;
  for (const cache of [_cache, _pathCache]) {
    for (const key of Object.keys(cache ?? {})) {
      if (key.includes(folder)) delete cache?.[key];
    }
  }
}

async function invokeOften(loaded: LoadedFunction): Promise<void> {
  const { GuestRuntime } = tidepool.guest.v1;
  for (let count = 0; count < invocationCount; count++) {
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
      const payload = Buffer.from('{"rehearsal":[1,"go"]}');
      const invoke = { requestId: "rehearsal", payload, payloadBytes: payload.length };
      const message = received({ invoke });
      if (message.invoke) invoker.begin(message.invoke);
    });
  }
}
