/** The VM of one call: the one reserved for it, or an idle one. */
import { given, TidepoolError } from "@tidepool/common";
import { chooseForCall } from "../fleet/choose.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { Vm } from "../vm/vm.ts";

export interface CallTarget {
  /** For which a VM may have been reserved. */
  readonly attemptId: string;
  readonly functionName: string;
  readonly version: string;
  /** Set after an acquire. */
  readonly vmId: string | undefined;
  /** Who calls has no connection to NATS. */
  readonly isCutOff: boolean;
}

/** Nothing was run: the caller may ask elsewhere. */
export class RefusedError extends TidepoolError {
  static because(error: TidepoolError): RefusedError {
    const { code, message, reason, component, retryAfterMs } = error;
    const said = given({ reason, component, retryAfterMs });
    return new RefusedError(code, message, { cause: error, ...said });
  }
}

/**
 * @throws RefusedError when there is no free VM; TidepoolError why the reserved VM failed, when it did
 */
export function chooseVm(fleet: Fleet, target: CallTarget): Vm {
  const { functionName, version, vmId, attemptId } = target;
  const { hostId } = fleet.limits;
  if (fleet.isDraining) throw new RefusedError("unavailable", `host ${hostId} is stopping`);
  if (fleet.isCutOff && !target.isCutOff)
    throw new RefusedError("unavailable", `host ${hostId} is cut off from NATS`);
  if (vmId !== undefined) {
    const vm = fleet.get(vmId);
    const failure = vm?.failure ?? fleet.failureOf(vmId);
    if (failure !== undefined) throw failure.retryable ? RefusedError.because(failure) : failure;
    const owned = vm?.assignment?.owned;
    if (
      vm !== undefined &&
      owned?.name === functionName &&
      owned.version === version &&
      !vm.isTaken &&
      (vm.phase === "cloning" || vm.phase === "loading" || vm.phase === "idle") &&
      vm.isFreeFor(attemptId)
    ) {
      return vm;
    }
  }
  const idle = fleet.get(chooseForCall(fleet.views(), { name: functionName, version })?.vmId ?? "");
  if (idle !== undefined) return idle;
  throw new RefusedError(
    "unavailable",
    `host ${hostId} has no free VM of ${functionName} version ${version}`,
  );
}
