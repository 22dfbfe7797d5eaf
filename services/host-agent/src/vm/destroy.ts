/**
 * The end of a VM. One that cannot be ended is said, and tried again until it can: it holds memory of the host, and its
 * guest may run on.
 */
import { messageOf } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import type { Hypervisor } from "../hypervisor/hypervisor.ts";

export const destroyRetryMs = 5_000;

export interface DestroyParts {
  readonly vmId: string;
  readonly hypervisor: Pick<Hypervisor, "destroy">;
  readonly logger: Logger;
  readonly retryMs?: number;
}

/**
 * @param destroy the first try
 * @throws what that one does; the others come after
 */
export async function destroyVm(destroy: () => Promise<void>, parts: DestroyParts): Promise<void> {
  try {
    await destroy();
  } catch (error) {
    parts.logger.warn("VM not destroyed", { vmId: parts.vmId, error: messageOf(error) });
    tryAgain(parts);
    throw error;
  }
}

function tryAgain(parts: DestroyParts): void {
  const { vmId, hypervisor, logger, retryMs = destroyRetryMs } = parts;
  const timer = setTimeout(() => {
    hypervisor.destroy(vmId).then(
      () => logger.info("VM destroyed after all", { vmId }),
      () => tryAgain(parts),
    );
  }, retryMs);
  timer.unref();
}
