/** Bare pings to a guest's runtime over its virtio-serial port, without a session. */
import type { Duplex } from "node:stream";
/** @returns sends one ping and resolves with its pong */
export declare function pinger(runtime: Duplex): () => Promise<void>;
//# sourceMappingURL=pings.d.ts.map