/** Tokens in their key-value bucket; see watched-bucket.ts. */
import type { KV } from "@nats-io/kv";
import type { Bus } from "@tidepool/actors";
import type { Logger } from "@tidepool/common";
import { tidepool } from "@tidepool/proto";
import { parseToken, tokenToWire } from "../door/tokens.ts";
import type { StoredToken } from "../door/tokens.ts";
import { WatchedBucket } from "./watched-bucket.ts";

const { TokenRecord } = tidepool.internal.v1;

/** @param onGone told of each that was revoked, by whichever frontend */
export function tokenBucket(
  bus: Bus,
  bucket: KV,
  logger: Logger,
  onGone: (id: string) => void,
): WatchedBucket<StoredToken> {
  return new WatchedBucket({
    bus,
    bucket,
    logger: logger.child({ part: "token store" }),
    describe: (id) => `token '${id}'`,
    parse(bytes) {
      const { token, digest } = TokenRecord.decode(bytes);
      return parseToken(token, digest);
    },
    encode: (token) =>
      TokenRecord.encode({ token: tokenToWire(token), digest: token.digest }).finish(),
    onChange(id, _before, after) {
      if (after === undefined) onGone(id);
    },
  });
}
