/** The client as a stranger gets it: a tarball installed into an empty project, used from ESM and CommonJS, with types. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { repositoryRoot } from "./repository.ts";
import { aSystem, echoZip } from "./system/a-system.ts";
import type { TestSystem } from "./system/a-system.ts";

const run = promisify(execFile);
const settings = { runtime: "nodejs20", handler: "index.handler" };

describe("The packed client", () => {
  let dir = "";
  let system: TestSystem;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "tidepool-packed-"));
    const { stdout } = await run(process.execPath, [
      join(repositoryRoot, "scripts/pack-sdk.mjs"),
      join(dir, "tarball"),
    ]);
    await writeFile(
      join(dir, "package.json"),
      JSON.stringify({ name: "stranger", version: "1.0.0" }),
    );
    const install = ["install", "--prefer-offline", "--no-audit", "--no-fund", stdout.trim()];
    await run("npm", install, { cwd: dir });
    system = await aSystem();
    await system.client.createFunction("echo", settings);
    await system.client.uploadCode("echo", echoZip);
  });
  after(async () => {
    await rm(dir, { recursive: true });
    await system.stop();
  });

  const use = (): string => `
    const client = await TidepoolClient.connect(${JSON.stringify(system.address)});
    try {
      const { payload } = await client.invoke("echo", { name: "Ada" });
      const failure = await client.invoke("nobody").catch((error) => error);
      console.log(JSON.stringify({ payload, code: failure.code, ours: failure instanceof TidepoolError }));
    } finally {
      client.close();
    }`;
  const expected = { payload: { name: "Ada" }, code: "notFound", ours: true };

  it("works as an ES module", async () => {
    const program = join(dir, "program.mjs");
    await writeFile(
      program,
      `import { TidepoolClient, TidepoolError } from "@tidepool/sdk";\n${use()}`,
    );
    const { stdout } = await run(process.execPath, [program]);
    assert.deepEqual(JSON.parse(stdout), expected);
  });

  it("works in CommonJS", async () => {
    const program = join(dir, "program.cjs");
    await writeFile(
      program,
      `const { TidepoolClient, TidepoolError } = require("@tidepool/sdk");\n(async () => {${use()}})();`,
    );
    const { stdout } = await run(process.execPath, [program]);
    assert.deepEqual(JSON.parse(stdout), expected);
  });

  it("has types for both, complete without the repository's", async () => {
    const typed = `import { TidepoolClient } from "@tidepool/sdk";
      export async function call(): Promise<string> {
        const client = await TidepoolClient.connect("127.0.0.1:1");
        // @ts-expect-error there is no such method
        client.nothing();
        const { requestId } = await client.invoke("echo", null, { timeoutMs: 5 });
        return requestId;
      }`;
    await mkdir(join(dir, "types"));
    await writeFile(join(dir, "types/esm.mts"), typed);
    await writeFile(join(dir, "types/cjs.cts"), typed);
    const config = {
      compilerOptions: {
        module: "nodenext",
        target: "es2023",
        strict: true,
        noEmit: true,
        skipLibCheck: false,
        types: ["node"],
        typeRoots: [join(repositoryRoot, "node_modules/@types")],
      },
      include: ["."],
    };
    await writeFile(join(dir, "types/tsconfig.json"), JSON.stringify(config));
    const tsc = join(repositoryRoot, "node_modules/.bin/tsc");
    await run(tsc, ["-p", join(dir, "types")]).catch((error: { stdout: string }) => {
      assert.fail(error.stdout);
    });
  });
});
