/** JSON that a trigger keeps, checked. */
import { messageOf, TidepoolError } from "@tidepool/common";

/** Empty stays empty. @throws TidepoolError `invalid`, `tooLarge` */
export function parseJson(
  what: string,
  bytes: Uint8Array | null | undefined,
  maxBytes: number,
): Uint8Array {
  if (bytes === null || bytes === undefined) return new Uint8Array();
  if (bytes.byteLength > maxBytes) {
    throw new TidepoolError(
      "tooLarge",
      `${what} has ${bytes.byteLength} bytes, the limit is ${maxBytes}`,
    );
  }
  if (bytes.byteLength === 0) return bytes;
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    const message = `${what} is not JSON: ${messageOf(error)}`;
    throw new TidepoolError("invalid", message, { cause: error });
  }
  return bytes;
}
