/**
 * What placement sees of a host: its last heartbeat, less what was ordered since. A heartbeat that tells what
 * the one before told costs next to nothing: of a thousand hosts, most are so each second.
 */
import { codeKeyDigits, codeKeyOf } from "../placement/index.ts";
import type { HostView } from "../placement/index.ts";
import { configKeyOf, versionKeyOf } from "../ports.ts";
import type { FunctionVersion } from "../ports.ts";
import type { Heartbeat, HostFunction, HostPool } from "./heartbeat.ts";

/** Digests remembered for each host, those that were loaded last. */
export const digestsMax = 256;

export interface MutableView extends HostView {
  state: HostView["state"];
  memoryFreeMib: number;
  memoryTotalMib: number;
  vmOverheadMib: number;
  vcpuFree: number;
  vcpuTotal: number;
  vmCount: number;
  vmCountMax: number;
  offersInternet: boolean;
  evictableCount: number;
  idleByVersion: Record<string, number>;
  poolByConfig: Record<string, number>;
  templates: ReadonlySet<string>;
  readonly codeKeys: Set<string>;
}

export function viewOf(heartbeat: Heartbeat): MutableView {
  const view: MutableView = {
    hostId: heartbeat.hostId,
    state: "ready",
    memoryFreeMib: 0,
    memoryTotalMib: 0,
    vmOverheadMib: 0,
    vcpuFree: 0,
    vcpuTotal: 0,
    vmCount: 0,
    vmCountMax: 0,
    offersInternet: false,
    evictableCount: 0,
    idleByVersion: {},
    poolByConfig: {},
    templates: new Set(),
    codeKeys: new Set(),
  };
  showNumbers(view, heartbeat);
  showVms(view, heartbeat);
  showCode(view, heartbeat.code);
  return view;
}

export function showNumbers(view: MutableView, heartbeat: Heartbeat): void {
  const { vcpuCount = Number.POSITIVE_INFINITY, vcpuUsed = 0, vmOverheadMib = 0 } = heartbeat;
  view.state = heartbeat.isDraining ? "draining" : "ready";
  view.memoryFreeMib = heartbeat.memoryMib - heartbeat.memoryUsedMib;
  view.memoryTotalMib = heartbeat.memoryMib;
  view.vmOverheadMib = vmOverheadMib;
  view.vcpuFree = vcpuCount - vcpuUsed;
  view.vcpuTotal = vcpuCount;
  view.vmCount = heartbeat.vmCount;
  view.vmCountMax = heartbeat.vmCountMax;
  view.offersInternet = heartbeat.offersInternet ?? false;
}

export function showVms(view: MutableView, { functions, pools }: Heartbeat): void {
  view.evictableCount = 0;
  view.idleByVersion = {};
  view.poolByConfig = {};
  for (const { name, version, idle } of functions) {
    view.evictableCount += idle;
    view.idleByVersion[versionKeyOf(name, version)] = idle;
  }
  for (const pool of pools) {
    view.evictableCount += pool.ready;
    view.poolByConfig[configKeyOf(pool)] = pool.ready;
  }
  view.templates = new Set(pools.filter(hasTemplate).map(configKeyOf));
}

/** @param code eight bytes of each digest, the newest first */
export function showCode(view: MutableView, code: Uint8Array | undefined): void {
  if (code === undefined || code.byteLength === 0) return;
  const hex = Buffer.from(code).toString("hex");
  for (let at = hex.length - codeKeyDigits; at >= 0; at -= codeKeyDigits)
    remember(view.codeKeys, hex.slice(at, at + codeKeyDigits));
}

/** Takes one VM of the version off what the host has. @returns whether it was one of its pool */
export function takeVm(view: MutableView, version: FunctionVersion, isPrewarm: boolean): boolean {
  remember(view.codeKeys, codeKeyOf(version.codeDigest));
  if (!isPrewarm && takeOne(view.idleByVersion, versionKeyOf(version.name, version.version)))
    return false;
  if (takeOne(view.poolByConfig, configKeyOf(version))) return true;
  if (view.vmCount >= view.vmCountMax) view.evictableCount -= 1;
  else view.vmCount += 1;
  view.memoryFreeMib -= version.memoryMib + view.vmOverheadMib;
  view.vcpuFree -= version.vcpuCount;
  return false;
}

const hasTemplate = (pool: HostPool): boolean => pool.hasTemplate ?? pool.ready > 0;

export function areSameFunctions(a: readonly HostFunction[], b: readonly HostFunction[]): boolean {
  return areSame(
    a,
    b,
    (x, y) =>
      x.name === y.name &&
      x.version === y.version &&
      x.idle === y.idle &&
      x.busy === y.busy &&
      x.loading === y.loading,
  );
}

export function areSamePools(a: readonly HostPool[], b: readonly HostPool[]): boolean {
  return areSame(
    a,
    b,
    (x, y) =>
      x.ready === y.ready &&
      x.prepareP95Ms === y.prepareP95Ms &&
      x.hasTemplate === y.hasTemplate &&
      x.runtime === y.runtime &&
      x.memoryMib === y.memoryMib &&
      x.vcpuCount === y.vcpuCount,
  );
}

export function isSameCode(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return Buffer.compare(a ?? nothing, b ?? nothing) === 0;
}

const nothing = new Uint8Array();

function areSame<T>(
  a: readonly T[],
  b: readonly T[],
  isSame: (one: T, other: T) => boolean,
): boolean {
  if (a.length !== b.length) return false;
  return a.every((one, at) => {
    const other = b[at];
    return other !== undefined && isSame(one, other);
  });
}

function takeOne(counts: Record<string, number>, key: string): boolean {
  const count = counts[key] ?? 0;
  if (count > 0) counts[key] = count - 1;
  return count > 0;
}

/** The newest last; the oldest goes. */
function remember(keys: Set<string>, key: string): void {
  keys.delete(key);
  keys.add(key);
  if (keys.size <= digestsMax) return;
  for (const oldest of keys) {
    keys.delete(oldest);
    return;
  }
}
