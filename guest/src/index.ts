export { defaultCacheDir, ensureGuestImage, findGuestImage } from "./guest-image.ts";
export type { GuestImage, GuestImageOptions } from "./guest-image.ts";
export { hostPackages } from "./host-packages.ts";
export type { HostPackage } from "./host-packages.ts";
export { handlerFiles, listRuntimes, readManifest } from "./manifest.ts";
export type { RuntimeManifest } from "./manifest.ts";
export { cacheLimits, noteUse, pruneCache } from "./cache-folder.ts";
