/**
 * Where a template's QEMU sends the state that is to be kept: a socket for one connection, written to a
 * file. (QEMU 7.2 takes state in from a descriptor that it inherited, but does not write to one.)
 */
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { chmod, chown, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { RunAs } from "./run-as.ts";

export interface StateReceiver {
  /** For QMP's `migrate`. */
  readonly uri: string;
  /** Resolves when QEMU has sent everything and it is in the file. */
  readonly received: Promise<void>;
  close(): Promise<void>;
}

/** @param runAs who may connect, when it is not who we are */
export async function receiveState(path: string, runAs: RunAs | undefined): Promise<StateReceiver> {
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
  if (runAs !== undefined) {
    await chown(socketPath, 0, runAs.gid);
    await chmod(socketPath, 0o660);
    await chown(folder, 0, runAs.gid);
    await chmod(folder, 0o710);
  }
  return {
    uri: `unix:${socketPath}`,
    received,
    async close() {
      server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
