/** When certificates end: of each PEM file the one that ends first. */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { messageOf, TidepoolError } from "./error.ts";

/** From so many days before its end on a certificate is warned of. */
export const certificateWarnDays = 14;

export interface CertificateEnd {
  /** A file's path, or who showed it. */
  readonly of: string;
  readonly endsAtMs: number;
}

export type CertificateState = "holds" | "endsSoon" | "hasEnded";

const dayMs = 86_400_000;
const pem = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** @throws TidepoolError `invalid` for a file that cannot be read, or holds none */
export async function readCertificateEnd(file: string): Promise<CertificateEnd> {
  try {
    const found = (await readFile(file, "utf8")).match(pem) ?? [];
    const ends = found.map((text) => Date.parse(new X509Certificate(text).validTo));
    if (ends.length === 0) throw new Error("it holds no certificate");
    return { of: file, endsAtMs: Math.min(...ends) };
  } catch (error) {
    throw new TidepoolError("invalid", `${file}: ${messageOf(error)}`, { cause: error });
  }
}

/** Whole days; below zero when it has ended. */
export function daysLeft({ endsAtMs }: CertificateEnd, nowMs: number): number {
  return Math.floor((endsAtMs - nowMs) / dayMs);
}

export function stateOf(end: CertificateEnd, nowMs: number): CertificateState {
  if (end.endsAtMs <= nowMs) return "hasEnded";
  return end.endsAtMs - nowMs <= certificateWarnDays * dayMs ? "endsSoon" : "holds";
}
