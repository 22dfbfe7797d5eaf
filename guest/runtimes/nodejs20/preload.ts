/**
 * Node's own modules that functions use most, loaded in the template: under TCG the first import of
 * node:crypto alone would cost every clone 200 ms. Loading draws no randomness and starts nothing.
 */
import { createRequire } from "node:module";

const modules = [
  "assert",
  "async_hooks",
  "buffer",
  "child_process",
  "crypto",
  "dns",
  "events",
  "fs/promises",
  "http",
  "https",
  "net",
  "os",
  "path",
  "perf_hooks",
  "querystring",
  "readline",
  "stream",
  "stream/promises",
  "string_decoder",
  "timers/promises",
  "tls",
  "url",
  "util",
  "worker_threads",
  "zlib",
] as const;

/** Some parts are made when they are first looked at. */
export function preloadModules(): void {
  const require = createRequire(import.meta.url);
  for (const name of modules) Object.values(require(`node:${name}`) as object);
  void globalThis.crypto.subtle;
}
