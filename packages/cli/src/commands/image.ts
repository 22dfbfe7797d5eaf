/** `tidepool image`: the guest image, built before a host-agent asks for it whose unit lets it build none. */
import { dirname } from "node:path";
import { interruptible } from "../interrupt.ts";
import type { CommandContext } from "../program/parts.ts";
import { ensureImage } from "../up/needs.ts";

/** @throws TidepoolError `unavailable` naming the program that failed */
export async function imageCommand({ terminal }: CommandContext): Promise<void> {
  await interruptible(async (signal) => {
    const { rootfsPath } = await ensureImage(terminal, { signal });
    terminal.out(`${dirname(rootfsPath)}\n`);
  });
}
