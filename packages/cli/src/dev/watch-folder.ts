/** Changes below a folder, those that come together as one: an editor saves in several steps. */
import { watch } from "chokidar";

/** After a change it must be quiet for so long. */
const quietMs = 40;
const ignored = /(^|[/\\])(\.git|node_modules|\.#[^/\\]*|4913|[^/\\]*(~|\.sw[a-z]))$/;

/**
 * Tells once for each burst of changes, until the signal aborts; never two at once.
 *
 * @param ready called when changes are seen from now on
 */
export async function* watchFolder(
  folder: string,
  signal: AbortSignal,
  ready: () => void = () => {},
): AsyncGenerator<void> {
  let notify = (): void => {};
  let isChanged = false;
  const watcher = watch(folder, {
    ignoreInitial: true,
    ignored: (path) => path !== folder && ignored.test(path),
  });
  const wake = (): void => notify();
  watcher.once("ready", ready);
  watcher.on("all", () => {
    isChanged = true;
    wake();
  });
  signal.addEventListener("abort", wake, { once: true });
  try {
    while (!signal.aborted) {
      if (!isChanged) await new Promise<void>((resolve) => (notify = resolve));
      while (isChanged && !signal.aborted) {
        isChanged = false;
        await new Promise((resolve) => setTimeout(resolve, quietMs));
      }
      if (!signal.aborted) yield;
    }
  } finally {
    signal.removeEventListener("abort", wake);
    await watcher.close();
  }
}
