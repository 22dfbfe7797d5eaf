/** A tenant's whole way through the services, with a token: from the client, the command line, HTTP and Python. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { until } from "@tidepool/actors/testing";
import { makeToken } from "@tidepool/common";
import { TidepoolClient } from "@tidepool/sdk";
import { repositoryRoot } from "../repository.ts";
import { aSystem, echoZip } from "./a-system.ts";
import type { TestSystem } from "./a-system.ts";

const run = promisify(execFile);
const settings = { runtime: "nodejs20", handler: "index.handler" } as const;
const python = `
import sys, grpc
sys.path.insert(0, sys.argv[1])
from tidepool.v1 import tidepool_pb2, tidepool_pb2_grpc
api = tidepool_pb2_grpc.TidepoolStub(grpc.insecure_channel(sys.argv[2]))
ask = tidepool_pb2.InvokeRequest(name="echo", payload=b"1")
metadata = [("authorization", "Bearer " + sys.argv[3])]
print(api.Invoke(ask, metadata=metadata, timeout=20).payload.decode())
try:
    api.Invoke(ask, timeout=20)
except grpc.RpcError as error:
    print(error.code().name)
`;

describe("A tenant with a token", () => {
  const adminToken = makeToken().text;
  let system: TestSystem;
  let token = "";
  let client: TidepoolClient;

  before(async () => {
    system = await aSystem({ adminToken, usagePeriodMs: 500 });
    await until(async () => {
      for await (const { pools } of system.client.watchPools()) return (pools[0]?.ready ?? 0) > 0;
      return false;
    });
    const made = await system.client.tokens.create({ role: "deployer", tenant: "shop" });
    token = made.text;
    client = await TidepoolClient.connect(system.address, { token });
    await client.createFunction("echo", settings);
    await client.uploadCode("echo", echoZip);
  });
  after(async () => {
    client.close();
    await system.stop();
  });

  const tidepool = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
    run(
      process.execPath,
      [
        "--import=tsx",
        "--conditions=source",
        join(repositoryRoot, "packages/cli/src/main.ts"),
        "--address",
        system.address,
        ...args,
      ],
      { cwd: repositoryRoot, env: { ...process.env, ...env } },
    );

  it("deploys, calls, and reads what its call was and printed", async () => {
    const { payload, requestId } = await client.invoke("echo", { a: 1 });
    assert.deepEqual(payload, { a: 1 });
    assert.doesNotMatch(requestId, /=/);
    await until(async () => (await client.explainCall(requestId)).functionName === "echo");
    await assert.rejects(system.client.explainCall(requestId), { code: "notFound" });
    assert.equal((await client.getForecast("echo")).name, "echo");
  });

  it("has calls accepted, and their results", async () => {
    const { requestId } = await client.invokeAsync("echo", 7, { requestId: "seven" });
    assert.equal(requestId, "seven");
    const ended = await client.waitForInvocation("seven");
    assert.equal(ended.status, "succeeded");
    assert.equal(ended.functionName, "echo");
    await assert.rejects(system.client.getInvocation("seven"), { code: "notFound" });
  });

  it("has its ticks under ids that it can ask for", async () => {
    await client.schedules.put("often", { functionName: "echo", when: { everyMs: 1_000 } });
    await until(async () => {
      const { lastRequestId } = await client.schedules.get("often");
      if (lastRequestId === undefined || lastRequestId === "") return false;
      return (await client.getInvocation(lastRequestId)).functionName === "echo";
    });
    await client.schedules.delete("often");
  });

  it("answers HTTP under its own name without a token, where its settings say so", async () => {
    const { revision } = await client.getFunction("echo");
    await client.updateFunction("echo", { ...settings, url: {} }, { revision });
    await until(async () => {
      const response = await fetch(`http://${system.httpAddress}/fn/shop=echo/x`);
      const event = (await response.json()) as { requestContext?: { apiId?: string } };
      return event.requestContext?.apiId === "echo";
    });
    assert.equal((await fetch(`http://${system.httpAddress}/fn/echo/x`)).status, 404);
  });

  it("is charged by its own names", async () => {
    await until(async () => {
      for await (const { functionName, tenant } of client.getUsage()) {
        return functionName === "echo" && tenant === "shop";
      }
      return false;
    });
  });

  it("uses the command line with a file or the environment, and is told what is missing", async () => {
    const file = join(system.dir, "shop.token");
    await writeFile(file, `${token}\n`);
    const listed = await tidepool(["--token-file", file, "list", "--json"]);
    assert.match(listed.stdout, /"name":"echo"/);
    const named = await tidepool(["list", "--json"], { TIDEPOOL_TOKEN: token });
    assert.equal(named.stdout, listed.stdout);
    await assert.rejects(tidepool(["list"]), /a token is needed[\s\S]*--token-file/);
    const refused = tidepool(["token", "list"], { TIDEPOOL_TOKEN: token });
    await assert.rejects(refused, /code forbidden/);
    const admin = { TIDEPOOL_TOKEN: adminToken };
    const made = await tidepool(["token", "create", "--role", "viewer", "--tenant", "shop"], admin);
    const viewer = { TIDEPOOL_TOKEN: made.stdout.trim() };
    await tidepool(["list"], viewer);
    const id = made.stdout.split("_")[1] ?? "";
    await tidepool(["token", "revoke", id], admin);
    await assert.rejects(tidepool(["list"], viewer), /code unauthenticated/);
  });

  it("calls from Python with the header", async () => {
    const stubs = join(system.dir, "stubs");
    await mkdir(stubs);
    await run("protoc", [
      `--proto_path=${join(repositoryRoot, "proto")}`,
      `--python_out=${stubs}`,
      `--grpc_python_out=${stubs}`,
      "--plugin=protoc-gen-grpc_python=/usr/bin/grpc_python_plugin",
      "tidepool/v1/tidepool.proto",
    ]);
    const { stdout } = await run("/usr/bin/python3", ["-c", python, stubs, system.address, token]);
    assert.deepEqual(stdout.trim().split("\n"), ["1", "UNAUTHENTICATED"]);
  });
});
