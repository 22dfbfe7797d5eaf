/**
 * The virtio-serial port to the host-agent, inherited from init. Node has no public way to use a character
 * device as a stream without a worker thread for each read; libuv's pipe over the descriptor is the fast way.
 */
import { Socket } from "node:net";
import { tidepool } from "@tidepool/proto";

/** Where init puts the port. */
const portFd = 3;
const socketType = 0;

type GuestRuntime = tidepool.guest.v1.GuestRuntime.$Properties;

interface PipeBinding {
  readonly Pipe: new (type: number) => { open(fd: number): number };
}

export interface Port {
  send(message: GuestRuntime, sent?: () => void): void;
  onBytes(listener: (bytes: Buffer) => void): void;
}

export function openPort(): Port {
  const { binding } = process as unknown as { binding: (name: "pipe_wrap") => PipeBinding };
  const { Pipe } = binding.call(process, "pipe_wrap");
  const handle = new Pipe(socketType);
  const failure = handle.open(portFd);
  if (typeof failure === "number" && failure !== 0) {
    throw new Error(`cannot open the port to the host-agent: ${String(failure)}`);
  }
  // The handle option is internal to Node, and stable since 0.x.
  const socket = new Socket({ handle } as unknown as ConstructorParameters<typeof Socket>[0]);
  socket.resume();
  return {
    send(message, sent) {
      const body = tidepool.guest.v1.GuestRuntime.encode(message).finish();
      const header = Buffer.allocUnsafe(4);
      header.writeUInt32LE(body.length);
      socket.cork();
      socket.write(header);
      socket.write(body, sent);
      socket.uncork();
    },
    onBytes(listener) {
      socket.on("data", listener);
    },
  };
}
