/**
 * What functions print, as lines with their request, in batches per function. Batches bound the number of
 * messages; a function that prints faster than its batches leave loses lines, and a mark says how many.
 */
import { toTimestamp } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import type { Clock } from "@tidepool/common";
import type { OutputStream } from "../guest/session.ts";
import type { LogSink } from "../ports.ts";
import type { Vm } from "../vm/vm.ts";
import { LineSplitter } from "./line-splitter.ts";

type LogLine = tidepool.v1.LogLine.$Properties;

/** A batch leaves at the latest after this. */
export const logBatchMs = 50;
export const logBatchLinesMax = 500;
/** Of text, in UTF-16 units: a batch stays under what NATS takes. */
export const logBatchLengthMax = 256 * 1024;
/** Lines of one function in one batch time. */
export const logLinesMax = 10_000;

interface Pending {
  lines: LogLine[];
  droppedCount: number;
}

export class FunctionLogs {
  private readonly hostId: string;
  private readonly sink: LogSink;
  private readonly clock: Clock;
  private readonly splitters = new Map<Vm, Record<OutputStream, LineSplitter>>();
  private readonly pending = new Map<string, Pending>();
  private timer: NodeJS.Timeout | undefined;

  constructor(hostId: string, sink: LogSink, clock: Clock) {
    this.hostId = hostId;
    this.sink = sink;
    this.clock = clock;
  }

  hear(vm: Vm, stream: OutputStream, bytes: Uint8Array): void {
    for (const text of this.splittersOf(vm)[stream].push(bytes)) this.add(vm, stream, text);
  }

  /** Gives out what a call left without an end of line, so that it does not end up in the next call's. */
  endCall(vm: Vm): void {
    const splitters = this.splitters.get(vm);
    if (splitters === undefined) return;
    for (const stream of ["stdout", "stderr"] as const) {
      const text = splitters[stream].flush();
      if (text !== undefined) this.add(vm, stream, text);
    }
  }

  forget(vm: Vm): void {
    this.endCall(vm);
    this.splitters.delete(vm);
  }

  /** Sends what waits. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    for (const [functionName, { lines, droppedCount }] of this.pending) {
      if (droppedCount > 0) lines.push(this.droppedLine(lines, droppedCount));
      for (const batch of batches(lines)) this.sink.logs({ functionName, lines: batch });
    }
    this.pending.clear();
  }

  private splittersOf(vm: Vm): Record<OutputStream, LineSplitter> {
    const known = this.splitters.get(vm);
    if (known !== undefined) return known;
    const fresh = { stdout: new LineSplitter(), stderr: new LineSplitter() };
    this.splitters.set(vm, fresh);
    return fresh;
  }

  private add(vm: Vm, stream: OutputStream, text: string): void {
    const owned = vm.assignment?.owned;
    if (owned === undefined) return;
    const pending = this.pending.get(owned.name) ?? { lines: [], droppedCount: 0 };
    this.pending.set(owned.name, pending);
    this.timer ??= setTimeout(() => this.flush(), logBatchMs);
    if (pending.lines.length >= logLinesMax) {
      pending.droppedCount += 1;
      return;
    }
    pending.lines.push({
      at: toTimestamp(this.clock.nowMs()),
      requestId: vm.requestId,
      version: owned.version,
      stream,
      text,
      hostId: this.hostId,
      vmId: vm.vmId,
    });
  }

  private droppedLine(lines: readonly LogLine[], count: number): LogLine {
    return {
      ...lines.at(-1),
      stream: "stderr",
      text: `… [${count} lines dropped: more than ${logLinesMax} in ${logBatchMs} ms]`,
    };
  }
}

/** Cuts lines into batches that are small enough to send. Pure. */
export function* batches(lines: readonly LogLine[]): Generator<LogLine[]> {
  let batch: LogLine[] = [];
  let length = 0;
  for (const line of lines) {
    const lineLength = line.text?.length ?? 0;
    if (batch.length >= logBatchLinesMax || length + lineLength > logBatchLengthMax) {
      yield batch;
      batch = [];
      length = 0;
    }
    batch.push(line);
    length += lineLength;
  }
  if (batch.length > 0) yield batch;
}
