/** The door to the list of runtimes alone, for those that have nothing to do with images. */
export { handlerFiles, listRuntimes, readManifest } from "./manifest.ts";
export type { RuntimeManifest } from "./manifest.ts";
