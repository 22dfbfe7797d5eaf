/** Puts an upload's messages together, and refuses one that is too large as soon as it is. */
import { TidepoolError } from "@tidepool/common";
import type { tidepool } from "@tidepool/proto";
import { parseName } from "../functions/settings.ts";
import { codeZipMaxBytes } from "../limits.ts";

export interface Upload {
  readonly name: string;
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
  let name: string | undefined;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const request of requests) {
    if (name === undefined) {
      if (request.name === undefined || request.name === null) {
        throw new TidepoolError("invalid", "the first message of an upload must name the function");
      }
      name = parseName(request.name);
      await checkName(name);
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
        `code zip of function '${name}' is larger than the limit of ${codeZipMaxBytes} bytes`,
      );
    }
    chunks.push(chunk);
  }
  if (name === undefined) throw new TidepoolError("invalid", "the upload has no message");
  return { name, zip: Buffer.concat(chunks, bytes) };
}
