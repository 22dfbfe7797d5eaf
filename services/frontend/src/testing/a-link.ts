/** A way to a TCP address that can be cut without either end being told, as a cable is. */
import { connect, createServer } from "node:net";
import type { Socket } from "node:net";

export interface TestLink {
  /** host:port that leads there. */
  readonly address: string;
  /** What is sent from now on, in both directions, arrives when it is mended. */
  cut(): void;
  mend(): void;
  stop(): void;
}

export async function aLink(to: string): Promise<TestLink> {
  const [host = "", port = ""] = to.split(":");
  const pairs = new Set<readonly [Socket, Socket]>();
  let isCut = false;
  const join = ([near, far]: readonly [Socket, Socket]): void => {
    near.pipe(far);
    far.pipe(near);
  };
  const server = createServer({ pauseOnConnect: true }, (near) => {
    const far = connect(Number(port), host);
    const pair = [near, far] as const;
    pairs.add(pair);
    for (const [one, other] of [pair, [far, near] as const]) {
      one.on("error", () => {});
      one.on("close", () => {
        pairs.delete(pair);
        if (!isCut) other.destroy();
      });
    }
    if (!isCut) join(pair);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  return {
    address: `127.0.0.1:${typeof bound === "object" && bound !== null ? bound.port : 0}`,
    cut() {
      isCut = true;
      for (const [near, far] of pairs) {
        near.unpipe(far).pause();
        far.unpipe(near).pause();
      }
    },
    mend() {
      isCut = false;
      pairs.forEach(join);
    },
    stop() {
      server.close();
      for (const pair of pairs) for (const socket of pair) socket.destroy();
    },
  };
}
