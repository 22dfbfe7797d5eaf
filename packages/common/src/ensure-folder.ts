/**
 * Makes a folder and those above it. Node's own `recursive` tries for ever where a folder can neither be made nor
 * is there, as below /proc.
 */
import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

/** @throws what the system says, as ENOENT where none can be made */
export async function ensureFolder(path: string, mode = 0o777): Promise<void> {
  try {
    return await make(path, mode);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || dirname(path) === path) throw error;
  }
  await ensureFolder(dirname(path), mode);
  await make(path, mode);
}

async function make(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === "EEXIST";
    if (!isThere || !(await stat(path)).isDirectory()) throw error;
  }
}
