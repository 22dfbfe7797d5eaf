/** Certificates that end: those of the folders that services here would use, and those that frontends show. */
import { isIP } from "node:net";
import { connect } from "node:tls";
import {
  daysLeft,
  messageOf,
  readCertificateEnd,
  stateOf,
  systemClock,
  tlsFilesIn,
} from "@tidepool/common";
import type { CertificateEnd, CertificateState } from "@tidepool/common";
import type { Check } from "./checks.ts";

const connectMaxMs = 2_000;
const states: Readonly<Record<CertificateState, Check["state"]>> = {
  holds: "ok",
  endsSoon: "warning",
  hasEnded: "failed",
};

export async function checkCertificates(options: {
  readonly env: NodeJS.ProcessEnv;
  /** Of frontends, separated by commas. */
  readonly address: string;
  /** PEM of who is trusted. */
  readonly tlsCa?: string;
}): Promise<readonly Check[]> {
  const { env, address, tlsCa } = options;
  const folders = [env["TIDEPOOL_TLS_DIR"], env["TIDEPOOL_FRONTEND_TLS_DIR"]];
  const files = folders.filter(Boolean).flatMap((folder = "") => {
    const { certFile, caFile } = tlsFilesIn(folder);
    return [certFile, caFile];
  });
  if (tlsCa !== undefined) files.push(tlsCa);
  const shown = await Promise.all(address.split(",").map(shownBy));
  return [
    ...(await Promise.all([...new Set(files)].map(checkFile))),
    ...shown.flatMap((end) => (end === undefined ? [] : [checkEnd(end)])),
  ];
}

function checkEnd(end: CertificateEnd, nowMs = systemClock.nowMs()): Check {
  const name = "certificate";
  const until = new Date(end.endsAtMs).toISOString().slice(0, 10);
  const days = daysLeft(end, nowMs);
  const state = states[stateOf(end, nowMs)];
  const detail =
    state === "failed"
      ? `${end.of} has ended on ${until}`
      : `${end.of} holds until ${until}, ${days} ${days === 1 ? "day" : "days"}`;
  if (state === "ok") return { name, state, detail };
  return { name, state, detail, fix: "issue it again: tidepool certs issue" };
}

async function checkFile(file: string): Promise<Check> {
  try {
    return checkEnd(await readCertificateEnd(file));
  } catch (error) {
    const fix = "make it: tidepool certs issue";
    return { name: "certificate", state: "failed", detail: messageOf(error), fix };
  }
}

/** Undefined where nobody answers, or not in TLS. */
function shownBy(address: string): Promise<CertificateEnd | undefined> {
  const [, host = "", port = ""] = /^\[?([^\]/]+)\]?:(\d+)$/.exec(address.trim()) ?? [];
  if (host === "") return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port: Number(port),
      ALPNProtocols: ["h2"],
      // Looked at only: one that has ended, or is of nobody known here, is to be told too.
      rejectUnauthorized: false,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      timeout: connectMaxMs,
    });
    const settle = (end?: CertificateEnd): void => {
      socket.destroy();
      resolve(end);
    };
    socket.on("secureConnect", () => {
      const endsAtMs = Date.parse(socket.getPeerCertificate().valid_to);
      settle(Number.isNaN(endsAtMs) ? undefined : { of: `${host}:${port}`, endsAtMs });
    });
    socket.on("error", () => settle());
    socket.on("timeout", () => settle());
    socket.on("close", () => settle());
  });
}
