/** Deploys a zip with its settings, with a bar for people who wait. */
import type {
  FunctionDescription,
  FunctionSettings,
  TidepoolClient,
  UploadOptions,
} from "@tidepool/sdk";
import { formatBytes } from "../terminal/format.ts";
import { startProgress } from "../terminal/progress.ts";
import type { Terminal } from "../terminal/terminal.ts";

const chunkBytes = 256 * 1024;

export interface CodeToSend {
  readonly name: string;
  readonly settings: FunctionSettings;
  readonly zip: Uint8Array;
}

/** Creates the function where there is none. */
export async function sendCode(
  client: TidepoolClient,
  { name, settings, zip }: CodeToSend,
  terminal: Terminal,
  options: Omit<UploadOptions, "settings">,
): Promise<FunctionDescription> {
  const bar = startProgress(terminal, `uploading ${name}`, formatBytes);
  try {
    const parts = chunksOf(zip, (sent) => bar.update(sent, zip.length));
    return await client.deploy(name, settings, parts, options);
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
