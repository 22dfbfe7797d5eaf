/**
 * One builder at a time: a file that exists while somebody builds and names the process. A lock whose
 * process is gone is taken over.
 */
import { open, readFile, rm, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { TidepoolError } from "@tidepool/common";

const retryMs = 250;
const waitMaxMs = 10 * 60_000;
/** Who makes the file writes its number next: one that stays empty for so long was left by one that was killed then. */
const unwrittenMaxMs = 10_000;

export interface LockOptions {
  /** Called once when somebody else holds the lock. */
  readonly onWait?: (pid: number) => void;
  readonly signal?: AbortSignal;
}

export async function withLock<T>(
  path: string,
  options: LockOptions,
  work: () => Promise<T>,
): Promise<T> {
  await acquire(path, options);
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function acquire(path: string, options: LockOptions): Promise<void> {
  const until = Date.now() + waitMaxMs;
  let hasTold = false;
  for (;;) {
    options.signal?.throwIfAborted();
    if (await create(path)) return;
    const holder = Number.parseInt(await readFile(path, "utf8").catch(() => ""), 10);
    if (await isLeft(path, holder)) {
      await rm(path, { force: true });
      continue;
    }
    if (!hasTold && Number.isInteger(holder)) {
      hasTold = true;
      options.onWait?.(holder);
    }
    if (Date.now() > until) {
      const waitedS = String(waitMaxMs / 1000);
      throw new TidepoolError(
        "unavailable",
        `process ${String(holder)} has held ${path} for ${waitedS} s`,
      );
    }
    await sleep(retryMs);
  }
}

/** @param holder NaN while it is not written */
async function isLeft(path: string, holder: number): Promise<boolean> {
  if (Number.isInteger(holder)) return !isAlive(holder);
  const made = await stat(path).catch(() => undefined);
  return made !== undefined && Date.now() - made.mtimeMs > unwrittenMaxMs;
}

async function create(path: string): Promise<boolean> {
  try {
    const file = await open(path, "wx");
    await file.writeFile(`${String(process.pid)}\n`);
    await file.close();
    return true;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw thrown;
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === "EPERM";
  }
}
