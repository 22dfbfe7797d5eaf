export { google, grpc, tidepool } from "../gen/tidepool.js";
export { descriptors } from "../gen/descriptors.js";
export { settingsAt, settingsOfVersion } from "./function-settings.ts";
export {
  healthService,
  hostService,
  reflectionAlphaService,
  reflectionService,
  statusCodec,
  tidepoolService,
} from "./services.ts";
export type { MethodDefinition } from "./services.ts";
export { streamWindowBytes } from "./stream-window.ts";
export * as subjects from "./subjects.ts";
export { fromTimestamp, toTimestamp } from "./time.ts";
export type { WireTimestamp } from "./time.ts";
