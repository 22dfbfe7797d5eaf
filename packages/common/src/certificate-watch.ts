/**
 * Says in time that a certificate ends: of the files that this process uses, and of the server that it is connected to,
 * which may have a new one since. A log line a day from certificateWarnDays before the end on, and a gauge with the days
 * that are left.
 */
import { metrics } from "@opentelemetry/api";
import type { ObservableGauge, ObservableResult } from "@opentelemetry/api";
import { daysLeft, readCertificateEnd, stateOf } from "./certificate-ends.ts";
import type { CertificateEnd } from "./certificate-ends.ts";
import { systemClock } from "./clock.ts";
import type { Clock } from "./clock.ts";
import { messageOf } from "./error.ts";
import type { Logger } from "./logger.ts";
import type { TlsFiles } from "./tls.ts";

/** A file that was replaced is read anew, and an end that has come near is seen, within so long. */
export const certificateLookMs = 3_600_000;
/** The same is said again no sooner. */
export const certificateSayMs = 86_400_000;
/** Its attribute `of` is the file, or who showed it. */
export const certificateGauge = "tidepool.certificate.days_left";

export class CertificateWatch {
  private readonly files: readonly string[];
  private readonly logger: Logger;
  private readonly clock: Clock;
  private readonly stopping = new AbortController();
  private readonly ends = new Map<string, CertificateEnd>();
  private shown: CertificateEnd | undefined;
  private lookAgain: () => Promise<unknown> = () => Promise.resolve();
  private readonly saidAtMs = new Map<string, number>();
  private readonly gauge: ObservableGauge;

  constructor(tls: TlsFiles, logger: Logger, clock: Clock = systemClock) {
    this.files = [tls.certFile, tls.caFile];
    this.logger = logger.child({ part: "certificates" });
    this.clock = clock;
    this.gauge = metrics.getMeter("tidepool").createObservableGauge(certificateGauge, {
      description: "until a certificate ends",
      unit: "d",
    });
  }

  /**
   * Resolves when all files have been looked at once.
   * @param lookAgain has the server show its certificate once more, before it is said that the one it showed ends
   */
  async start(lookAgain = this.lookAgain): Promise<void> {
    this.lookAgain = lookAgain;
    this.gauge.addCallback(this.tell);
    await this.look();
    void this.lookOn();
  }

  stop(): Promise<void> {
    this.gauge.removeCallback(this.tell);
    this.stopping.abort();
    return Promise.resolve();
  }

  /** The server shows it; those before are of no more concern. */
  seen(end: CertificateEnd): void {
    this.shown = end;
    this.say(end);
  }

  private async lookOn(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      await this.clock.sleep(certificateLookMs, signal).catch(() => {}); // told by the signal
      if (signal.aborted) return;
      const { shown } = this;
      if (shown !== undefined && stateOf(shown, this.clock.nowMs()) !== "holds")
        await this.lookAgain();
      await this.look();
    }
  }

  private async look(): Promise<void> {
    for (const file of this.files) {
      try {
        this.ends.set(file, await readCertificateEnd(file));
      } catch (error) {
        this.ends.delete(file);
        this.logger.warn("certificate cannot be read", { file, error: messageOf(error) });
      }
    }
    for (const end of this.all()) this.say(end);
  }

  private all(): readonly CertificateEnd[] {
    return [...this.ends.values(), ...(this.shown === undefined ? [] : [this.shown])];
  }

  private say(end: CertificateEnd): void {
    const nowMs = this.clock.nowMs();
    const state = stateOf(end, nowMs);
    if (state === "holds") return void this.saidAtMs.delete(end.of);
    if (nowMs - (this.saidAtMs.get(end.of) ?? -Infinity) < certificateSayMs) return;
    this.saidAtMs.set(end.of, nowMs);
    const { of, endsAtMs } = end;
    const endsAt = new Date(endsAtMs).toISOString();
    if (state === "hasEnded") this.logger.error("certificate has ended", { of, endsAt });
    else this.logger.warn("certificate ends soon", { of, endsAt, days: daysLeft(end, nowMs) });
  }

  private readonly tell = (result: ObservableResult): void => {
    const nowMs = this.clock.nowMs();
    for (const end of this.all()) result.observe(daysLeft(end, nowMs), { of: end.of });
  };
}
