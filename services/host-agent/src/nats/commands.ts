/** Serves what shards ask of this host, and hears the warming targets. */
import type { Bus, Stoppable } from "@tidepool/actors";
import { subjects, tidepool } from "@tidepool/proto";
import type { Assignments } from "../assignments/assignments.ts";
import { parseAssign, parseKeep } from "../assignments/parse.ts";
import { parseTargets } from "../pool/parse-targets.ts";
import type { Pools } from "../pool/pools.ts";

const { AssignRequest, AssignReply, KeepRequest, Ack, WarmingTargets } = tidepool.internal.v1;

export function serveCommands(
  bus: Bus,
  hostId: string,
  { assignments, pools }: { assignments: Assignments; pools: Pools },
): Stoppable {
  const serving = [
    bus.serve<
      tidepool.internal.v1.AssignRequest.$Properties,
      tidepool.internal.v1.AssignReply.$Properties
    >("assign VM", subjects.assignVm(hostId), AssignRequest, AssignReply, async (message) => {
      return { vmId: assignments.assign(parseAssign(message)).vmId };
    }),
    bus.serve<tidepool.internal.v1.KeepRequest.$Properties, tidepool.internal.v1.Ack.$Properties>(
      "keep VMs",
      subjects.keepVms(hostId),
      KeepRequest,
      Ack,
      async (message) => {
        assignments.keep(parseKeep(message));
        return {};
      },
    ),
    bus.subscribe<tidepool.internal.v1.WarmingTargets.$Properties>(
      subjects.warmingTargets,
      WarmingTargets,
      (message) => {
        const { epoch, targets } = parseTargets(message, hostId);
        pools.setTargets(epoch, targets);
      },
    ),
  ];
  return { stop: async () => void (await Promise.all(serving.map((each) => each.stop()))) };
}
