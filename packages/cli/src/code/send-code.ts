/** Uploads a zip, with a bar for people who wait. */
import type { FunctionDescription, TidepoolClient, UploadOptions } from "@tidepool/sdk";
import { formatBytes } from "../terminal/format.ts";
import { startProgress } from "../terminal/progress.ts";
import type { Terminal } from "../terminal/terminal.ts";

const chunkBytes = 256 * 1024;

export async function sendCode(
  client: TidepoolClient,
  name: string,
  zip: Uint8Array,
  terminal: Terminal,
  options: UploadOptions,
): Promise<FunctionDescription> {
  const bar = startProgress(terminal, `uploading ${name}`, formatBytes);
  try {
    const parts = chunksOf(zip, (sent) => bar.update(sent, zip.length));
    return await client.uploadCode(name, parts, options);
  } finally {
    bar.end();
  }
}

async function* chunksOf(
  zip: Uint8Array,
  onSent: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < zip.length; at += chunkBytes) {
    yield zip.subarray(at, at + chunkBytes);
    onSent(Math.min(at + chunkBytes, zip.length));
  }
}
