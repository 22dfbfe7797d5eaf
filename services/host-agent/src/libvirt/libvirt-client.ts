/**
 * libvirt's calls, typed, over one connection: each method is one procedure with its arguments and its answer.
 * open() does what a client owes a daemon first: authentication, keepalive, the hypervisor, its version.
 */
import { TidepoolError } from "@tidepool/common";
import { findSocket, type LibvirtAddress } from "./address.ts";
import * as protocol from "./protocol.ts";
import { readDomain, writeDomain, type RemoteDomain } from "./remote-domain.ts";
import { RpcConnection, type Call } from "./rpc-connection.ts";
import type { XdrReader } from "./xdr.ts";

/** Long enough for a libvirtd that probes QEMU anew (20 to 90 s); see check-libvirt.ts. */
export const callTimeoutMs = 120_000;

export interface LifecycleEvent {
  readonly domain: RemoteDomain;
  readonly event: (typeof protocol.lifecycleEvents)[number] | "unknown";
  /** For "stopped": why. */
  readonly detail: string;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

type CallParts<T> = Omit<Call<T>, "timeoutMs">;

const remote = protocol.remoteProcedures;
const nothing = (): undefined => undefined;

export class LibvirtClient {
  readonly socketPath: string;
  /** Why the connection ended; settles once, never rejects. */
  readonly closed: Promise<TidepoolError>;
  readonly #connection: RpcConnection;

  private constructor(connection: RpcConnection) {
    this.#connection = connection;
    this.socketPath = connection.socketPath;
    this.closed = connection.closed;
  }

  /**
   * @throws TidepoolError `unavailable` when no daemon answers or it wants a password, `invalid` when it is
   * older than libvirtVersionMin
   */
  static async open(
    address: LibvirtAddress,
    onLifecycle: (event: LifecycleEvent) => void = () => {},
  ): Promise<LibvirtClient> {
    const connection = await RpcConnection.open(findSocket(address), (procedure, body) => {
      if (procedure === remote.domainEventCallbackLifecycle) onLifecycle(readLifecycleEvent(body));
    });
    const client = new LibvirtClient(connection);
    try {
      await client.#authenticate();
      await client.#supportsFeature(protocol.keepaliveFeature);
      await client.#open(address);
      await client.#checkVersion();
      await client.#registerLifecycleEvents();
      return client;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** For instance 9_000_000 for 9.0.0. */
  libraryVersion(): Promise<number> {
    const read = (reader: XdrReader): number => reader.hyper();
    return this.#call({ procedure: remote.connectGetLibVersion, doing: "ask its version", read });
  }

  /** QEMU's, in the same form: 7_002_022 for 7.2.22. */
  hypervisorVersion(): Promise<number> {
    const read = (reader: XdrReader): number => reader.hyper();
    return this.#call({ procedure: remote.connectGetVersion, doing: "ask QEMU's version", read });
  }

  /** XML; contains the user that QEMU runs as. */
  capabilities(): Promise<string> {
    return this.#call({
      procedure: remote.connectGetCapabilities,
      doing: "ask its capabilities",
      read: (reader) => reader.string(),
    });
  }

