/** What a token is made of: "tp_", an id that is no secret, and 256 random bits. Only a digest is ever stored. */
import { createHash, randomBytes } from "node:crypto";

/** "tp_", the id, "_", the secret. */
const pattern = /^tp_([0-9a-f]{16})_[A-Za-z0-9_-]{43}$/;
const idBytes = 8;
const secretBytes = 32;

export interface NewTokenText {
  readonly id: string;
  readonly text: string;
  readonly digest: Uint8Array;
}

export function makeToken(): NewTokenText {
  const id = randomBytes(idBytes).toString("hex");
  const text = `tp_${id}_${randomBytes(secretBytes).toString("base64url")}`;
  return { id, text, digest: digestOfToken(text) };
}

/** Undefined for what is no token. */
export function tokenIdOf(text: string): string | undefined {
  return pattern.exec(text)?.[1];
}

export function digestOfToken(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
