/**
 * Takes a function's code file by file, and turns it into a handler. Files are written as they come, so
 * that the code is held once.
 */
import { closeSync, mkdirSync, openSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import type { tidepool } from "@tidepool/proto";
import { findHandler } from "./find-handler.ts";
import type { Handler } from "./find-handler.ts";

/** Where the code of a VM's one function is. */
export const codeFolder = "/var/task";

export interface LoadedFunction {
  readonly handler: Handler;
  readonly functionName: string;
  readonly functionVersion: string;
  readonly memoryLimitMib: number;
}

export class CodeReceiver {
  readonly #folder: string;
  #load: tidepool.guest.v1.Load.$Properties = {};
  #open: { readonly path: string; readonly fd: number } | undefined;
  #failure: unknown;

  constructor(folder: string) {
    this.#folder = folder;
  }

  begin(load: tidepool.guest.v1.Load.$Properties): void {
    this.#load = load;
  }

  /** A file that cannot be written makes the load fail, once all of it has come. */
  add(file: tidepool.guest.v1.CodeFile.$Properties): void {
    if (this.#failure !== undefined) return;
    try {
      this.#write(file.path ?? "", file.mode ?? 0o644, file.content ?? new Uint8Array());
    } catch (thrown) {
      this.#failure = thrown;
    }
  }

  async load(): Promise<LoadedFunction> {
    this.#close();
    if (this.#failure !== undefined) throw this.#failure;
    Object.assign(process.env, environmentOf(this.#load, this.#folder), this.#load.environment);
    return {
      handler: await findHandler(this.#folder, this.#load.handler ?? ""),
      functionName: this.#load.functionName ?? "",
      functionVersion: this.#load.functionVersion ?? "",
      memoryLimitMib: this.#load.memoryLimitMib ?? 0,
    };
  }

  #write(path: string, mode: number, content: Uint8Array): void {
    if (this.#open?.path !== path) {
      this.#close();
      const target = join(this.#folder, path);
      mkdirSync(dirname(target), { recursive: true });
      this.#open = { path, fd: openSync(target, "wx", mode & 0o777) };
    }
    for (let at = 0; at < content.length;) at += writeSync(this.#open.fd, content, at);
  }

  #close(): void {
    if (this.#open !== undefined) closeSync(this.#open.fd);
    this.#open = undefined;
  }
}

/** What libraries look for to learn where they run. */
function environmentOf(
  load: tidepool.guest.v1.Load.$Properties,
  folder: string,
): Record<string, string> {
  return {
    AWS_LAMBDA_FUNCTION_NAME: load.functionName ?? "",
    AWS_LAMBDA_FUNCTION_VERSION: load.functionVersion ?? "",
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(load.memoryLimitMib ?? 0),
    LAMBDA_TASK_ROOT: folder,
    _HANDLER: load.handler ?? "",
  };
}
