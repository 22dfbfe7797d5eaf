/** Accepted calls that have failed for good, oldest first; a large payload follows its record in parts. */
import { DeliverPolicy } from "@nats-io/jetstream";
import type { Bus, Storage } from "@tidepool/actors";
import { subjects, tidepool } from "@tidepool/proto";
import { callToWire, parseCall } from "../async/call-wire.ts";
import type { AcceptedCall } from "../async/call.ts";
import { inlineMaxBytes } from "../async/limits.ts";
import type { DeadLetter, DeadLetterQuery, DeadLetterStore } from "../async/ports.ts";
import { storeTimeoutMs } from "../limits.ts";
import { getParts, putParts } from "./part-store.ts";
import { requireNats } from "./require-nats.ts";
import { within } from "./store-failure.ts";

const { DeadLetterRecord } = tidepool.internal.v1;
const { deadLetters: stream } = subjects.streams;
const transferMaxMs = 20_000;

export class NatsDeadLetters implements DeadLetterStore {
  private readonly bus: Bus;
  private readonly storage: Pick<Storage, "client" | "manager">;

  constructor(bus: Bus, storage: Pick<Storage, "client" | "manager">) {
    this.bus = bus;
    this.storage = storage;
  }

  /** The record last: one that is listed has its payload. */
  async put({ call, payload }: DeadLetter): Promise<void> {
    const { requestId, functionName } = call;
    const what = `storing the dead letter of call '${requestId}'`;
    requireNats(this.bus, what);
    const { client } = this.storage;
    const subjectOf = (part: number): string =>
      subjects.deadLetterPart(functionName, requestId, part);
    const isInline = payload.byteLength <= inlineMaxBytes;
    if (!isInline) await within(what, transferMaxMs, putParts(client, subjectOf, payload, 1));
    const record = {
      call: callToWire(call),
      payload: isInline ? payload : new Uint8Array(),
      payloadBytes: payload.byteLength,
    };
    const bytes = DeadLetterRecord.encode(record).finish();
    await within(what, storeTimeoutMs, client.publish(subjectOf(0), bytes));
  }

  /** Those that were there when the reading began. */
  async *read(query: DeadLetterQuery): AsyncGenerator<DeadLetter> {
    const what = "reading dead letters";
    requireNats(this.bus, what);
    for (const subject of subjectsOf(query)) {
      const consumer = await within(
        what,
        storeTimeoutMs,
        this.storage.client.consumers.get(stream, {
          filter_subjects: subject,
          deliver_policy: DeliverPolicy.All,
        }),
      );
      const { num_pending: count } = await within(what, storeTimeoutMs, consumer.info());
      if (count === 0) continue;
      const messages = await within(what, storeTimeoutMs, consumer.consume());
      try {
        for await (const message of messages) {
          const letter = await this.letterOf(message.data);
          if (letter !== undefined && isWanted(letter, query)) yield letter;
          if (message.info.pending === 0) break;
        }
      } finally {
        await messages.close();
      }
    }
  }

  async remove({
    functionName,
    requestId,
  }: Pick<AcceptedCall, "functionName" | "requestId">): Promise<void> {
    const what = `removing the dead letter of call '${requestId}'`;
    requireNats(this.bus, what);
    const filter = subjects.deadLetterParts(functionName, requestId);
    await within(what, storeTimeoutMs, this.storage.manager.streams.purge(stream, { filter }));
  }

  /** Undefined when it was removed while it was read. */
  private async letterOf(bytes: Uint8Array): Promise<DeadLetter | undefined> {
    const record = DeadLetterRecord.decode(bytes);
    const call = parseCall(record.call ?? {});
    const { payload, payloadBytes } = record;
    if (payload.byteLength === payloadBytes) return { call, payload };
    const subjectOf = (part: number): string =>
      subjects.deadLetterPart(call.functionName, call.requestId, part);
    const { manager } = this.storage;
    const whole = await within(
      `reading the dead letter of call '${call.requestId}'`,
      transferMaxMs,
      getParts(manager, stream, subjectOf, payloadBytes, 1),
    );
    return whole === undefined ? undefined : { call, payload: whole };
  }
}

function isWanted({ call }: DeadLetter, { tenant, functionName }: DeadLetterQuery): boolean {
  if (subjects.tenantOf(call.functionName) !== tenant) return false;
  return functionName === "" || call.functionName === functionName;
}

function subjectsOf({ functionName, requestIds }: DeadLetterQuery): string[] {
  if (requestIds.length > 0) return requestIds.map((id) => subjects.deadLetterOf(id));
  return [functionName === "" ? subjects.allDeadLetters : subjects.deadLettersOf(functionName)];
}
