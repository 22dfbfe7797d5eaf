export { Bus, connectBus, parentOf, requestTimeoutMs } from "./bus.ts";
export type { BusOptions, Codec, MessageContext, Stoppable } from "./bus.ts";
export { startNatsServer } from "./nats-server.ts";
export type { NatsServer, NatsServerOptions } from "./nats-server.ts";
export { ensureStorage } from "./storage.ts";
export type { Storage, StorageOptions } from "./storage.ts";
