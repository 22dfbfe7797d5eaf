/**
 * The warming pool of one config: keeps its target of generic VMs, paused, refilling in the background with
 * few clones at a time. It never evicts: a VM that holds code is worth more than one that holds none.
 */
import { context, ROOT_CONTEXT } from "@opentelemetry/api";
import type { Clock, Logger } from "@tidepool/common";
import type { Fleet } from "../fleet/fleet.ts";
import type { VmConfig } from "../hypervisor/hypervisor.ts";
import type { Vm } from "../vm/vm.ts";
import { configKey } from "../hypervisor/vm-config.ts";
import { backOff, backoffNone } from "./backoff.ts";
import type { Backoff } from "./backoff.ts";
import { planPool } from "./plan-pool.ts";
import type { Templates } from "./templates.ts";

/** Clones that a pool makes at once. */
export const refillConcurrency = 2;

export class Pool {
  readonly config: VmConfig;
  target = 0;
  private readonly fleet: Fleet;
  private readonly templates: Templates;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly refilling = new Set<Vm>();
  private backoff: Backoff = backoffNone;
  private retry: NodeJS.Timeout | undefined;
  private isStopped = false;

  constructor(
    config: VmConfig,
    parts: { fleet: Fleet; templates: Templates; clock: Clock; logger: Logger },
  ) {
    this.config = config;
    this.fleet = parts.fleet;
    this.templates = parts.templates;
    this.clock = parts.clock;
    this.logger = parts.logger.child({ pool: configKey(config) });
  }

  setTarget(target: number): void {
    if (target === this.target) return;
    this.logger.info("pool target", { from: this.target, to: target });
    this.target = target;
    this.refresh();
  }

  /** Why the pool is not at its target, for people; undefined when nothing is wrong. */
  get problem(): string | undefined {
    return this.templates.problemOf(this.config)?.error.message ?? this.cloneProblem;
  }

  private cloneProblem: string | undefined;

  /** Does what is to be done now. Called after whatever may have changed it. */
  refresh(): void {
    if (this.isStopped) return;
    const nowMs = this.clock.nowMs();
    const untilMs = Math.max(
      this.backoff.untilMs,
      this.templates.problemOf(this.config)?.untilMs ?? 0,
    );
    const { cloneCount, surplus } = planPool({
      target: this.target,
      unowned: this.unowned(),
      cloneCountMax: untilMs > nowMs ? 0 : refillConcurrency - this.refilling.size,
    });
    for (const { vmId } of surplus) this.fleet.get(vmId)?.stop("reduced");
    for (let begun = 0; begun < cloneCount && this.fleet.hasRoom(this.config); begun++)
      this.refill();
    if (untilMs > nowMs) this.refreshIn(untilMs - nowMs);
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.retry);
  }

  private unowned() {
    const key = configKey(this.config);
    return this.fleet
      .views()
      .filter(
        (vm) =>
          vm.functionName === undefined &&
          (vm.phase === "cloning" || vm.phase === "warming") &&
          configKey(vm.config) === key,
      );
  }

  /** In no caller's trace: the pool works for nobody yet. */
  private refill(): void {
    const vm = context.with(ROOT_CONTEXT, () => this.fleet.create(this.config));
    this.refilling.add(vm);
    void vm.whenCloned.then((failure) => {
      this.refilling.delete(vm);
      if (failure === undefined) {
        this.backoff = backoffNone;
        this.cloneProblem = undefined;
      } else if (this.templates.problemOf(this.config) === undefined) {
        this.backoff = backOff(this.backoff, this.clock.nowMs());
        this.cloneProblem = failure.message;
        this.logger.warn("clone failed", { vmId: vm.vmId, error: failure });
      }
      this.refresh();
    });
  }

  private refreshIn(ms: number): void {
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.refresh(), Math.ceil(ms) + 1);
  }
}
