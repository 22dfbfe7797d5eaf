/**
 * How long a host serves without NATS, over which it hears what may be run: others take it for dead by then
 * and have given its functions VMs elsewhere. Where the caller too is without NATS it goes on, so that calls
 * do not stop with NATS. Pure; instants come in.
 */

/** Longer than schedulers and frontends wait for a heartbeat. */
export const leaseMs = 5_000;

export class Lease {
  private lostAtMs: number | undefined;

  isOver(isConnected: boolean, nowMs: number): boolean {
    if (isConnected) this.lostAtMs = undefined;
    else this.lostAtMs ??= nowMs;
    return this.lostAtMs !== undefined && nowMs - this.lostAtMs >= leaseMs;
  }
}
