/**
 * Versions and aliases over two frontends, which share nothing but the store: what one has answered holds at
 * the other, and a change made for an older state is refused whoever made the newer one.
 */
import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import type { ServiceError } from "@grpc/grpc-js";
import { jetstream } from "@nats-io/jetstream";
import { until } from "@tidepool/actors/testing";
import { subjects, tidepool, tidepoolService } from "@tidepool/proto";
import { aliasesMax, switchMaxMs, versionsKeptMax } from "./limits.ts";
import type { TestClient } from "./testing/a-client.ts";
import { failed } from "./testing/a-client.ts";
import { aFrontend } from "./testing/a-frontend.ts";
import type { TestFrontend } from "./testing/a-frontend.ts";
import { anArchive } from "./testing/an-archive.ts";

const service = tidepoolService;
const settings = { runtime: "nodejs20", handler: "index.handler" };
const zip = anArchive(["index.js"]);
/** From the answer to an upload to the frontend's own hearing of it, on a busy machine. */
const hearingMaxMs = 3_000;

describe("Versions and aliases at two frontends", () => {
  let test: TestFrontend;
  let client: TestClient;
  let other: TestClient;
  let functionCount = 0;

  before(async () => {
    test = await aFrontend();
    client = test.client;
    other = await test.aSecondFrontend();
  });
  after(() => test.stop());

  /** With so many versions, each of other memory: version 1 has 129 MiB. */
  const aFunction = async (versionCount: number): Promise<string> => {
    const name = `f-${++functionCount}`;
    await client.call(service.createFunction, { name, settings });
    for (let number = 1; number <= versionCount; number++) {
      const start = { name, settings: { ...settings, memoryMib: 128 + number } };
      await client.upload({ ...start, description: `number ${number}` }, [zip]);
    }
    return name;
  };
  const get = (name: string, from = client): Promise<tidepool.v1.Function.$Properties> =>
    from.call(service.getFunction, { name });
  const both = async (
    name: string,
    claim: (seen: tidepool.v1.Function.$Properties) => boolean,
  ): Promise<void> => until(async () => claim(await get(name)) && claim(await get(name, other)));
  const runs = async (name: string, qualifier = "", at = client): Promise<string> =>
    (await at.invoke(name, 1, { qualifier, timeoutMs: 5_000 })).version ?? "";

  /** As an upload leaves it that ends after its function was deleted; the first frontend has heard of it. */
  const leaveVersion = async (name: string, version: string): Promise<void> => {
    const about = { functionName: name, version, codeDigest: "sha256:0", settings };
    const value = tidepool.internal.v1.VersionRecord.encode({ version: about }).finish();
    const key = `$KV.${subjects.buckets.versions}.${name}.${version}`;
    await jetstream(test.bus.connection).publish(key, value);
    // What the other frontend writes later is heard later.
    const later = `${name}-later`;
    await other.call(service.createFunction, { name: later, settings });
    await other.upload({ name: later, description: "told by its record" }, [zip]);
    await until(async () => {
      const { versions = [] } = await client.call(service.listVersions, { name: later });
      return versions.some((one) => one.description === "told by its record");
    });
  };

  it("makes settings and code one version, and lists all, newest first", async () => {
    const name = await aFunction(2);
    for (const at of [client, other]) {
      await until(async () => {
        const listed = await at.call(service.listVersions, { name });
        return listed.versions?.length === 2;
      });
      const { versions = [] } = await at.call(service.listVersions, { name });
      assert.deepEqual(
        versions.map(({ version, description, isActive, settings: had }) => [
          version,
          description,
          isActive,
          had?.memoryMib,
        ]),
        [
          ["2", "number 2", true, 130],
          ["1", "number 1", false, 129],
        ],
      );
    }
  });

  it("publishes a version that stays inactive until it is activated, by either frontend", async () => {
    const name = await aFunction(1);
    const start = { name, keepActive: true, settings: { ...settings, memoryMib: 512 } };
    const uploaded = await client.upload(start, [zip]);
    assert.deepEqual([uploaded.version, uploaded.newestVersion], ["1", "2"]);
    assert.equal(uploaded.settings?.memoryMib, 129);
    assert.equal(await runs(name), "1");
    assert.equal(await runs(name, "2"), "2");
    const active = await other.call(service.activateVersion, { name, version: "2" });
    assert.deepEqual([active.version, active.settings?.memoryMib], ["2", 512]);
    await both(name, ({ version }) => version === "2");
    await until(async () => (await runs(name)) === "2");
  });

  it("activates a first version in any case", async () => {
    const name = await aFunction(0);
    const uploaded = await client.upload({ name, keepActive: true }, [zip]);
    assert.deepEqual([uploaded.version, uploaded.newestVersion], ["1", "1"]);
  });

  it("goes back to the version before, and forth again, with its settings; the function's own stay", async () => {
    const name = await aFunction(2);
    const current = await get(name);
    const tagged = { ...settings, memoryMib: 130, tags: { team: "a" } };
    await client.call(service.updateFunction, { name, settings: tagged });
    const back = await other.call(service.activateVersion, { name });
    assert.deepEqual([back.version, back.newestVersion], ["1", "2"]);
    assert.equal(back.settings?.memoryMib, 129);
    assert.deepEqual({ ...back.settings?.tags }, { team: "a" });
    assert.equal(back.codeDigest, current.codeDigest);
    assert.equal((await client.call(service.activateVersion, { name })).version, "2");
    const first = await aFunction(1);
    const failure = await failed(client.call(service.activateVersion, { name: first }));
    assert.equal(failure.code, "notFound");
    assert.match(failure.message, /has had no version before the active one/);
    const none = await failed(client.call(service.activateVersion, { name, version: "9" }));
    assert.match(none.message, new RegExp(`function '${name}' has no version '9'`));
  });

  it("refuses a change that was made for another revision, naming both", async () => {
    const name = await aFunction(2);
    const { revision = "" } = await get(name);
    const changed = await other.call(service.activateVersion, { name, version: "1", revision });
    const after = changed.revision ?? "";
    assert.notEqual(after, revision);
    const larger = { ...settings, memoryMib: 300 };
    const changes = [
      () => client.call(service.updateFunction, { name, settings: larger, revision }),
      () => client.call(service.activateVersion, { name, version: "2", revision }),
      () => client.upload({ name, revision }, [zip]),
    ];
    for (const change of changes) {
      const error = (await change().catch((thrown: unknown) => thrown)) as ServiceError;
      assert.equal(error.code, status.ABORTED);
      const failure = await failed(change());
      assert.deepEqual([failure.code, failure.reason], ["stale", "revision"]);
      assert.match(failure.message, new RegExp(`at revision ${after}.* for revision ${revision}`));
    }
    const { versions = [] } = await client.call(service.listVersions, { name });
    assert.equal(versions.length, 2, "a refused change leaves no version behind");
    await both(name, (seen) => seen.revision === after);
    const updated = await client.call(service.updateFunction, {
      name,
      settings: larger,
      revision: after,
    });
    assert.equal(updated.version, "3");
  });

  it("lets one of two writers of the same revision through", async () => {
    const name = await aFunction(1);
    const { revision = "" } = await get(name);
    await both(name, (seen) => seen.revision === revision);
    const writes = await Promise.allSettled(
      [client, other].map((at, index) => {
        const changed = { ...settings, memoryMib: 300 + index };
        return at.call(service.updateFunction, { name, settings: changed, revision });
      }),
    );
    assert.deepEqual(writes.map((write) => write.status).sort(), ["fulfilled", "rejected"]);
  });

  it("routes by alias and by version, also at the frontend that did not make the alias", async () => {
    const name = await aFunction(3);
    const alias = { name: "live", version: "2", description: "what customers get" };
    const put = await client.call(service.putAlias, { functionName: name, alias });
    assert.equal(put.version, "2");
    for (const at of [client, other]) {
      assert.equal(await runs(name, "live", at), "2");
      assert.equal(await runs(name, "1", at), "1");
      await until(async () => (await runs(name, "", at)) === "3");
    }
    const { aliases = [] } = await other.call(service.listAliases, { functionName: name });
    assert.deepEqual(
      aliases.map((one) => [one.name, one.version, one.description]),
      [["live", "2", "what customers get"]],
    );
    await both(name, (seen) => seen.aliases?.length === 1);
    for (const [qualifier, message] of [
      ["canary", /has no alias 'canary'/],
      ["99", /has no version '99'/],
    ] as const) {
      const failure = await failed(other.invoke(name, 1, { qualifier }));
      assert.equal(failure.code, "notFound");
      assert.match(failure.message, message);
    }
    const wrong = await failed(client.invoke(name, 1, { qualifier: "a b" }));
    assert.equal(wrong.code, "invalid");
  });

  it("splits calls by weight, and sends the same request to the same version", async () => {
    const name = await aFunction(2);
    const others = [{ version: "2", weight: 0.25 }];
    const alias = { name: "live", version: "1", others };
    await client.call(service.putAlias, { functionName: name, alias });
    const ids = Array.from({ length: 200 }, (_, index) => `${name}-${index}`);
    const call = async (requestId: string): Promise<string> => {
      const request = { name, qualifier: "live", requestId, payload: Buffer.from("1") };
      return (await client.call(service.invoke, request)).version ?? "";
    };
    const first = await Promise.all(ids.map(call));
    const share = first.filter((version) => version === "2").length / ids.length;
    assert.ok(share > 0.1 && share < 0.4, `${share}`);
    assert.deepEqual(await Promise.all(ids.slice(0, 20).map(call)), first.slice(0, 20));
  });

  const wrongAliases: readonly [string, tidepool.v1.Alias.$Properties, RegExp][] = [
    ["a name of digits", { name: "7", version: "1" }, /and not only digits/],
    ["no version", { name: "live" }, /'' is no version/],
    ["a version that is not there", { name: "live", version: "7" }, /has no version '7'/],
    ["a version twice", { name: "live", version: "1", others: [{ version: "1" }] }, /named twice/],
    [
      "a weight over 1",
      { name: "live", version: "1", others: [{ version: "2", weight: 1.5 }] },
      /weight 1\.5 of version 2 must be 0 to 1/,
    ],
    [
      "a weight below 0",
      { name: "live", version: "1", others: [{ version: "2", weight: -0.1 }] },
      /weight -0\.1 of version 2 must be 0 to 1/,
    ],
    [
      "weights over 1 together",
      {
        name: "live",
        version: "1",
        others: [
          { version: "2", weight: 0.6 },
          { version: "3", weight: 0.6 },
        ],
      },
      /are 1\.2 together, the limit is 1/,
    ],
  ];
  for (const [what, alias, message] of wrongAliases) {
    it(`refuses an alias with ${what}`, async () => {
      const name = await aFunction(3);
      const failure = await failed(client.call(service.putAlias, { functionName: name, alias }));
      assert.match(failure.message, message);
      assert.deepEqual((await get(name)).aliases, []);
    });
  }

  it("changes an alias for its own revision alone, deletes it, and holds the limit on their number", async () => {
    const name = await aFunction(2);
    const put = (alias: tidepool.v1.Alias.$Properties): Promise<tidepool.v1.Alias.$Properties> =>
      client.call(service.putAlias, { functionName: name, alias });
    const { revision = "" } = await put({ name: "live", version: "1" });
    await put({ name: "other", version: "1" });
    const next = await put({ name: "live", version: "2", revision });
    assert.notEqual(next.revision, revision);
    const failure = await failed(put({ name: "live", version: "1", revision }));
    assert.equal(failure.code, "stale");
    assert.match(failure.message, new RegExp(`alias 'live' of function '${name}' is at revision`));
    await other.call(service.deleteAlias, { functionName: name, name: "live" });
    const gone = await failed(
      other.call(service.deleteAlias, { functionName: name, name: "live" }),
    );
    assert.equal(gone.code, "notFound");
    for (let count = 1; count < aliasesMax; count++) await put({ name: `a${count}`, version: "1" });
    const tooMany = await failed(put({ name: "one-more", version: "1" }));
    assert.match(tooMany.message, new RegExp(`has ${aliasesMax} aliases, the limit is`));
    assert.equal((await put({ name: "a1", version: "2" })).version, "2");
  });

  it("keeps the newest versions beside those in use, and drops the oldest others", async () => {
    const name = await aFunction(1);
    await client.call(service.putAlias, {
      functionName: name,
      alias: { name: "first", version: "1" },
    });
    for (let number = 2; number <= versionsKeptMax + 4; number++) {
      const changed = { ...settings, memoryMib: 128 + number };
      await client.call(service.updateFunction, { name, settings: changed });
    }
    const { versions = [] } = await client.call(service.listVersions, { name });
    const numbers = versions.map(({ version }) => Number(version));
    // Active, active before, aliased, and as many others as are kept.
    assert.deepEqual(numbers.slice(0, 2), [versionsKeptMax + 4, versionsKeptMax + 3]);
    assert.deepEqual(numbers.slice(-2), [3, 1]);
    assert.equal(numbers.length, versionsKeptMax + 3);
    const gone = await failed(client.call(service.activateVersion, { name, version: "2" }));
    assert.match(gone.message, /has no version '2' \(any more\)/);
    assert.equal(await runs(name, "first"), "1");
  });

  it("forgets versions and aliases with their function, and gives their numbers to no other", async () => {
    const name = await aFunction(2);
    const alias = { name: "live", version: "1" };
    await client.call(service.putAlias, { functionName: name, alias });
    await client.call(service.deleteFunction, { name });
    await leaveVersion(name, "7");
    await client.call(service.createFunction, { name, settings });
    const uploaded = await client.upload(name, [zip]);
    assert.ok(Number(uploaded.version) > 2, uploaded.version);
    assert.deepEqual(uploaded.aliases, []);
    const { versions = [] } = await client.call(service.listVersions, { name });
    assert.deepEqual(
      versions.map(({ version }) => version),
      [uploaded.version],
    );
    const gone = await failed(client.call(service.activateVersion, { name, version: "1" }));
    assert.equal(gone.code, "notFound");
  });

  it("serves with idle VMs of the version before until one of the new version is idle", async () => {
    const name = await aFunction(1);
    test.host.beat(test.bus, name, "1", 1);
    await until(async () => (await runs(name)) === "1");
    const acquired = test.acquires.length;
    await client.upload(name, [zip]);
    assert.equal(await runs(name), "1");
    assert.equal(test.acquires.length, acquired, "nobody was asked for a VM");
    test.bus.publish(subjects.vmFact("h-1"), tidepool.internal.v1.VmFact, {
      hostId: "h-1",
      vmId: "vm-new",
      phase: "idle",
      functionName: name,
      version: "2",
    });
    await test.bus.connection.flush();
    await until(async () => (await runs(name)) === "2");
    for (let call = 0; call < 20; call++) assert.equal(await runs(name), "2");
    assert.equal(test.acquires.length, acquired);
  });

  it("waits for a new version no longer than the switch may take", async () => {
    const name = await aFunction(1);
    test.host.beat(test.bus, name, "1", 1);
    await until(async () => (await runs(name)) === "1");
    await client.upload(name, [zip]);
    const activatedAtMs = Date.now();
    const former: number[] = [];
    await until(async () => {
      const askedAtMs = Date.now();
      const version = await runs(name);
      if (version === "1") former.push(askedAtMs - activatedAtMs);
      return version === "2";
    });
    assert.ok(former.length > 0);
    assert.ok(Math.max(...former) <= switchMaxMs + hearingMaxMs, `${Math.max(...former)} ms`);
    assert.ok(test.acquires.some((acquire) => acquire.function?.version === "2"));
  });

  it("goes on with a function that was written before versions had records", async () => {
    const name = await aFunction(1);
    const old = await get(name);
    const record = tidepool.internal.v1.FunctionRecord.encode({
      function: { ...old, name: "old-one", revision: "", newestVersion: "", aliases: [] },
      versionsGiven: 1,
    }).finish();
    const key = `$KV.${subjects.buckets.functions}.old-one`;
    await jetstream(test.bus.connection).publish(key, record);
    await until(async () => {
      const { functions = [] } = await client.call(service.listFunctions, {});
      return functions.some((one) => one.name === "old-one");
    });
    const { versions = [] } = await client.call(service.listVersions, { name: "old-one" });
    assert.deepEqual(
      versions.map(({ version, isActive }) => [version, isActive]),
      [["1", true]],
    );
    assert.equal(await runs("old-one"), "1");
    assert.equal(await runs("old-one", "1"), "1");
    assert.equal((await client.upload("old-one", [zip])).version, "2");
    const back = await client.call(service.activateVersion, { name: "old-one" });
    assert.deepEqual([back.version, back.codeDigest], ["1", old.codeDigest]);
  });
});
