/**
 * A VM's devices and registers, out of one QEMU and into another, through libvirt's monitor command. With
 * x-ignore-shared the memory is not in there: it is in the template's file already. QEMU's sandbox forbids
 * it to start programs, so both ways lead over a unix socket.
 */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { systemClock, TidepoolError } from "@tidepool/common";
import { checkSocketPath } from "./address.ts";
import type { LibvirtClient } from "./libvirt-client.ts";
import { openSocketToQemu, type QemuUser } from "./qemu-user.ts";
import type { RemoteDomain } from "./remote-domain.ts";

/** Seen are 40 to 70 KB. */
export const savedStateMaxBytes = 16 * 1024 * 1024;

const pollMs = 5;
const ignoreShared = { capabilities: [{ capability: "x-ignore-shared", state: true }] };

export interface SaveOptions {
  /** Free for a socket of ours. */
  readonly socketPath: string;
  readonly qemuUser: QemuUser | undefined;
  readonly signal: AbortSignal;
}

/** Of a paused domain, which is of no more use than to be destroyed afterwards. */
export async function saveState(
  client: LibvirtClient,
  domain: RemoteDomain,
  { socketPath, qemuUser, signal }: SaveOptions,
): Promise<Buffer> {
  checkSocketPath(socketPath);
  const chunks: Buffer[] = [];
  let receivedBytes = 0;
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      receivedBytes += chunk.length;
      if (receivedBytes > savedStateMaxBytes) socket.destroy();
      else chunks.push(chunk);
    });
    socket.on("end", () => server.close());
  });
  try {
    await once(server.listen(socketPath), "listening", { signal });
    await openSocketToQemu(socketPath, qemuUser);
    await client.monitorCommand(domain, "migrate-set-capabilities", ignoreShared, { signal });
    const ended = once(server, "close", { signal });
    await client.monitorCommand(domain, "migrate", { uri: `unix:${socketPath}` }, { signal });
    await untilMigrated(client, domain, signal);
    await ended;
  } finally {
    if (server.listening) server.close();
  }
  return Buffer.concat(chunks);
}

async function untilMigrated(
  client: LibvirtClient,
  domain: RemoteDomain,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const options = { signal };
    const answer = await client.monitorCommand(domain, "query-migrate", {}, options);
    const { status, "error-desc": reason } = answer as { status?: string; "error-desc"?: string };
    if (status === "completed") return;
    if (status === "failed" || status === "cancelled")
      throw new TidepoolError(
        "unavailable",
        `saving domain ${domain.name} ${status}: ${reason ?? "QEMU does not say why"}`,
      );
    await systemClock.sleep(pollMs, signal);
  }
}

/** Into a domain created paused with "-incoming defer"; it is paused still when this resolves. */
export async function loadState(
  client: LibvirtClient,
  domain: RemoteDomain,
  state: Buffer,
  { socketPath, signal }: { readonly socketPath: string; readonly signal: AbortSignal },
): Promise<void> {
  checkSocketPath(socketPath);
  const uri = `unix:${socketPath}`;
  await client.monitorCommand(domain, "migrate-set-capabilities", ignoreShared, { signal });
  await client.monitorCommand(domain, "migrate-incoming", { uri }, { signal });
  const socket = connect({ path: socketPath, signal });
  socket.end(state);
  socket.resume();
  await once(socket, "close");
}
