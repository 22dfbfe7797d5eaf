/**
 * QMP, QEMU's control protocol: JSON lines over one stream. Commands are answered in order, so several can
 * be under way; events come in between.
 */
import type { Duplex } from "node:stream";
import { TidepoolError } from "@tidepool/common";

const lineMaxCharacters = 1024 * 1024;

type QmpArguments = Readonly<Record<string, unknown>>;

interface QmpMessage {
  readonly return?: unknown;
  readonly error?: { readonly class: string; readonly desc: string };
  readonly event?: string;
  readonly QMP?: unknown;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: TidepoolError) => void;
}

export class QmpClient {
  readonly #stream: Duplex;
  readonly #pending: (Waiting & { readonly command: string })[] = [];
  readonly #events = new Map<string, Waiting[]>();
  #text = "";
  #failure: TidepoolError | undefined;

  /** The first command to run is `qmp_capabilities`. */
  constructor(stream: Duplex) {
    this.#stream = stream;
    stream.setEncoding("utf8");
    stream.on("data", (text: string) => {
      this.#push(text);
    });
    stream.on("error", () => undefined);
    const onEnd = (): void => {
      this.#end(new TidepoolError("unavailable", "qemu closed its control channel"));
    };
    stream.on("end", onEnd);
    stream.on("close", onEnd);
  }

  run(command: string, parameters?: QmpArguments): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      this.#pending.push({ resolve, reject, command });
      const request = parameters === undefined ? {} : { arguments: parameters };
      this.#stream.write(`${JSON.stringify({ execute: command, ...request })}\n`);
    });
  }

  /** Resolves when the event comes for the next time. */
  once(event: string): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      const waiting = this.#events.get(event) ?? [];
      waiting.push({
        resolve: () => {
          resolve();
        },
        reject,
      });
      this.#events.set(event, waiting);
    });
  }

  #push(text: string): void {
    const lines = (this.#text + text).split("\n");
    this.#text = lines.pop() ?? "";
    if (this.#text.length > lineMaxCharacters) {
      const limit = String(lineMaxCharacters);
      this.#end(new TidepoolError("internal", `qemu sent a line of more than ${limit} characters`));
      return;
    }
    for (const line of lines) {
      if (line.trim() !== "") this.#take(line);
    }
  }

  #take(line: string): void {
    let message: QmpMessage;
    try {
      message = JSON.parse(line) as QmpMessage;
    } catch (thrown) {
      this.#end(
        new TidepoolError("internal", "qemu sent a line that is not JSON", { cause: thrown }),
      );
      return;
    }
    if (message.event !== undefined) {
      const waiting = this.#events.get(message.event) ?? [];
      this.#events.delete(message.event);
      for (const each of waiting) each.resolve(undefined);
    } else if (message.QMP === undefined) {
      const first = this.#pending.shift();
      if (message.error === undefined) first?.resolve(message.return);
      else {
        const text = `qemu refused ${first?.command ?? "a command"}: ${message.error.desc}`;
        first?.reject(new TidepoolError("unavailable", text));
      }
    }
  }

  #end(error: TidepoolError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    for (const each of this.#pending.splice(0)) each.reject(error);
    for (const waiting of this.#events.values()) {
      for (const each of waiting) each.reject(error);
    }
    this.#events.clear();
  }
}
