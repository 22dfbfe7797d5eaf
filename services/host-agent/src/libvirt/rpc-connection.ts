/**
 * One connection to a libvirt daemon: calls out, replies by serial number, messages in, pings answered.
 * Knows packets and programs, but no procedure's arguments. When the connection ends, every waiting call
 * fails with `unavailable` and `closed` settles; it is never opened again (see libvirt-link.ts).
 */
import { connect, type Socket } from "node:net";
import { TidepoolError, messageOf } from "@tidepool/common";
import { PacketSplitter, encodePacket, type Packet } from "./packet.ts";
import {
  keepaliveProcedures,
  packetStatuses,
  packetTypes,
  programs,
  type ProgramName,
} from "./protocol.ts";
import { readRemoteError } from "./remote-error.ts";
import { XdrReader, XdrWriter } from "./xdr.ts";

export interface Call<T> {
  readonly program?: ProgramName;
  readonly procedure: number;
  /** For error messages: "create domain vm-1". */
  readonly doing: string;
  readonly write?: (writer: XdrWriter) => void;
  readonly read: (reader: XdrReader) => T;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export type MessageListener = (procedure: number, body: XdrReader) => void;

interface Waiting {
  readonly doing: string;
  readonly settle: (reply: Packet | TidepoolError) => void;
}

export class RpcConnection {
  readonly socketPath: string;
  /** Why it ended; settles once, never rejects. */
  readonly closed: Promise<TidepoolError>;
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  readonly #splitter = new PacketSplitter();
  readonly #onMessage: MessageListener;
  #serial = 0;
  #end: TidepoolError | undefined;
  #announceEnd: (reason: TidepoolError) => void = () => {};

  private constructor(socketPath: string, socket: Socket, onMessage: MessageListener) {
    this.socketPath = socketPath;
    this.#socket = socket;
    this.#onMessage = onMessage;
    this.closed = new Promise((resolve) => (this.#announceEnd = resolve));
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("error", (error) => this.#finish(messageOf(error)));
    socket.on("close", () => this.#finish("the daemon closed the connection"));
  }

  /** @throws TidepoolError `unavailable`, naming the socket, when nothing listens there */
  static open(socketPath: string, onMessage: MessageListener): Promise<RpcConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(socketPath);
      const onError = (error: Error): void => {
        const message = `libvirtd does not answer at ${socketPath}: ${error.message}`;
        reject(new TidepoolError("unavailable", message, { cause: error }));
      };
      socket.once("error", onError);
      socket.once("connect", () => {
        socket.off("error", onError);
        resolve(new RpcConnection(socketPath, socket, onMessage));
      });
    });
  }

  call<T>(call: Call<T>): Promise<T> {
    return new Promise<Packet>((resolve, reject) => {
      const { doing, signal, timeoutMs } = call;
      if (this.#end !== undefined) return reject(this.#end);
      if (signal?.aborted === true) return reject(cancelled(doing, signal));
      const serial = ++this.#serial;
      const settle = (reply: Packet | TidepoolError): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", onAbort);
        this.#waiting.delete(serial);
        if (reply instanceof TidepoolError) reject(reply);
        else resolve(reply);
      };
      const onAbort = (): void => {
        if (signal !== undefined) settle(cancelled(doing, signal));
      };
      const timer = setTimeout(
        () => settle(unavailable(`${doing}: libvirtd did not answer within ${timeoutMs} ms`)),
        timeoutMs,
      );
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#waiting.set(serial, { doing, settle });
      const body = new XdrWriter();
      call.write?.(body);
      this.#send(call.program ?? "remote", call.procedure, packetTypes.call, serial, body);
    }).then((reply) => {
      const body = new XdrReader(reply.body);
      if (reply.status === packetStatuses.ok) return call.read(body);
      throw readRemoteError(body, call.doing);
    });
  }

  /** Idempotent. Calls that still wait fail with `unavailable`. */
  close(): void {
    this.#finish("closed by us");
  }

  #send(
    program: ProgramName,
    procedure: number,
    type: number,
    serial: number,
    body: XdrWriter,
  ): void {
    const { id, version } = programs[program];
    const status = packetStatuses.ok;
    const packet = { program: id, version, procedure, type, serial, status };
    this.#socket.write(encodePacket({ ...packet, body: body.toBuffer() }));
  }

  #receive(chunk: Buffer): void {
    try {
      for (const packet of this.#splitter.push(chunk)) this.#take(packet);
    } catch (error) {
      this.#finish(messageOf(error));
    }
  }

  #take(packet: Packet): void {
    if (packet.type === packetTypes.reply) {
      this.#waiting.get(packet.serial)?.settle(packet);
    } else if (packet.type === packetTypes.message) {
      if (packet.program === programs.remote.id)
        this.#onMessage(packet.procedure, new XdrReader(packet.body));
      else if (
        packet.program === programs.keepalive.id &&
        packet.procedure === keepaliveProcedures.ping
      )
        this.#send("keepalive", keepaliveProcedures.pong, packetTypes.message, 0, new XdrWriter());
    }
  }

  #finish(reason: string): void {
    if (this.#end !== undefined) return;
    this.#end = unavailable(`libvirtd at ${this.socketPath} is gone: ${reason}`);
    this.#socket.destroy();
    for (const { doing, settle } of this.#waiting.values())
      settle(unavailable(`${doing}: libvirtd at ${this.socketPath} is gone: ${reason}`));
    this.#announceEnd(this.#end);
  }
}

function unavailable(message: string): TidepoolError {
  return new TidepoolError("unavailable", message);
}

function cancelled(doing: string, signal: AbortSignal): TidepoolError {
  return new TidepoolError("cancelled", `${doing}: cancelled`, { cause: signal.reason });
}
