/**
 * Removes a folder in which another user may write. rm holds on to each folder that it is in: unlike with Node's,
 * nothing that is put in the place of one meanwhile leads it elsewhere.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** Idempotent. */
export async function removeTree(path: string): Promise<void> {
  await promisify(execFile)("rm", ["-rf", "--", path]);
}
