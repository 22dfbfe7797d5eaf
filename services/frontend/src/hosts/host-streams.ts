/**
 * The streams to all hosts, one each, by host; a host that moved gets a new one. Knows which hosts calls had better
 * not go to now.
 */
import type { Logger, TlsFiles } from "@tidepool/common";
import type { HostAnswer, HostCall, Hosts } from "../ports.ts";
import { HostStream } from "./host-stream.ts";
import type { Reach } from "./host-stream.ts";

export interface HostStreamsOptions {
  readonly logger: Logger;
  readonly tls?: TlsFiles | undefined;
  /** Whether NATS is away from here. */
  readonly isCutOff: () => boolean;
  /** Asks a host, by another way than the stream, to take no more from it. @returns the last call that came on it */
  readonly endStream: (hostId: string, streamId: string) => Promise<number>;
}

const nobody: ReadonlySet<string> = new Set();

export class HostStreams implements Hosts {
  private readonly options: HostStreamsOptions;
  private readonly streams = new Map<string, { address: string; stream: HostStream }>();
  private readonly lost = new Set<string>();
  private readonly quiet = new Set<string>();

  constructor(options: HostStreamsOptions) {
    this.options = options;
  }

  call(
    { hostId, address }: { readonly hostId: string; readonly address: string },
    call: HostCall,
    signal: AbortSignal,
  ): Promise<HostAnswer> {
    let open = this.streams.get(hostId);
    if (open === undefined || open.address !== address) {
      if (open !== undefined) this.close(hostId, open.stream);
      open = { address, stream: this.open(hostId, address) };
      this.streams.set(hostId, open);
    }
    return open.stream.call(call, signal);
  }

  toAvoid(): ReadonlySet<string> {
    // Without NATS nobody finds another VM: what is only quiet is better than nothing.
    const quiet = this.options.isCutOff() ? nobody : this.quiet;
    if (quiet.size === 0) return this.lost;
    return this.lost.size === 0 ? quiet : new Set([...this.lost, ...quiet]);
  }

  /** A host that was forgotten; its stream stays while calls are on it. */
  forget(hostId: string): void {
    const open = this.streams.get(hostId);
    if (open === undefined || !open.stream.isIdle) return;
    this.close(hostId, open.stream);
    this.streams.delete(hostId);
  }

  closeAll(): void {
    for (const [hostId, { stream }] of this.streams) this.close(hostId, stream);
    this.streams.clear();
  }

  private open(hostId: string, address: string): HostStream {
    const { logger, tls, isCutOff, endStream } = this.options;
    return new HostStream({
      address,
      logger,
      tls,
      isCutOff,
      endAtHost: (streamId) => endStream(hostId, streamId),
      onReach: (reach) => this.note(hostId, reach),
    });
  }

  private note(hostId: string, reach: Reach): void {
    this.lost.delete(hostId);
    this.quiet.delete(hostId);
    if (reach === "lost") this.lost.add(hostId);
    if (reach === "quiet") this.quiet.add(hostId);
  }

  private close(hostId: string, stream: HostStream): void {
    stream.close();
    this.note(hostId, "well");
  }
}
