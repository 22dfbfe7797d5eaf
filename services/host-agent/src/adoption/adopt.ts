/**
 * At an agent's start: VMs that the one before has left, paused, go on with their owner or in the pool. What
 * nobody wants any more, or was in the middle of something, is destroyed.
 */
import { messageOf } from "@tidepool/common";
import type { Clock, Logger } from "@tidepool/common";
import type { Fleet } from "../fleet/fleet.ts";
import type { Hypervisor } from "../hypervisor/hypervisor.ts";
import type { VmRecord, VmRecords } from "./vm-records.ts";

export interface AdoptionParts {
  readonly hypervisor: Hypervisor;
  readonly fleet: Fleet;
  readonly records: VmRecords;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Resolves when every VM that was left has been destroyed, or is a VM of this fleet. */
export async function adoptOrDestroy(parts: AdoptionParts): Promise<void> {
  const { hypervisor, fleet, records, clock, logger } = parts;
  const left = await hypervisor.list();
  const known = await records.load();
  const adopted: string[] = [];
  const destroyed: string[] = [];
  await Promise.all(
    left.map(async (vmId) => {
      const record = hypervisor.adopt === undefined ? undefined : known.get(vmId);
      if (
        record !== undefined &&
        isWanted(record, clock.nowMs()) &&
        fleet.hasRoom(record.template.config)
      ) {
        const failure = await fleet.adopt(record).whenCloned;
        if (failure === undefined) {
          adopted.push(vmId);
          return;
        }
        logger.info("VM not adopted", { vmId, error: messageOf(failure) });
      }
      await hypervisor.destroy(vmId);
      destroyed.push(vmId);
    }),
  );
  const others = [...known.keys()].filter((vmId) => !adopted.includes(vmId));
  await Promise.all(others.map((vmId) => records.remove(vmId)));
  if (left.length > 0) logger.info("VMs of an earlier process", { adopted, destroyed });
}

/** One that holds secrets may hold old values: who changed them meanwhile was not heard. */
function isWanted({ owner }: VmRecord, nowMs: number): boolean {
  if (owner === undefined) return true;
  return owner.keepUntilMs > nowMs && Object.keys(owner.owned.secrets).length === 0;
}
