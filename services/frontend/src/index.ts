export { readConfig } from "./config.ts";
export type { FrontendConfig } from "./config.ts";
export { Frontend } from "./frontend.ts";
export type { FrontendOptions } from "./frontend.ts";
export {
  answerMaxBytes,
  codeUnpackedMaxBytes,
  codeZipMaxBytes,
  payloadMaxBytes,
} from "./limits.ts";
