/** Puts an upload's messages together, and refuses one that is too large as soon as it is. */
import { TidepoolError } from "@tidepool/common";
import type { tidepool } from "@tidepool/proto";
import type { UploadWish } from "../functions/functions.ts";
import { parseName } from "../functions/settings.ts";
import { codeZipMaxBytes, descriptionMaxBytes } from "../limits.ts";

export interface Upload {
  readonly wish: UploadWish;
  readonly zip: Uint8Array;
}

/**
 * @param checkName called before any chunk is kept
 * @throws TidepoolError `invalid` when the messages are in no order; `tooLarge` over codeZipMaxBytes
 */
export async function readUpload(
  requests: AsyncIterable<tidepool.v1.UploadCodeRequest.$Properties>,
  checkName: (name: string) => Promise<unknown>,
): Promise<Upload> {
  let wish: UploadWish | undefined;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const request of requests) {
    if (wish === undefined) {
      wish = parseWish(request);
      await checkName(wish.name);
      continue;
    }
    const { chunk } = request;
    if (chunk === undefined || chunk === null) {
      throw new TidepoolError("invalid", "an upload names its function in its first message only");
    }
    bytes += chunk.byteLength;
    if (bytes > codeZipMaxBytes) {
      throw new TidepoolError(
        "tooLarge",
        `code zip of function '${wish.name}' is larger than the limit of ${codeZipMaxBytes} bytes`,
      );
    }
    chunks.push(chunk);
  }
  if (wish === undefined) throw new TidepoolError("invalid", "the upload has no message");
  return { wish, zip: Buffer.concat(chunks, bytes) };
}

function parseWish({ name, start }: tidepool.v1.UploadCodeRequest.$Properties): UploadWish {
  const said: tidepool.v1.UploadStart.$Properties | undefined =
    start ?? (typeof name === "string" ? { name } : undefined);
  if (said === undefined) {
    throw new TidepoolError("invalid", "the first message of an upload must name the function");
  }
  const { settings, description = "", keepActive = false, revision = "" } = said;
  const descriptionBytes = Buffer.byteLength(description);
  if (descriptionBytes > descriptionMaxBytes) {
    throw new TidepoolError(
      "invalid",
      `description has ${descriptionBytes} bytes, the limit is ${descriptionMaxBytes}`,
    );
  }
  return { name: parseName(said.name), settings, description, keepActive, revision };
}
