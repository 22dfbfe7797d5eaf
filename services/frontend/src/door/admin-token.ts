/** The operator's own token, from a file that only the frontend can read. */
import { readFile } from "node:fs/promises";
import { messageOf, TidepoolError, tokenIdOf } from "@tidepool/common";

/** @throws TidepoolError `invalid` */
export async function readAdminToken(path: string): Promise<string> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new TidepoolError("invalid", `TIDEPOOL_ADMIN_TOKEN_FILE: ${messageOf(error)}`);
  });
  const token = text.trim();
  if (tokenIdOf(token) !== undefined) return token;
  throw new TidepoolError(
    "invalid",
    `TIDEPOOL_ADMIN_TOKEN_FILE: ${path} holds no token; tidepool token generate prints one`,
  );
}
