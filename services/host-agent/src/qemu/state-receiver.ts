/**
 * Where a template's QEMU sends the state that is to be kept: a socket for one connection, written to a
 * file. (QEMU 7.2 takes state in from a descriptor that it inherited, but does not write to one.)
 */
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

export interface StateReceiver {
  /** For QMP's `migrate`. */
  readonly uri: string;
  /** Resolves when QEMU has sent everything and it is in the file. */
  readonly received: Promise<void>;
  close(): Promise<void>;
}

export async function receiveState(path: string): Promise<StateReceiver> {
  // Socket names have at most 107 bytes, so it cannot be beside the file.
  const folder = await mkdtemp(join(tmpdir(), "tidepool-"));
  const server = createServer();
  const received = once(server, "connection").then(([socket]) =>
    pipeline(socket as Socket, createWriteStream(path)),
  );
  received.catch(() => undefined);
  const socketPath = join(folder, "state");
  server.listen(socketPath);
  await once(server, "listening");
  return {
    uri: `unix:${socketPath}`,
    received,
    async close() {
      server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
