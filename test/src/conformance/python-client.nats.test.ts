/**
 * A client in another language, from our .proto files alone. Needs Debian's protobuf-compiler,
 * protobuf-compiler-grpc, python3-grpcio and python3-protobuf.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { until } from "@tidepool/actors/testing";
import { repositoryRoot } from "../repository.ts";
import { aSystem, echoZip } from "../system/a-system.ts";
import type { TestSystem } from "../system/a-system.ts";

const run = promisify(execFile);
const protos = [
  "tidepool/v1/tidepool.proto",
  "grpc/health/v1/health.proto",
  "grpc/reflection/v1alpha/reflection.proto",
  "google/rpc/status.proto",
];

describe("A Python client generated from our .proto files", () => {
  let system: TestSystem;
  let seen: Record<string, unknown>;

  before(async () => {
    system = await aSystem({ usagePeriodMs: 500 });
    await until(async () => {
      for await (const { pools } of system.client.watchPools()) return (pools[0]?.ready ?? 0) > 0;
      return false;
    });
    const stubs = join(system.dir, "stubs");
    await mkdir(stubs);
    await run("protoc", [
      `--proto_path=${join(repositoryRoot, "proto")}`,
      `--python_out=${stubs}`,
      `--grpc_python_out=${stubs}`,
      "--plugin=protoc-gen-grpc_python=/usr/bin/grpc_python_plugin",
      ...protos,
    ]);
    const zip = join(system.dir, "code.zip");
    await writeFile(zip, echoZip);
    const script = join(repositoryRoot, "test/src/conformance/python-client.py");
    const { stdout } = await run("/usr/bin/python3", [script, stubs, system.address, zip]);
    seen = JSON.parse(stdout) as Record<string, unknown>;
  });
  after(() => system.stop());

  it("deploys and invokes", () => {
    assert.equal(seen["version"], "1");
    assert.deepEqual(seen["listed"], ["from-python"]);
    assert.deepEqual(seen["payload"], { from: "python" });
    assert.ok(seen["start"] === "START_POOL" || seen["start"] === "START_COLD");
  });

  it("publishes versions, names them, calls them and goes back", () => {
    assert.deepEqual(seen["published"], ["1", "2"]);
    assert.deepEqual(seen["versions"], [
      ["2", "second", false],
      ["1", "", true],
    ]);
    assert.equal(seen["alias"], "2");
    assert.deepEqual(seen["by_qualifier"], ["1", "2", "1", "2"]);
    assert.deepEqual([seen["activated"], seen["rolled_back"]], ["2", "1"]);
    assert.equal(seen["stale"], "ABORTED");
  });

  it("sets schedules and subscriptions, and finds them as they were set", () => {
    assert.deepEqual(seen["schedule"], [true, 10, true, true]);
    assert.equal(seen["schedule_stale"], "ABORTED");
    assert.deepEqual(seen["schedules"], ["nightly"]);
    assert.deepEqual(seen["subscriptions"], [["orders", true, ""]]);
  });

  it("sets a secret, and is told who uses it and nothing more", () => {
    assert.deepEqual(seen["secrets"], [["from-python", ["limited"]]]);
    assert.deepEqual(seen["secret_in_use"], ["FAILED_PRECONDITION", "secretInUse", 36]);
  });

  it("runs into limits, with who, why and when to try again", () => {
    assert.equal(seen["limited"], 1);
    assert.deepEqual(seen["throttled"], [
      "RESOURCE_EXHAUSTED",
      "throttled",
      "frontend",
      "functionRate",
      true,
    ]);
    assert.equal(seen["stopped_version"], "1");
    assert.deepEqual(seen["stopped"], ["RESOURCE_EXHAUSTED", "functionStopped", false]);
    assert.deepEqual(seen["bad_payload"], ["INVALID_ARGUMENT", "client", "payloadNotJson", "mine"]);
    assert.equal(seen["tenant"], 500);
  });

  it("reads the logs of all functions, and what one used", () => {
    const names = seen["log_names"] as string[];
    assert.ok(names.includes("limited") && names.includes("from-python"), String(names));
    assert.deepEqual(seen["used"], [1, 2]);
  });

  it("reads streamed answers, and answers of functions that do not stream", () => {
    assert.deepEqual(seen["stream_kinds"], ["begin", "end", ["chunk"]]);
    assert.equal(seen["stream_bytes"], 10_000_000);
    assert.equal(seen["stream_type"], "text/plain");
    assert.equal(seen["stream_ids"], true);
    assert.deepEqual(seen["whole"], ["begin", "chunk", "end"]);
    assert.equal(seen["broken_off"], "UNKNOWN");
  });

  it("has calls accepted, once by key, and sees what becomes of them", () => {
    const succeeded = "INVOCATION_STATUS_SUCCEEDED";
    assert.deepEqual(seen["accepted"], [succeeded, { n: 7 }, 1, "1"]);
    assert.deepEqual(seen["duplicate"], [true, true]);
    assert.equal(seen["cancelled"], "INVOCATION_STATUS_CANCELLED");
    const failed = "INVOCATION_STATUS_FAILED";
    assert.deepEqual(seen["failed"], [failed, "functionError", "function"]);
    assert.deepEqual(seen["letter"], { simulated: { failure: "throw" } });
    assert.deepEqual(seen["redriven"], [1, failed]);
    assert.equal(seen["refused"], "INVALID_ARGUMENT");
  });

  it("gets the standard error details", () => {
    assert.deepEqual(seen["error"], ["NOT_FOUND", "notFound", "no function 'nobody'"]);
  });

  it("sees the server's health", () => {
    assert.equal(seen["health"], 1);
    assert.equal(seen["watched"], 1);
  });

  it("finds the API by reflection", () => {
    assert.deepEqual(seen["services"], [
      "tidepool.v1.Tidepool",
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
    ]);
    assert.equal(seen["files"], 2, "tidepool.proto and timestamp.proto");
    assert.equal(seen["missing"], 5);
  });
});
