/** The parts of a shard by themselves, for bench/: what a figure is made of has to be measured alone. */
export { NatsSnapshotStore } from "./nats/snapshot-store.ts";
export { createState } from "./shard/function-state.ts";
export type { FunctionState } from "./shard/function-state.ts";
export { WakeHeap } from "./shard/wake-heap.ts";
