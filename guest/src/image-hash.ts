/** The name of an image in the cache: a hash of everything of ours that it is made from. */
import { createHash } from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { guestSuite } from "./debian-source.ts";
import { initFolder, listRuntimes, runtimeFolder } from "./manifest.ts";

/** To be raised when the recipe changes in a way that the hashed files do not show. */
const recipeVersion = 3;

export async function imageHash(): Promise<string> {
  const require = createRequire(import.meta.url);
  const protoFolder = join(dirname(require.resolve("@tidepool/proto")), "..");
  const sources = listRuntimes().map(({ name }) =>
    filesIn(runtimeFolder(name), /^(?!.*\.test\.)[^.]/),
  );
  const files = [
    ...(await filesIn(initFolder, /\.[ch]$/)),
    join(protoFolder, "tidepool", "guest", "v1", "guest.proto"),
    ...(await Promise.all(sources)).flat(),
  ];
  const hash = createHash("sha256");
  hash.update(`${String(recipeVersion)} ${guestSuite} ${process.version} ${process.arch}\n`);
  for (const file of files) {
    hash.update(`${basename(dirname(file))}/${basename(file)}\0`);
    hash.update(await readFile(file)).update("\0");
  }
  return hash.digest("hex").slice(0, 32);
}

/** In an order that does not depend on the machine. */
async function filesIn(folder: string, wanted: RegExp): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isFile() && wanted.test(entry.name));
  return names
    .map((entry) => entry.name)
    .sort()
    .map((name) => join(folder, name));
}
