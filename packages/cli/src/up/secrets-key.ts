/** The key file for secrets of a system that `up` runs: made at the first start, kept with its data. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { newKey } from "@tidepool/common";

/** @returns the file's path, for TIDEPOOL_SECRETS_KEY_FILE */
export async function ensureSecretsKey(folder: string): Promise<string> {
  const path = join(folder, "secrets.key");
  const note =
    "# Opens the secrets of this system. Without it they are lost: keep a copy elsewhere.\n";
  try {
    await writeFile(path, `${note}${newKey()}\n`, { flag: "wx", mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  return path;
}
