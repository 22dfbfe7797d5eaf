/** What tests of every package need that has a bus. */
export { aNats } from "./a-nats.ts";
export type { TestNats } from "./a-nats.ts";
export { damageCode } from "./damage-code.ts";
export { until } from "./until.ts";
