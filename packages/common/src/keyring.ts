/**
 * Seals bytes with AES-256-GCM under keys from a file. The first key of the file seals, every key opens: a new
 * one is put on top, and an old one taken out when nothing is sealed with it any more.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { messageOf, TidepoolError } from "./error.ts";

export interface Sealed {
  /** Nonce, ciphertext, tag. */
  readonly sealed: Uint8Array;
  /** Tells keys apart, and nothing of them. */
  readonly keyId: Uint8Array;
}

interface Key {
  readonly id: Buffer;
  readonly bytes: Buffer;
}

const algorithm = "aes-256-gcm";
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const keyIdBytes = 8;
/** Others of the machine must not read the file. */
const othersMask = 0o077;

export class Keyring {
  readonly #keys: readonly Key[];

  /** @param text one key a line, base64 of 32 bytes; empty lines and lines with "#" are passed over */
  constructor(text: string) {
    const lines = text.split("\n").map((line) => line.trim());
    this.#keys = lines.filter((line) => line !== "" && !line.startsWith("#")).map(parseKey);
    if (this.#keys.length === 0) throw new TidepoolError("invalid", "no key is in the file");
  }

  /** @param context the same when it is opened: bytes sealed for one thing are no other's */
  seal(plain: Uint8Array, context: string): Sealed {
    const [key] = this.#keys;
    if (key === undefined) throw new TidepoolError("internal", "a keyring has a key");
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv(algorithm, key.bytes, nonce).setAAD(Buffer.from(context));
    const sealed = Buffer.concat([
      nonce,
      cipher.update(plain),
      cipher.final(),
      cipher.getAuthTag(),
    ]);
    return { sealed, keyId: key.id };
  }

  /** @throws TidepoolError `unavailable` when no key of the ring sealed it; `internal` when it was changed */
  open({ sealed, keyId }: Sealed, context: string): Buffer {
    const key = this.#keys.find(({ id }) => id.equals(keyId));
    if (key === undefined) {
      const id = Buffer.from(keyId).toString("hex");
      throw new TidepoolError("unavailable", `key ${id} is not in the key file`, {
        reason: "secretsKeyMissing",
      });
    }
    const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
    const tagAt = bytes.length - tagBytes;
    try {
      const decipher = createDecipheriv(algorithm, key.bytes, bytes.subarray(0, nonceBytes))
        .setAAD(Buffer.from(context))
        .setAuthTag(bytes.subarray(tagAt));
      return Buffer.concat([decipher.update(bytes.subarray(nonceBytes, tagAt)), decipher.final()]);
    } catch (cause) {
      throw new TidepoolError("internal", "what was sealed has been changed since", {
        cause,
        reason: "secretDamaged",
      });
    }
  }
}

/** A new key, as a line of a key file. */
export function newKey(): string {
  return randomBytes(keyBytes).toString("base64");
}

/** @throws TidepoolError `invalid` when the file is not there, others may read it, or a line of it is no key */
export async function readKeyring(path: string): Promise<Keyring> {
  try {
    const { mode } = await stat(path);
    if ((mode & othersMask) !== 0) {
      throw new TidepoolError("invalid", `others may read it: chmod 600 ${path}`);
    }
    return new Keyring(await readFile(path, "utf8"));
  } catch (cause) {
    throw new TidepoolError("invalid", `key file ${path}: ${messageOf(cause)}`, { cause });
  }
}

/** The line itself is in no message. */
function parseKey(line: string, index: number): Key {
  const bytes = Buffer.from(line, "base64");
  if (bytes.length !== keyBytes || bytes.toString("base64") !== line) {
    throw new TidepoolError("invalid", `key ${index + 1} is not ${keyBytes} bytes in base64`);
  }
  const id = createHash("sha256").update(bytes).digest().subarray(0, keyIdBytes);
  return { id, bytes };
}
