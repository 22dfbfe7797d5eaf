/**
 * Hears which versions of each function are deployed: VMs of deleted and replaced ones can go, and the template
 * of a new memory size is made when the function comes, not when its first call waits for it.
 */
import { followBucket } from "@tidepool/actors";
import type { Bus, Stoppable, Storage } from "@tidepool/actors";
import { messageOf } from "@tidepool/common";
import type { Logger } from "@tidepool/common";
import { subjects, tidepool } from "@tidepool/proto";
import type { Assignments } from "../assignments/assignments.ts";
import { networkOf } from "../assignments/parse.ts";
import type { VmConfig } from "../hypervisor/hypervisor.ts";
import { vmConfigOf } from "../hypervisor/vm-config.ts";

/** @throws TidepoolError `unavailable` when the bucket cannot be read at the start */
export async function watchFunctions(
  bus: Bus,
  storage: Storage,
  assignments: Assignments,
  prepare: (config: VmConfig) => void,
  logger: Logger,
): Promise<Stoppable> {
  return followBucket(bus, storage, {
    bucket: subjects.buckets.functions,
    logger,
    receive({ key, value }) {
      if (value === undefined) {
        assignments.noteDeployed(key, undefined);
        return;
      }
      try {
        const { version, settings, aliases } =
          tidepool.internal.v1.FunctionRecord.decode(value).function ?? {};
        const aliased = (aliases ?? []).flatMap((alias) => [
          alias.version ?? "",
          ...(alias.others ?? []).map((other) => other.version ?? ""),
        ]);
        assignments.noteDeployed(key, { active: version ?? "", aliased });
        const { runtime, memoryMib, vcpuCount } = settings ?? {};
        if (version && runtime && memoryMib)
          prepare(vmConfigOf({ runtime, memoryMib, vcpuCount, ...networkOf(settings) }));
      } catch (error) {
        logger.warn("function record cannot be read", { key, error: messageOf(error) });
      }
    },
  });
}
