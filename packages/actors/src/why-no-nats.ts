/**
 * Why a nats-server takes no connection of this process: TLS 1.3 tells it after the handshake, when NATS's client has
 * gone on to wait for the server's first word.
 */
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import type { PeerCertificate } from "node:tls";
import { messageOf } from "@tidepool/common";
import type { TlsFiles } from "@tidepool/common";

export interface ServerCheck {
  readonly checkServerIdentity: (host: string, certificate: PeerCertificate) => Error | undefined;
}

const lookMaxMs = 3_000;
const natsPortDefault = 4_222;
/** What a nats-server wants to read before it says whether it knows the user. */
const greeting = `CONNECT {"verbose":false,"pedantic":false,"lang":"tidepool","version":"1"}\r\nPING\r\n`;

/** @param server "nats://host:port" @returns words that end a sentence; undefined where nothing is found out */
export async function whyNoNats(
  server: string,
  tls: TlsFiles & ServerCheck,
): Promise<string | undefined> {
  try {
    const url = new URL(server.includes("://") ? server : `nats://${server}`);
    const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
    const [ca, cert, key] = await Promise.all(
      [tls.caFile, tls.certFile, tls.keyFile].map((file) => readFile(file)),
    );
    const said = await look(host, Number(url.port || natsPortDefault), (socket) => {
      const { checkServerIdentity } = tls;
      return connectTls({ socket, host, ca, cert, key, checkServerIdentity } as object);
    });
    if (/authorization violation/i.test(said)) return `it has no user for ${tls.certFile}`;
    return undefined;
  } catch (error) {
    const says = messageOf(error);
    // What the other end says of ours comes as an alert.
    return /alert|ECONNRESET/i.test(says)
      ? `it does not take ${tls.certFile}: ${wordsOf(says)}`
      : wordsOf(says);
  }
}

/** What it answers to the greeting. */
function look(
  host: string,
  port: number,
  secure: (socket: ReturnType<typeof connect>) => ReturnType<typeof connectTls>,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const plain = connect({ host, port });
    const timer = setTimeout(() => plain.destroy(new Error("it says nothing")), lookMaxMs);
    const settle = (work: () => void): void => {
      clearTimeout(timer);
      plain.destroy();
      work();
    };
    plain.on("error", (error) => settle(() => reject(error)));
    // As of a proxy in front of nothing: no timer ends a connection that has ended itself.
    const endsUnheard = (): void => settle(() => resolve(""));
    plain.once("close", endsUnheard);
    // Its first line is in plain text.
    plain.once("data", () => {
      plain.off("close", endsUnheard);
      const socket = secure(plain);
      let said = "";
      socket.on("error", (error) => settle(() => reject(error)));
      socket.on("close", () => settle(() => resolve(said)));
      socket.on("secureConnect", () => socket.write(greeting));
      socket.on("data", (chunk) => {
        said += String(chunk);
        if (/-ERR|PONG/.test(said)) settle(() => resolve(said));
      });
    });
  });
}

/** Of OpenSSL's "…:SSL routines:ssl3_read_bytes:tlsv1 alert unknown ca:…:SSL alert number 48" the words. */
function wordsOf(says: string): string {
  return /alert ([a-z ]+):/.exec(says)?.[1] ?? says.trim();
}
