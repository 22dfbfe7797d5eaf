/**
 * Real functions in real guests: what an author's code may do, and how each way of going wrong reaches the
 * caller. Every test has a VM of its own.
 */
import assert from "node:assert/strict";
import type { TidepoolError } from "@tidepool/common";
import {
  GuestHarness,
  invoke,
  invokeRaw,
  rejectsWith,
  traceparent,
} from "../testing/guest-harness.ts";
import type { LoadOptions } from "../testing/guest-harness.ts";
import type { GuestSession } from "./session.ts";

const config = { runtime: "nodejs20", memoryMib: 128 };
const mebibyte = 1024 * 1024;

describe("a guest session", () => {
  let guests: GuestHarness;

  before(async () => {
    guests = await GuestHarness.open(config);
  });
  afterEach(() => guests.clear());
  after(() => guests.close());

  async function loaded(
    files: string | Record<string, string>,
    { isRehearsed = false, ...options }: LoadOptions & { isRehearsed?: boolean } = {},
  ): Promise<GuestSession> {
    const session = await guests.open(options);
    if (isRehearsed) await session.rehearse();
    const sources = typeof files === "string" ? { "index.mjs": files } : files;
    await session.load(guests.code(sources, options.handler));
    return session;
  }

  describe("running code", () => {
    const forms: [string, Record<string, string>, string][] = [
      ["ESM by its syntax", { "index.js": "export const handler = async (event) => event" }, ""],
      ["ESM by its extension", { "index.mjs": "export const handler = (event) => event" }, ""],
      [
        "ESM by package.json, with top-level await, import.meta and dynamic import",
        {
          "package.json": '{"type":"module"}',
          "index.js": `const { identity } = await import("./lib/identity.js");
            if (!import.meta.url.endsWith("/index.js")) throw new Error("no import.meta");
            export const handler = identity;`,
          "lib/identity.js": "export const identity = (event) => event;",
        },
        "",
      ],
      ["CommonJS", { "index.js": "exports.handler = async (event) => event" }, ""],
      [
        "CommonJS that replaces module.exports",
        { "index.cjs": "module.exports = { handler: (event) => event }" },
        "",
      ],
      [
        "a callback",
        {
          "index.cjs":
            "exports.handler = (event, context, done) => setTimeout(done, 5, null, event)",
        },
        "",
      ],
      [
        "a handler in a folder with a dot, of an object",
        { "a.b/c.cjs": "exports.api = { handle: async (event) => event }" },
        "a.b/c.api.handle",
      ],
    ];
    for (const [name, files, handler] of forms) {
      it(`runs ${name}`, async () => {
        const session = await loaded(files, handler === "" ? {} : { handler });
        assert.deepEqual(await invoke(session, { n: [1] }), { n: [1] });
      });
    }

    it("gives the handler its context and its environment", async () => {
      const session = await loaded(`export const handler = async (event, context) =>
        ({ ...context, left: context.getRemainingTimeInMillis(), env: process.env.GREETING })`);
      const options = { requestId: "request-1", timeoutMs: 5_000 };
      const { payload } = await invokeRaw(session, {}, options);
      const { left, ...context } = JSON.parse(Buffer.from(payload).toString()) as { left: number };
      assert.ok(left > 4_000 && left <= 5_000);
      assert.deepEqual(context, {
        awsRequestId: "request-1",
        requestId: "request-1",
        functionName: "greet",
        functionVersion: "7",
        memoryLimitInMB: "128",
        invokedFunctionArn: "arn:aws:lambda:local:000000000000:function:greet:7",
        traceparent,
        callbackWaitsForEmptyEventLoop: false,
        env: "hello",
      });
    });

    it("answers null for a handler that returns nothing", async () => {
      assert.equal(await invoke(await loaded("export const handler = async () => {}")), null);
    });

    it("carries payloads of several frames both ways", async () => {
      const session = await loaded("export const handler = async (event) => event");
      const text = "x".repeat(3 * mebibyte);
      assert.equal(await invoke(session, text), text);
    });

    it("leaves no trace of a rehearsal", async () => {
      const traces = `import { readdirSync } from "node:fs";
        import { createRequire } from "node:module";
        const { cache } = createRequire(import.meta.url);
        export const handler = () => ({
          cache: Object.keys(cache),
          files: ["/tmp", "/var/task"].map((folder) => readdirSync(folder)),
          environment: Object.entries(process.env).sort(),
          globals: Object.getOwnPropertyNames(globalThis).length,
          flags: [typeof gc, process.execArgv.includes("--expose-gc")],
        })`;
      const plain = await invoke(await loaded(traces));
      await guests.clear();
      assert.deepEqual(await invoke(await loaded(traces, { isRehearsed: true })), plain);
      assert.deepEqual((plain as { files: unknown }).files, [[], ["index.mjs"]]);
    });

    it("keeps what the module holds between invocations", async () => {
      const session = await loaded("let count = 0; export const handler = () => ++count");
      assert.deepEqual([await invoke(session), await invoke(session)], [1, 2]);
    });

    it("delivers what was printed before a flush, each stream in its order", async () => {
      const printed = { stdout: "", stderr: "" };
      const session = await loaded(
        `export const handler = async () => {
          for (let i = 0; i < 3; i++) { console.log("out", i); console.error("err", i); }
        }`,
        { onOutput: (stream, bytes) => (printed[stream] += Buffer.from(bytes).toString()) },
      );
      await invoke(session);
      await session.flush();
      assert.deepEqual(printed, {
        stdout: "out 0\nout 1\nout 2\n",
        stderr: "err 0\nerr 1\nerr 2\n",
      });
    });

    it("runs the code as a user without rights", async () => {
      const session = await loaded(`import { readFileSync } from "node:fs";
        const field = (name) => readFileSync("/proc/self/status", "utf8").match(name + ":\\\\s*(\\\\S+)")[1];
        export const handler = () => [process.getuid(), field("CapBnd"), field("NoNewPrivs")];`);
      assert.deepEqual(await invoke(session), [990, "0000000000000000", "1"]);
    });
  });

  describe("code that is wrong", () => {
    it("names a module that is not there, and where it looked", async () => {
      const files = { "other.js": "" };
      await rejectsWith(
        loaded(files),
        "functionError",
        /handler module 'index' not found in the code/,
      );
    });

    it("names an export that is not there, and those that are", async () => {
      const source = "export const one = 1, two = 2";
      const expected = /module 'index' has no export 'handler'; it exports: one, two/;
      await rejectsWith(loaded(source), "functionError", expected);
    });

    it("reports what a module throws while it loads", async () => {
      const source = "throw new RangeError('too early')";
      const error = await rejectsWith(loaded(source), "functionError", /^RangeError: too early$/);
      assert.match(error.thrown?.stack ?? "", /index\.mjs:1/);
    });

    const unparsable: [string, Record<string, string>, RegExp][] = [
      ["a module", { "index.mjs": "\n  const a = ;" }, /task\/index\.mjs:2:13/],
      ["a module by its syntax", { "index.js": "export const a = ;" }, /task\/index\.js:1:18/],
      [
        "a module that is imported",
        { "index.mjs": 'import "./lib.mjs";', "lib.mjs": "\n\nfunction () {}" },
        /task\/lib\.mjs:3:1/,
      ],
      [
        "a module imported beside a top-level await",
        { "index.mjs": 'import "./lib.mjs"; await 1;', "lib.mjs": "let a = {;" },
        /task\/lib\.mjs:1:10/,
      ],
      ["a CommonJS module", { "index.cjs": "\nlet a = ;" }, /task\/index\.cjs:2/],
      [
        "an import that does not exist",
        { "index.mjs": 'import { a } from "./lib.mjs";', "lib.mjs": "export const b = 1;" },
        /task\/index\.mjs:1/,
      ],
    ];
    for (const [what, files, place] of unparsable) {
      it(`says where the syntax of ${what} is wrong`, async () => {
        const error = await rejectsWith(loaded(files), "functionError", /^SyntaxError: /);
        assert.match(error.thrown?.stack ?? "", place);
      });
    }

    it("reports name, message and the author's own stack of what a handler throws", async () => {
      const session = await loaded("export const handler = () => { throw new TypeError('bad') }");
      const error = await rejectsWith(invoke(session), "functionError", /^TypeError: bad$/);
      assert.match(error.thrown?.stack ?? "", /index\.mjs:1/);
      assert.doesNotMatch(error.thrown?.stack ?? "", /opt\/tidepool/);
      await rejectsWith(invoke(session), "functionError", /bad/);
    });

    const results: [string, string, RegExp][] = [
      ["a thrown string", "throw 'plain'", /^NonError: plain$/],
      ["a thrown undefined", "throw undefined", /^NonError: undefined$/],
      ["a thrown object", "throw { code: 5 }", /^NonError: \{"code":5\}$/],
      ["a circular result", "const a = {}; a.a = a; return a", /not JSON: Converting circular/],
      ["a BigInt", "return 1n", /not JSON: Do not know how to serialize a BigInt/],
    ];
    for (const [name, body, message] of results) {
      it(`reports ${name}`, async () => {
        const session = await loaded(`export const handler = async () => { ${body} }`);
        await rejectsWith(invoke(session), "functionError", message);
        assert.equal(session.failure, undefined);
      });
    }

    it("ends the guest with the rejection that nobody handled", async () => {
      const session = await loaded(`export const handler = () => new Promise(() => {
        Promise.reject(new Error("lost")); })`);
      await rejectsWith(invoke(session), "functionError", /^Error: lost$/);
      assert.equal((await session.ended).code, "functionError");
    });
  });

  describe("code that takes too much", () => {
    it("says with what code a process exited", async () => {
      const session = await loaded("export const handler = () => process.exit(3)");
      await rejectsWith(invoke(session), "guestCrash", /process exited with code 3/);
      assert.equal(session.failure?.code, "guestCrash");
    });

    it("says which signal ended a process", async () => {
      const session = await loaded(`export const handler = () =>
        new Promise(() => process.kill(process.pid, "SIGSEGV"))`);
      await rejectsWith(invoke(session), "guestCrash", /ended by signal 11/);
    });

    const fills = {
      buffers: "Buffer.alloc(1e6, 1)",
      "small objects": "{ index: kept.length, list: [1, 2, 3] }",
    };
    for (const [what, value] of Object.entries(fills)) {
      it(`ends a function that fills its memory with ${what}`, async () => {
        const session = await loaded(
          `export const handler = () => { for (const kept = []; ; ) kept.push(${value}) }`,
        );
        await rejectsWith(invoke(session), "memoryLimit", /more than its memory limit of 128 MiB/);
      });
    }

    it("stops a fork bomb at its process limit, and stays answering", async () => {
      const session = await loaded(`import { spawn } from "node:child_process";
        export const handler = () => new Promise((resolve) => {
          spawn("/bin/sh", ["-c", "bomb() { bomb | bomb & }; bomb"], { stdio: "ignore" });
          setTimeout(resolve, 2000, "alive");
        })`);
      const ended = session.ended.then((error) => error.code);
      const answer = invoke(session).catch((error: unknown) => (error as TidepoolError).code);
      const outcome = await Promise.race([answer, ended]);
      assert.ok(["alive", "memoryLimit"].includes(String(outcome)), String(outcome));
      if (outcome === "alive") await session.setClock();
    });

    it("leaves an endless loop to the caller's deadline, and is destroyed in it", async () => {
      const session = await loaded("export const handler = () => { for (;;); }");
      const signal = AbortSignal.timeout(500);
      const request = {
        requestId: "request-1",
        payload: Buffer.from("{}"),
        timeoutMs: 500,
        traceparent: "",
      };
      await assert.rejects(session.invoke(request, { signal }), { name: "TimeoutError" });
      await session.setClock();
      await guests.clear();
      assert.equal((await session.ended).code, "guestCrash");
    });

    it("passes 100 MB of output on without holding it", async () => {
      let bytes = 0;
      const session = await loaded(
        `export const handler = () => { for (let i = 0; i < 100; i++) console.log("y".repeat(999_999)) }`,
        { onOutput: (_stream, part) => (bytes += part.length) },
      );
      const beforeBytes = process.memoryUsage().rss;
      await invoke(session);
      await session.flush();
      assert.equal(bytes, 100_000_000);
      const grownMib = (process.memoryUsage().rss - beforeBytes) / mebibyte;
      assert.ok(grownMib < 50, `grew by ${grownMib.toFixed(0)} MiB`);
    });

    it("refuses a result over the limit before it is sent", async () => {
      const session = await loaded("export const handler = () => 'x'.repeat(2000)", {
        answerMaxBytes: 1000,
      });
      await rejectsWith(invoke(session), "outputLimit", /has 2002 bytes, limit is 1000/);
    });

    it("runs one invocation at a time", async () => {
      const session = await loaded(
        "export const handler = () => new Promise((done) => setTimeout(done, 300, 'first'))",
      );
      const first = invoke(session);
      await rejectsWith(invoke(session), "wrongPhase", /an invocation is under way/);
      assert.equal(await first, "first");
    });
  });
});
