/** How many connections a port takes at once. gRPC's server has no limit of its own, and each costs memory and a descriptor. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";

/** Node tells of each connection that a server of this process takes. */
const channel = "net.server.socket";

/** Further ones are closed as they come. @returns ends it */
export function limitConnections(port: number, maxCount: number): () => void {
  let count = 0;
  const onConnection = (message: unknown): void => {
    const { socket } = message as { readonly socket: Socket };
    if (socket.localPort !== port) return;
    if (count >= maxCount) {
      socket.destroy();
      return;
    }
    count += 1;
    socket.once("close", () => (count -= 1));
  };
  subscribe(channel, onConnection);
  return () => unsubscribe(channel, onConnection);
}
