/**
 * The Node.js runtime of a guest: answers the host-agent on the port that init handed over. It is started
 * once, in the template, and every clone goes on from its first wait for a message.
 *
 * Nothing here may use randomness before the first Ping with entropy: whatever is drawn in the template is
 * the same in every clone.
 */
import { tidepool } from "@tidepool/proto";
import { CodeReceiver, codeFolder } from "./code-receiver.ts";
import { describeThrown } from "./function-error.ts";
import { FrameReader } from "./frame-reader.ts";
import { Invoker } from "./invoker.ts";
import { drawThrough } from "./function-randomness.ts";
import { freshenClone, freshenTimeOrigin, replaceRandomness } from "./fresh.ts";
import { collectGarbage, optimizeFromNowOn, optimizeNoMore } from "./optimizing.ts";
import { openPort } from "./port.ts";
import { preloadModules } from "./preload.ts";
import { rehearse } from "./rehearsal.ts";
import { offerStreaming } from "./response-stream.ts";
import { SnapshotHooks } from "./snapshot-hooks.ts";
import { makeOutputBlocking } from "./streams.ts";

type HostRuntime = tidepool.guest.v1.HostRuntime;
const { HostRuntime: Incoming } = tidepool.guest.v1;

const runtimeName = `nodejs20 ${process.version}`;

makeOutputBlocking();
replaceRandomness();

const port = openPort();
const code = new CodeReceiver(codeFolder);
const invoker = new Invoker(port);
const hooks = new SnapshotHooks();
hooks.offer();
offerStreaming();

const reader = new FrameReader((frame) => {
  take(Incoming.decode(frame));
});
port.onBytes((bytes) => {
  reader.push(bytes);
});

// Also reached by rejections that nobody handled.
process.on("uncaughtException", (thrown: unknown) => {
  process.exitCode = 1;
  if (invoker.failBecauseOf(thrown)) return;
  process.stderr.write(`${describeThrown(thrown).stack}\n`);
  process.exit(1);
});

function take(message: HostRuntime): void {
  switch (message.message) {
    case "ping": {
      const { id, entropy } = message.ping ?? {};
      if (entropy !== undefined && entropy !== null && entropy.length > 0) freshenClone(entropy);
      port.send({ pong: { id: id ?? 0, runtime: runtimeName } });
      return;
    }
    case "rehearse":
      if (message.rehearse) void prepare(message.rehearse);
      return;
    case "load":
      if (message.load) code.begin(message.load);
      return;
    case "codeFile":
      if (message.codeFile) code.add(message.codeFile);
      return;
    case "loadEnd":
      void load();
      return;
    case "invoke":
      freshenTimeOrigin();
      if (message.invoke) invoker.begin(message.invoke);
      return;
    case "payloadChunk":
      invoker.addPayload(message.payloadChunk?.content ?? new Uint8Array());
      return;
    case "beforeSnapshot":
      void runHooks(async () => {
        await hooks.runBefore();
        port.send({ snapshotReady: {} });
      });
      return;
    case "freeze":
      optimizeNoMore();
      drawThrough();
      collectGarbage();
      port.send({ snapshotReady: {} });
      return;
    case "afterRestore":
      void runHooks(async () => {
        const startedAtMs = performance.now();
        freshenTimeOrigin();
        drawThrough();
        await hooks.runAfter();
        const runUs = Math.round((performance.now() - startedAtMs) * 1000);
        port.send({ restoreDone: { runUs } }, optimizeFromNowOn);
      });
      return;
    case undefined:
    default:
      throw new Error("the host-agent sent a message that this runtime does not know");
  }
}

async function prepare({ rounds, forClones }: tidepool.guest.v1.Rehearse): Promise<void> {
  if (forClones) preloadModules();
  await rehearse(rounds);
  if (forClones) collectGarbage();
  port.send({ rehearsed: {} });
}

async function load(): Promise<void> {
  const startedAtMs = performance.now();
  try {
    invoker.use(await code.load());
    optimizeFromNowOn();
    const initUs = Math.round((performance.now() - startedAtMs) * 1000);
    port.send({ loaded: { initUs } });
  } catch (thrown) {
    port.send({ loadFailed: { error: describeThrown(thrown) } });
  }
}

async function runHooks(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (thrown) {
    port.send({ loadFailed: { error: describeThrown(thrown) } });
  }
}
