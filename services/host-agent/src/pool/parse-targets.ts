/** This host's part of the warming targets. */
import type { tidepool } from "@tidepool/proto";
import { vmConfigOf } from "../hypervisor/vm-config.ts";
import type { ConfigTarget } from "./pools.ts";

export function parseTargets(
  message: tidepool.internal.v1.WarmingTargets.$Properties,
  hostId: string,
): { readonly epoch: number; readonly targets: readonly ConfigTarget[] } {
  const targets = (message.configs ?? []).flatMap(({ runtime, memoryMib, vcpuCount, hosts }) => {
    const ours = hosts?.find((host) => host.hostId === hostId);
    if (!runtime || !memoryMib || ours === undefined) return [];
    return [{ config: vmConfigOf({ runtime, memoryMib, vcpuCount }), target: ours.target ?? 0 }];
  });
  return { epoch: message.epoch ?? 0, targets };
}
