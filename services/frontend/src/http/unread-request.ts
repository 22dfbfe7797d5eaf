/** Answers for requests that Node could not read: they never become a request of ours, and are told in the same form. */
import { randomUUID } from "node:crypto";
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { requestIdHeader } from "./cors.ts";
import { httpFailure, HttpRefusal } from "./failure.ts";
import { headersMaxBytes, headersTimeoutMs } from "./limits.ts";

/**
 * The connection ends with it.
 *
 * @param isAnswering part of another answer may be out already
 */
export function refuseUnread(
  error: NodeJS.ErrnoException,
  socket: Socket,
  isAnswering: boolean,
): void {
  if (!socket.writable || isAnswering) {
    socket.destroy();
    return;
  }
  answerAndClose(refusalOf(error), socket);
}

/** Of CONNECT, with which Node gives the connection away. */
export function refuseTunnel(socket: Socket): void {
  socket.on("error", () => socket.destroy());
  answerAndClose(new HttpRefusal(405, "functions are called, and nothing is connected to"), socket);
}

function answerAndClose(refusal: HttpRefusal, socket: Socket): void {
  const requestId = randomUUID();
  const { status, headers, body } = httpFailure(refusal, requestId);
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    ...[...headers, [requestIdHeader, requestId]].map(([name, value]) => `${name}: ${value}`),
    `content-length: ${body.byteLength}`,
    "connection: close",
  ];
  socket.end(Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`), body]));
}

function refusalOf({ code, message }: NodeJS.ErrnoException): HttpRefusal {
  if (code === "HPE_HEADER_OVERFLOW") {
    const told = `request line and headers are over their limit of ${headersMaxBytes} bytes`;
    return new HttpRefusal(431, told);
  }
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") {
    return new HttpRefusal(
      408,
      `the request did not come in time; headers have ${headersTimeoutMs} ms`,
    );
  }
  return new HttpRefusal(400, `this is no HTTP request: ${message}`);
}
