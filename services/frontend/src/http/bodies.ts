/** Reads the bodies of requests, each within its limit and all within one: what is over is told at once. */
import type { IncomingMessage } from "node:http";
import { TidepoolError } from "@tidepool/common";
import { HttpRefusal } from "./failure.ts";
import { bodiesMaxBytes, bodyMaxBytes } from "./limits.ts";

export interface HeldBody {
  readonly bytes: Uint8Array;
  /** Call when it is not needed any more. */
  readonly release: () => void;
}

export class Bodies {
  private heldBytes = 0;

  /** @param proceed called when the client may send the body @throws HttpRefusal */
  async read(request: IncomingMessage, proceed: () => void): Promise<HeldBody> {
    const declared = Number(request.headers["content-length"] ?? 0);
    if (declared > bodyMaxBytes) throw tooLarge(declared);
    let mine = 0;
    const hold = (bytes: number): void => {
      if (this.heldBytes + bytes > bodiesMaxBytes) throw tooManyBodies();
      mine += bytes;
      this.heldBytes += bytes;
    };
    const release = (): void => {
      this.heldBytes -= mine;
      mine = 0;
    };
    try {
      hold(declared);
      proceed();
      const bytes = await gather(request, (total) => {
        if (total > bodyMaxBytes) throw tooLarge(total);
        if (total > mine) hold(total - mine);
      });
      return { bytes, release };
    } catch (error) {
      release();
      throw error;
    }
  }
}

async function gather(
  request: IncomingMessage,
  check: (totalBytes: number) => void,
): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let total = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      total += chunk.byteLength;
      check(total);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof HttpRefusal) throw error;
    throw new TidepoolError("cancelled", "the client has gone", {
      cause: error,
      component: "client",
    });
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}

function tooLarge(bytes: number): HttpRefusal {
  const message = `body has ${bytes} bytes or more, the limit is ${bodyMaxBytes}`;
  return new HttpRefusal(413, message, { reason: "payloadTooLarge" });
}

function tooManyBodies(): HttpRefusal {
  const message = `requests under way hold ${bodiesMaxBytes} bytes, the limit`;
  return new HttpRefusal(503, message, { headers: [["retry-after", "1"]] });
}
