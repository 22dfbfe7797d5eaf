/** The parts of a shard by themselves, for bench/: what a figure is made of has to be measured alone. */
export { HostTable } from "./hosts/host-table.ts";
export { encodeMemory } from "./nats/memory-codec.ts";
export { parseArrivals, parseFunctionVersion, parseHeartbeat } from "./nats/parse.ts";
export { NatsSnapshotStore } from "./nats/snapshot-store.ts";
export { tenantTermsDefault } from "./ports.ts";
export type { ArrivalBatch, StoredFleet, StoredFunction } from "./ports.ts";
export { ToldUses } from "./shard/prewarm-meter.ts";
export { Shard } from "./shard/shard.ts";
export type { ShardWorld } from "./shard/world.ts";
