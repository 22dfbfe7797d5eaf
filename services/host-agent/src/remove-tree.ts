/**
 * Removes a folder in which another user may write. rm holds on to each folder that it is in: unlike with Node's,
 * nothing that is put in the place of one meanwhile leads it elsewhere.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { messageOf, TidepoolError } from "@tidepool/common";

/** Idempotent. @throws TidepoolError `unavailable`, with rm's words, when something of it is left */
export async function removeTree(path: string): Promise<void> {
  await promisify(execFile)("rm", ["-rf", "--", path]).catch((error: { stderr?: string }) => {
    const why = error.stderr?.trim() || messageOf(error);
    throw new TidepoolError("unavailable", `${path} cannot be removed: ${why}`, { cause: error });
  });
}
