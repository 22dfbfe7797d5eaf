import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger, systemClock, TidepoolError } from "@tidepool/common";
import { zipOf } from "../testing/zip.ts";
import { chooseCodeToEvict, CodeCache, digestOf } from "./code-cache.ts";

const zip = zipOf([{ path: "index.js", content: "code" }]);
const digest = digestOf(zip);
const { signal } = new AbortController();

describe("CodeCache", () => {
  let dir: string;
  let fetches: string[];
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "tidepool-code-"));
    fetches = [];
  });
  afterEach(async () => rm(dir, { recursive: true }));

  const cacheOf = (content: Uint8Array | Error = zip): CodeCache =>
    new CodeCache({
      dir,
      clock: systemClock,
      logger: silentLogger,
      source: {
        fetch: (wanted) => {
          fetches.push(wanted);
          return content instanceof Error ? Promise.reject(content) : Promise.resolve(content);
        },
      },
    });
  const pathsOf = async (cache: CodeCache): Promise<string[]> =>
    (await cache.files(digest, signal)).map(({ path }) => path);

  it("fetches once for loads at the same time, and never again once it is on disk", async () => {
    const cache = cacheOf();
    await Promise.all([pathsOf(cache), pathsOf(cache), pathsOf(cache)]);
    assert.deepEqual(await pathsOf(cacheOf()), ["index.js"]);
    assert.deepEqual(fetches, [digest]);
    assert.deepEqual(await readdir(dir), [digest]);
  });

  it("fetches again what was changed on disk", async () => {
    await writeFile(join(dir, digest), zipOf([{ path: "evil.js", content: "" }]));
    assert.deepEqual(await pathsOf(cacheOf()), ["index.js"]);
    assert.deepEqual(fetches, [digest]);
  });

  it("keeps nothing that is not what its digest says, and names the digest", async () => {
    await assert.rejects(pathsOf(cacheOf(Buffer.from("other"))), {
      code: "unavailable",
      message: new RegExp(`${digest} is damaged`),
    });
    assert.deepEqual(await readdir(dir), []);
  });

  it("tries again after a fetch that failed", async () => {
    await assert.rejects(pathsOf(cacheOf(new TidepoolError("unavailable", "store is away"))), {
      message: "store is away",
    });
    assert.deepEqual(await pathsOf(cacheOf()), ["index.js"]);
  });

  it("lets a caller go that gives up, while the fetch goes on for the others", async () => {
    const cache = cacheOf();
    const gaveUp = AbortSignal.abort(new TidepoolError("cancelled", "gave up"));
    const [lost, kept] = await Promise.allSettled([cache.files(digest, gaveUp), pathsOf(cache)]);
    assert.equal(lost.status, "rejected");
    assert.equal(kept.status, "fulfilled");
  });

  it("evicts what was used longest ago until the rest fits", () => {
    const kept = [
      { name: "new", size: 40, usedAtMs: 3 },
      { name: "old", size: 40, usedAtMs: 1 },
      { name: "mid", size: 40, usedAtMs: 2 },
    ];
    assert.deepEqual(chooseCodeToEvict(kept, 120), []);
    assert.deepEqual(chooseCodeToEvict(kept, 80), ["old"]);
    assert.deepEqual(chooseCodeToEvict(kept, 79), ["old", "mid"]);
  });
});
