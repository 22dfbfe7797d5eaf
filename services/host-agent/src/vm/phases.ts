/** The words of a VM's life, as facts on the bus carry them. */

export const vmPhases = [
  "cloning",
  "warming",
  "loading",
  "idle",
  "busy",
  "stopping",
  "gone",
] as const;
export type VmPhase = (typeof vmPhases)[number];

/** Why a VM went. */
export const goneReasons = [
  /** Kept after calls, and its time ran out. */
  "used",
  /** Made ready for a window in which no call came. */
  "missed",
  /** A newer version of its function took over. */
  "replaced",
  /** Made room for another VM. */
  "evicted",
  "failed",
  /** Its function was deleted. */
  "deleted",
  /** The host-agent stopped. */
  "shutdown",
  /** An operator drained the host. */
  "drained",
  /** The pool's target fell, or the call that it was to be made for found another. */
  "reduced",
] as const;
export type GoneReason = (typeof goneReasons)[number];