  /** XML; makes libvirtd look at QEMU's capabilities, and probe QEMU when it has none it trusts. */
  domainCapabilities(machine: string): Promise<string> {
    return this.#call({
      procedure: remote.connectGetDomainCapabilities,
      doing: `ask what machine ${machine} can do`,
      write: (writer) => {
        for (const text of [undefined, undefined, machine, "qemu"])
          writer.optional(text, (value) => writer.string(value));
        writer.uint(0);
      },
      read: (reader) => reader.string(),
    });
  }

  /** A transient domain: libvirt forgets it when it ends. */
  createDomain(
    name: string,
    xml: string,
    flags: number,
    options: CallOptions = {},
  ): Promise<RemoteDomain> {
    return this.#call({
      procedure: remote.domainCreateXml,
      doing: `create domain ${name}`,
      write: (writer) => writer.string(xml).uint(flags),
      read: readDomain,
      ...options,
    });
  }

  /** @throws TidepoolError `notFound` */
  lookupDomain(name: string): Promise<RemoteDomain> {
    return this.#call({
      procedure: remote.domainLookupByName,
      doing: `look up domain ${name}`,
      write: (writer) => writer.string(name),
      read: readDomain,
    });
  }

  /** All that run or are paused. */
  listDomains(): Promise<RemoteDomain[]> {
    return this.#call({
      procedure: remote.connectListAllDomains,
      doing: "list domains",
      write: (writer) => writer.int(1).uint(protocol.listFlags.active),
      read: (reader) => reader.array(() => readDomain(reader)),
    });
  }

  domainState(domain: RemoteDomain): Promise<(typeof protocol.domainStates)[number]> {
    return this.#call({
      procedure: remote.domainGetState,
      doing: `ask the state of domain ${domain.name}`,
      write: (writer) => writeDomain(writer, domain).uint(0),
      read: (reader) => protocol.domainStates[reader.int()] ?? "nostate",
    });
  }

  domainXml(domain: RemoteDomain): Promise<string> {
    return this.#call({
      procedure: remote.domainGetXmlDesc,
      doing: `ask the XML of domain ${domain.name}`,
      write: (writer) => writeDomain(writer, domain).uint(0),
      read: (reader) => reader.string(),
    });
  }

  suspend(domain: RemoteDomain): Promise<void> {
    return this.#call({
      procedure: remote.domainSuspend,
      doing: `pause domain ${domain.name}`,
      write: (writer) => writeDomain(writer, domain),
      read: nothing,
    });
  }

  resume(domain: RemoteDomain): Promise<void> {
    return this.#call({
      procedure: remote.domainResume,
      doing: `resume domain ${domain.name}`,
      write: (writer) => writeDomain(writer, domain),
      read: nothing,
    });
  }

  /** SIGTERM, then SIGKILL; its log goes too. @throws TidepoolError `notFound` */
  destroy(domain: RemoteDomain): Promise<void> {
    return this.#call({
      procedure: remote.domainDestroyFlags,
      doing: `destroy domain ${domain.name}`,
      write: (writer) => writeDomain(writer, domain).uint(protocol.destroyFlags.removeLogs),
      read: nothing,
    });
  }

  /** One QMP command to the domain's QEMU; answers what its "return" holds. */
  monitorCommand(
    domain: RemoteDomain,
    execute: string,
    parameters: Readonly<Record<string, unknown>> = {},
    options: CallOptions = {},
  ): Promise<unknown> {
    const doing = `monitor command ${execute} in domain ${domain.name}`;
    return this.#call({
      program: "qemu",
      procedure: protocol.qemuProcedures.monitorCommand,
      doing,
      write: (writer) =>
        writeDomain(writer, domain)
          .string(JSON.stringify({ execute, arguments: parameters }))
          .uint(0),
      read: (reader) => readMonitorAnswer(reader.string(), doing),
      ...options,
    });
  }

  /** Tells the daemon and closes; idempotent. */
  async close(): Promise<void> {
    const goodbye = this.#call({
      procedure: remote.connectClose,
      doing: "say goodbye",
      read: nothing,
    });
    await Promise.race([goodbye.catch(nothing), this.closed]);
    this.#connection.close();
  }

  async #authenticate(): Promise<void> {
    const types = await this.#call({
      procedure: remote.authList,
      doing: "ask how to authenticate",
      read: (reader) => reader.array(() => reader.int()),
    });
    if (types.includes(protocol.authTypes.none) || types.length === 0) return;
    if (types.includes(protocol.authTypes.polkit))
      await this.#call({
        procedure: remote.authPolkit,
        doing: "authenticate by polkit",
        read: (reader) => reader.int(),
      });
    else
      throw new TidepoolError(
        "unavailable",
        `libvirtd at ${this.socketPath} wants a password; only 'none' and 'polkit' are spoken on a unix socket`,
      );
  }

  #supportsFeature(feature: number): Promise<boolean> {
    return this.#call({
      procedure: remote.connectSupportsFeature,
      doing: "ask for keepalive",
      write: (writer) => writer.int(feature),
      read: (reader) => reader.int() !== 0,
    });
  }

  #open(address: LibvirtAddress): Promise<void> {
    return this.#call({
      procedure: remote.connectOpen,
      doing: `open ${address.name}`,
      write: (writer) => writer.optional(address.name, (name) => writer.string(name)).uint(0),
      read: nothing,
    });
  }

  async #checkVersion(): Promise<void> {
    const version = await this.libraryVersion();
    if (version < protocol.libvirtVersionMin)
      throw new TidepoolError(
        "invalid",
        `libvirtd at ${this.socketPath} is version ${formatVersion(version)}, at least ${formatVersion(protocol.libvirtVersionMin)} is needed`,
      );
  }

  #registerLifecycleEvents(): Promise<number> {
    return this.#call({
      procedure: remote.connectDomainEventCallbackRegisterAny,
      doing: "register for events",
      write: (writer) => writer.int(protocol.lifecycleEventId).int(0),
      read: (reader) => reader.int(),
    });
  }

  #call<T>(call: CallParts<T>): Promise<T> {
    return this.#connection.call({ ...call, timeoutMs: callTimeoutMs });
  }
}

/** 9_000_000 → "9.0.0" */
export function formatVersion(version: number): string {
  const major = Math.floor(version / 1e6);
  return `${major}.${Math.floor(version / 1e3) % 1e3}.${version % 1e3}`;
}

function readLifecycleEvent(reader: XdrReader): LifecycleEvent {
  reader.int();
  const domain = readDomain(reader);
  const event = protocol.lifecycleEvents[reader.int()] ?? "unknown";
  const detail = reader.int();
  const isStop = event === "stopped";
  return {
    domain,
    event,
    detail: (isStop ? protocol.stoppedDetails[detail] : undefined) ?? `detail ${detail}`,
  };
}

function readMonitorAnswer(text: string, doing: string): unknown {
  const answer = JSON.parse(text) as {
    readonly return?: unknown;
    readonly error?: { readonly desc: string };
  };
  if (answer.error === undefined) return answer.return;
  throw new TidepoolError("unavailable", `${doing}: QEMU says '${answer.error.desc}'`);
}
