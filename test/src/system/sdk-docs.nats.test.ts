/** docs/sdk.md as a program: its examples, put together, compile against the client and run. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { until } from "@tidepool/actors/testing";
import { readSource, repositoryRoot } from "../repository.ts";
import { aSystem, echoZip } from "./a-system.ts";
import type { TestSystem } from "./a-system.ts";

const run = promisify(execFile);

describe("The examples of docs/sdk.md", () => {
  let system: TestSystem;
  let dir: string;
  let program: string;
  let source: string;

  before(async () => {
    system = await aSystem();
    await until(async () => {
      for await (const { pools } of system.client.watchPools()) return (pools[0]?.ready ?? 0) > 0;
      return false;
    });
    // Below the root, where the packages are found.
    await mkdir(join(repositoryRoot, "test/dist"), { recursive: true });
    dir = await mkdtemp(join(repositoryRoot, "test/dist/sdk-docs-"));
    const examples = [...readSource("docs/sdk.md").matchAll(/```ts\n([\s\S]*?)```/g)];
    assert.equal(examples.length, 9);
    source = examples.map(([, code]) => code).join("\n");
    program = join(dir, "program.ts");
    await writeFile(program, source);
    await writeFile(join(dir, "code.zip"), echoZip);
  });
  after(async () => {
    await rm(dir, { recursive: true });
    await system.stop();
  });

  it("compile", async () => {
    const config = {
      extends: join(repositoryRoot, "tsconfig.test.json"),
      compilerOptions: { types: ["node"] },
      include: ["program.ts"],
    };
    await writeFile(join(dir, "tsconfig.json"), JSON.stringify(config));
    await run(join(repositoryRoot, "node_modules/.bin/tsc"), ["-p", dir]);
  });

  it("run", async () => {
    await writeFile(program, source.replace("127.0.0.1:7070", system.address));
    const { stdout } = await run(
      process.execPath,
      ["--import=tsx", "--conditions=source", program],
      { cwd: dir },
    );
    const lines = stdout.trim().split("\n");
    assert.match(lines[0] ?? "", /^\{ name: 'Ada' \} (pool|cold) /);
    assert.equal(lines[1], "1 2");
    assert.deepEqual(lines.slice(3, 6), ["2 false", "1 true", "stale"]);
    assert.match(lines[6] ?? "", /^notFound .* order-7 /);
    assert.ok(lines.includes("greeting [ 'greet' ]"), stdout);
    assert.ok(lines.includes("application/json 14"), stdout);
    assert.ok(lines.includes("nightly 10"), stdout);
    assert.ok(lines.includes("false succeeded { name: 'Ada' } undefined"), stdout);
  });
});
