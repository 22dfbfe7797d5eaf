/** A simulated VM as a domain: two in-memory channels, a guest behind them, and a clock that can stand still. */
import { duplexPair } from "node:stream";
import type { Duplex } from "node:stream";
import { systemClock } from "@tidepool/common";
import type { Domain, DomainExit } from "../hypervisor/hypervisor.ts";
import { SimulatedGuest } from "./simulated-guest.ts";
import type { SimulatedLoad } from "./simulated-guest.ts";

export class SimulatedDomain implements Domain {
  readonly vmId: string;
  readonly control: Duplex;
  readonly runtime: Duplex;
  readonly exited: Promise<DomainExit>;
  private readonly inside: readonly Duplex[];
  private end: (exit: DomainExit) => void = () => {};
  private whenRunning: Promise<void> | undefined;
  private run: () => void = () => {};
  private readonly ended = new AbortController();

  private readonly guest: SimulatedGuest;

  /** @param loaded of a template that was taken after a load */
  constructor(vmId: string, templateId: string, loaded?: SimulatedLoad) {
    this.vmId = vmId;
    const [control, controlInside] = duplexPair();
    const [runtime, runtimeInside] = duplexPair();
    this.control = control;
    this.runtime = runtime;
    this.inside = [controlInside, runtimeInside];
    this.exited = new Promise((resolve) => (this.end = resolve));
    this.guest = new SimulatedGuest({
      templateId,
      loaded,
      control: controlInside,
      runtime: runtimeInside,
      sleep: (ms) => this.sleep(ms),
      crash: () => this.crash(),
    });
  }

  async pause(): Promise<void> {
    if (this.ended.signal.aborted) return;
    this.whenRunning ??= new Promise((resolve) => (this.run = resolve));
  }

  async resume(): Promise<void> {
    this.run();
    this.whenRunning = undefined;
  }

  async destroy(): Promise<void> {
    this.finish({ isExpected: true, detail: "destroyed" });
  }

  /** What the guest has been loaded with. */
  get loaded(): SimulatedLoad {
    return this.guest.loaded;
  }

  crash(): void {
    this.finish({ isExpected: false, detail: "simulated crash" });
  }

  private finish(exit: DomainExit): void {
    if (this.ended.signal.aborted) return;
    this.ended.abort();
    this.run();
    for (const stream of [this.control, this.runtime, ...this.inside]) stream.destroy();
    this.end(exit);
  }

  private async sleep(ms: number): Promise<void> {
    if (ms > 0) await systemClock.sleep(ms, this.ended.signal).catch(() => {});
    while (this.whenRunning !== undefined && !this.ended.signal.aborted) await this.whenRunning;
  }
}
