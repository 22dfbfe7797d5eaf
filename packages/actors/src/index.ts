export {
  acceptedCallAgeMaxMs,
  ensureAsyncStorage,
  workAckWaitMs,
  workConsumerName,
  workShardCount,
} from "./async-storage.ts";
export type { AsyncStorage } from "./async-storage.ts";
export { Bus, connectBus, requestTimeoutMs } from "./bus.ts";
export { parentOf } from "./bus-messages.ts";
export type { Codec, MessageContext } from "./bus-messages.ts";
export { readBusSettings } from "./bus-settings.ts";
export type { BusSettings } from "./bus-settings.ts";
export type { BusOptions, Stoppable } from "./bus.ts";
export { followBucket, followStream } from "./follow.ts";
export type { BucketEntry, Following, StreamMessage } from "./follow.ts";
export { fromJetStream } from "./jetstream-error.ts";
export { checkStopped, readState, writeState } from "./kept-state.ts";
export type { KeptRecord, WriteStateOptions } from "./kept-state.ts";
export { startNatsServer } from "./nats-server.ts";
export type { NatsServer, NatsServerOptions } from "./nats-server.ts";
export { RecordWriter } from "./record-writer.ts";
export type { RecordWriterOptions } from "./record-writer.ts";
export { leaseTimingDefault } from "./lease-timing.ts";
export type { LeaseTiming } from "./lease-timing.ts";
export { ShardLeases } from "./shard-leases.ts";
export type { LossReason, ShardLeasesOptions } from "./shard-leases.ts";
export { callsAgeMaxMs, ensureStorage } from "./storage.ts";
export { StreamWriter } from "./stream-writer.ts";
export type { StreamWriterOptions, WaitingMessage } from "./stream-writer.ts";
export { UsageBook } from "./usage-book.ts";
export type { Usage, UsageBookOptions, UsageOf } from "./usage-book.ts";
export type { Storage } from "./storage.ts";
