/**
 * How the windows of one function went, and what the plan came to beside the fixed keep-alive: told to people,
 * never decided by. Modelled from the times of the calls, one VM at a time. Plain data, so that it survives
 * with the shard's snapshot.
 */
import type { CallWindow } from "../ports.ts";

/** Windows remembered. */
export const pastWindowsMax = 8;

export interface PastWindow {
  readonly window: CallWindow;
  /** Null: nobody came. */
  readonly calledAtMs: number | null;
  readonly wasPrepared: boolean;
  readonly wasShadow: boolean;
}

export interface WindowLedger {
  readonly sinceMs: number;
  /** The window that is open or ahead. */
  open: { window: CallWindow; isPrepared: boolean; isShadow: boolean } | null;
  /** Newest first. */
  recent: PastWindow[];
  calls: number;
  coldStarts: number;
  fixedColdStarts: number;
  idleMs: number;
  fixedIdleMs: number;
  preparedWindows: number;
  latestCallAtMs: number | null;
  /** How long the plan keeps what the latest call left. */
  keptUntilMs: number;
  /** The VM that the plan has wait for the next call. */
  waiting: { readyByMs: number; releaseAtMs: number } | null;
}

export function createLedger(nowMs: number, latestCallAtMs: number | undefined): WindowLedger {
  return {
    sinceMs: nowMs,
    open: null,
    recent: [],
    calls: 0,
    coldStarts: 0,
    fixedColdStarts: 0,
    idleMs: 0,
    fixedIdleMs: 0,
    preparedWindows: 0,
    latestCallAtMs: latestCallAtMs ?? null,
    keptUntilMs: 0,
    waiting: null,
  };
}

/** To go on from: neither changes with the other. */
export function copyLedger(ledger: WindowLedger): WindowLedger {
  const { open, recent, waiting } = ledger;
  return {
    ...ledger,
    open: open === null ? null : { ...open },
    recent: [...recent],
    waiting: waiting === null ? null : { ...waiting },
  };
}

/** Before the call is learned from. */
export function noteCall(ledger: WindowLedger, atMs: number, keepAliveMs: number): void {
  const { open, waiting, latestCallAtMs: latestMs } = ledger;
  const isMet = waiting !== null && waiting.readyByMs <= atMs && atMs <= waiting.releaseAtMs;
  // A call that meets the VM which waits for its window hits it, a little beside it as well.
  if (open !== null && isMet && open.isPrepared) closeWindow(ledger, atMs);
  else if (open !== null && atMs > open.window.endAtMs) closeWindow(ledger, null);
  else if (open !== null && atMs >= open.window.startAtMs) closeWindow(ledger, atMs);
  ledger.calls += 1;
  if (latestMs !== null) {
    ledger.fixedIdleMs += Math.min(atMs - latestMs, keepAliveMs);
    ledger.idleMs += Math.max(0, Math.min(atMs, ledger.keptUntilMs) - latestMs);
  }
  if (latestMs === null || atMs - latestMs > keepAliveMs) ledger.fixedColdStarts += 1;
  if (!isMet && (latestMs === null || atMs > ledger.keptUntilMs)) ledger.coldStarts += 1;
  settleWaiting(ledger, atMs);
  ledger.latestCallAtMs = atMs;
}

/** After the call was learned from. */
export function noteKeep(ledger: WindowLedger, keptUntilMs: number): void {
  ledger.keptUntilMs = keptUntilMs;
}

/** The window that is open or ahead now; undefined when none is known. */
export function noteExpected(
  ledger: WindowLedger,
  window: CallWindow | undefined,
  isShadow: boolean,
  nowMs: number,
): void {
  const { open } = ledger;
  if (open !== null && open.window.endAtMs < nowMs) closeWindow(ledger, null);
  if (window === undefined) {
    ledger.open = null; // withdrawn: another pattern, or none, explains the calls
    return;
  }
  // The same window may be seen a little sharper each time.
  const known = ledger.open;
  const isSame = known !== null && overlap(known.window, window);
  ledger.open = { window, isPrepared: isSame && known.isPrepared, isShadow };
}

export function notePrepared(ledger: WindowLedger, readyByMs: number, releaseAtMs: number): void {
  settleWaiting(ledger, readyByMs);
  ledger.waiting = { readyByMs, releaseAtMs };
  ledger.preparedWindows += 1;
  if (ledger.open !== null) ledger.open.isPrepared = true;
}

/**
 * The windows that a call may have been meant for: the one ahead and the one that was last. Where another call has
 * come in that one or since its end, a call after its end is no late one of it.
 */
export function windowsAround(
  { open, recent, latestCallAtMs }: WindowLedger,
  atMs: number,
): CallWindow[] {
  const [last] = recent;
  const isOfLast =
    last !== undefined &&
    (atMs <= last.window.endAtMs ||
      (last.calledAtMs === null && (latestCallAtMs ?? 0) <= last.window.endAtMs));
  return [open?.window, isOfLast ? last.window : undefined].filter(
    (window) => window !== undefined,
  );
}

export function nearestWindow(
  windows: readonly CallWindow[],
  atMs: number,
): CallWindow | undefined {
  const distances = windows.map((window) => ({ window, ms: distanceMs(window, atMs) }));
  distances.sort((a, b) => a.ms - b.ms);
  return distances[0]?.window;
}

export function overlap(a: CallWindow, b: CallWindow): boolean {
  return a.startAtMs <= b.endAtMs && b.startAtMs <= a.endAtMs;
}

function distanceMs({ startAtMs, endAtMs }: CallWindow, atMs: number): number {
  return Math.max(0, startAtMs - atMs, atMs - endAtMs);
}

function closeWindow(ledger: WindowLedger, calledAtMs: number | null): void {
  const { open } = ledger;
  if (open === null) return;
  const { window, isPrepared: wasPrepared, isShadow: wasShadow } = open;
  ledger.recent.unshift({ window, calledAtMs, wasPrepared, wasShadow });
  ledger.recent.length = Math.min(ledger.recent.length, pastWindowsMax);
  ledger.open = null;
}

/** What waited is counted from when it was ready, or from when the kept one went. */
function settleWaiting(ledger: WindowLedger, untilMs: number): void {
  const { waiting } = ledger;
  if (waiting === null) return;
  const fromMs = Math.max(waiting.readyByMs, ledger.keptUntilMs);
  ledger.idleMs += Math.max(0, Math.min(untilMs, waiting.releaseAtMs) - fromMs);
  ledger.waiting = null;
}
