/** Serves what shards and frontends ask of this host, and hears the warming targets. */
import type { Bus, Stoppable } from "@tidepool/actors";
import { subjects, tidepool } from "@tidepool/proto";
import type { Assignments } from "../assignments/assignments.ts";
import { parseAssign, parseKeep } from "../assignments/parse.ts";
import { parseTargets } from "../pool/parse-targets.ts";
import type { NamedStreams } from "../grpc/named-streams.ts";
import type { Pools } from "../pool/pools.ts";

const { AssignRequest, AssignReply, KeepRequest, Ack, WarmingTargets } = tidepool.internal.v1;
const { EndStreamReply, EndStreamRequest } = tidepool.internal.v1;

export function serveCommands(
  bus: Bus,
  hostId: string,
  {
    assignments,
    pools,
    streams,
  }: { assignments: Assignments; pools: Pools; streams: Pick<NamedStreams, "end"> },
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
    bus.serve<
      tidepool.internal.v1.EndStreamRequest.$Properties,
      tidepool.internal.v1.EndStreamReply.$Properties
    >(
      "end stream",
      subjects.endStream(hostId),
      EndStreamRequest,
      EndStreamReply,
      async (message) => ({ lastCallId: streams.end(message.streamId ?? "") }),
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
