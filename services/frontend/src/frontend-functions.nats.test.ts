import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { status } from "@grpc/grpc-js";
import type { ServiceError } from "@grpc/grpc-js";
import { Objm } from "@nats-io/obj";
import { damageCode } from "@tidepool/actors/testing";
import { startTelemetry } from "@tidepool/common";
import type { Telemetry } from "@tidepool/common";
import { subjects, tidepoolService } from "@tidepool/proto";
import type { tidepool } from "@tidepool/proto";
import { codeZipMaxBytes } from "./limits.ts";
import type { TestClient } from "./testing/a-client.ts";
import { failed, failureOf } from "./testing/a-client.ts";
import { aFrontend } from "./testing/a-frontend.ts";
import type { TestFrontend } from "./testing/a-frontend.ts";
import { anArchive } from "./testing/an-archive.ts";

const service = tidepoolService;
const settings = { runtime: "nodejs20", handler: "index.handler" };

describe("Frontend's functions", () => {
  let telemetry: Telemetry;
  let test: TestFrontend;
  let client: TestClient;
  let functionCount = 0;
  const aName = (): string => `f-${++functionCount}`;

  before(async () => {
    telemetry = await startTelemetry("test", {});
    test = await aFrontend();
    client = test.client;
  });
  after(async () => {
    await test.stop();
    await telemetry.stop();
  });

  it("creates, gives, lists, changes and deletes one", async () => {
    const name = aName();
    await client.call(service.createFunction, { name, settings });
    const got = await client.call(service.getFunction, { name });
    assert.equal(got.settings?.memoryMib, 128);
    assert.equal(got.version, "");
    const changed = { ...settings, memoryMib: 256 };
    await client.call(service.updateFunction, { name, settings: changed });
    const { functions = [] } = await client.call(service.listFunctions, {});
    const listed = functions.find((one) => one.name === name);
    assert.equal(listed?.settings?.memoryMib, 256);
    assert.equal(listed?.version, "", "no version without code");
    await client.call(service.deleteFunction, { name });
    const failure = await failed(client.call(service.getFunction, { name }));
    assert.equal(failure.code, "notFound");
    assert.match(failure.message, new RegExp(name));
  });

  it("refuses a taken name", async () => {
    const name = aName();
    await client.call(service.createFunction, { name, settings });
    const again = client.call(service.createFunction, { name, settings });
    const error = (await again.catch((thrown: unknown) => thrown)) as ServiceError;
    assert.equal(error.code, status.ALREADY_EXISTS);
    assert.equal(failureOf(error).code, "alreadyExists");
  });

  it("makes a new version with each upload, and each change of settings that VMs are made with", async () => {
    const name = aName();
    await client.call(service.createFunction, { name, settings });
    const zip = anArchive(["index.js"]);
    assert.equal((await client.upload(name, [zip])).version, "1");
    assert.equal((await client.upload(name, [zip])).version, "2");
    const update = (more: object): Promise<tidepool.v1.Function.$Properties> =>
      client.call(service.updateFunction, { name, settings: { ...settings, ...more } });
    const larger = await update({ memoryMib: 256 });
    assert.equal(larger.version, "3");
    assert.match(larger.codeDigest ?? "", /^sha256:[0-9a-f]{64}$/);
    const same = await update({ memoryMib: 256 });
    assert.deepEqual([same.version, same.revision], ["3", larger.revision]);
    const tagged = await update({ memoryMib: 256, tags: { team: "a" } });
    assert.equal(tagged.version, "3");
    assert.notEqual(tagged.revision, larger.revision);
  });

  it("never gives a version twice under one name, even after a delete", async () => {
    const name = aName();
    await client.call(service.createFunction, { name, settings });
    await client.upload(name, [anArchive(["index.js"])]);
    await client.call(service.deleteFunction, { name });
    await client.call(service.createFunction, { name, settings });
    const { version } = await client.upload(name, [anArchive(["index.js"])]);
    assert.ok(Number(version) > 1, `version ${version}`);
  });

  it("refuses settings whose handler the code does not have", async () => {
    const name = aName();
    await client.call(service.createFunction, { name, settings });
    await client.upload(name, [anArchive(["index.js"])]);
    const other = { ...settings, handler: "main.handler" };
    const failure = await failed(client.call(service.updateFunction, { name, settings: other }));
    assert.equal(failure.code, "invalid");
    assert.match(failure.message, /main\.js/);
  });

  it("lets five writers of one function each make their version", async () => {
    const name = aName();
    await client.call(service.createFunction, { name, settings });
    await client.upload(name, [anArchive(["index.js"])]);
    const writes = await Promise.allSettled(
      Array.from({ length: 5 }, (_, index) => {
        const changed = { ...settings, memoryMib: 256 + index };
        return client.call(service.updateFunction, { name, settings: changed });
      }),
    );
    assert.deepEqual(new Set(writes.map((write) => write.status)), new Set(["fulfilled"]));
    assert.equal((await client.call(service.getFunction, { name })).version, "6");
    const { versions = [] } = await client.call(service.listVersions, { name });
    assert.deepEqual(
      versions.map(({ version }) => version),
      ["6", "5", "4", "3", "2", "1"],
    );
    assert.equal(new Set(versions.map((version) => version.settings?.memoryMib)).size, 6);
  });

  it("ends an upload over the limit at once", async () => {
    const name = aName();
    await client.call(service.createFunction, { name, settings });
    const chunk = new Uint8Array(1024 * 1024);
    let sentCount = 0;
    function* endless(): Generator<Uint8Array> {
      for (; sentCount < 300; sentCount++) yield chunk;
    }
    const failure = await failed(client.upload(name, endless()));
    assert.equal(failure.code, "tooLarge");
    assert.match(failure.message, new RegExp(String(codeZipMaxBytes)));
    assert.ok(sentCount < 200, `${sentCount} MiB were sent`);
    assert.equal((await client.upload(name, [anArchive(["index.js"])])).version, "1");
  });

  it("writes code anew that is damaged in the store, when it is uploaded again", async () => {
    const zip = anArchive(["index.js", "of-its-own.js"]);
    const digest = createHash("sha256").update(zip).digest("hex");
    const code = await new Objm(test.bus.connection).open(subjects.codeBucket);
    for (const name of [aName(), aName()]) {
      await client.call(service.createFunction, { name, settings });
      await client.upload(name, [zip]);
      assert.deepEqual(Buffer.from((await code.getBlob(digest)) ?? []), Buffer.from(zip));
      await damageCode(test.bus, digest);
      await assert.rejects(code.getBlob(digest), /corrupt/);
    }
  });

  it("refuses an upload for an unknown function and an upload without a name", async () => {
    const failure = await failed(client.upload("nobody", [anArchive(["index.js"])]));
    assert.equal(failure.code, "notFound");
    const unnamed = await failed(client.upload("", [anArchive(["index.js"])]));
    assert.equal(unnamed.code, "invalid");
  });
});
