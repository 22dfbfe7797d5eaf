/** The streams to all hosts, one each, by host; a host that moved gets a new one. */
import type { Logger, TlsFiles } from "@tidepool/common";
import type { HostAnswer, HostCall, Hosts } from "../ports.ts";
import { HostStream } from "./host-stream.ts";

export class HostStreams implements Hosts {
  private readonly logger: Logger;
  private readonly tls: TlsFiles | undefined;
  private readonly isCutOff: () => boolean;
  private readonly streams = new Map<string, { address: string; stream: HostStream }>();

  /** @param isCutOff whether NATS is away from here */
  constructor(logger: Logger, tls?: TlsFiles, isCutOff: () => boolean = () => false) {
    this.logger = logger;
    this.tls = tls;
    this.isCutOff = isCutOff;
  }

  call(
    { hostId, address }: { readonly hostId: string; readonly address: string },
    call: HostCall,
    signal: AbortSignal,
  ): Promise<HostAnswer> {
    let open = this.streams.get(hostId);
    if (open === undefined || open.address !== address) {
      open?.stream.close();
      open = { address, stream: new HostStream(address, this.logger, this.tls, this.isCutOff) };
      this.streams.set(hostId, open);
    }
    return open.stream.call(call, signal);
  }

  /** A host that was forgotten; its stream stays while calls are on it. */
  forget(hostId: string): void {
    const open = this.streams.get(hostId);
    if (open === undefined || !open.stream.isIdle) return;
    open.stream.close();
    this.streams.delete(hostId);
  }

  close(): void {
    for (const { stream } of this.streams.values()) stream.close();
    this.streams.clear();
  }
}
