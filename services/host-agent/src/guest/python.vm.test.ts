/**
 * Python functions in real guests. What leaves a VM whole is asked of one function, whose handler picks a case by
 * the event; what ends or spoils a VM has one of its own.
 */
import assert from "node:assert/strict";
import {
  GuestHarness,
  invoke,
  invokeRaw,
  rejectsWith,
  traceparent,
} from "../testing/guest-harness.ts";
import type { GuestSession } from "./session.ts";

const cases = `
import decimal, json, logging, os, sys, threading, time

logging.getLogger().setLevel(logging.INFO)
at_init = ["ran once"]
count = 0

class TooCold(Exception):
    pass

def echo(event, context):
    return event

def counting(event, context):
    global count
    count += 1
    return [count, at_init]

def about(event, context):
    time.sleep(0.01)
    return {
        "request": context.aws_request_id,
        "name": context.function_name,
        "version": context.function_version,
        "memory": context.memory_limit_in_mb,
        "arn": context.invoked_function_arn,
        "trace": context.traceparent,
        "left": context.get_remaining_time_in_millis(),
        "environment": {name: os.environ.get(name) for name in (
            "GREETING", "AWS_LAMBDA_FUNCTION_NAME", "_HANDLER", "LAMBDA_TASK_ROOT", "HOME")},
        "user": [os.getuid(), os.getcwd()],
    }

def printing(event, context):
    print("one")
    print("two", file=sys.stderr)
    logging.info("three")
    logging.getLogger("mine").warning("four %s", "five")
    sys.stdout.write("no line end")

def raising(event, context):
    try:
        json.loads("{")
    except ValueError as cause:
        raise TooCold("minus 5") from cause

def unprintable(event, context):
    class Sly(Exception):
        def __str__(self):
            raise ValueError("no")
    raise Sly()

def circular(event, context):
    own = []
    own.append(own)
    return own

def a_set(event, context):
    return {1, 2}

def not_a_number(event, context):
    return float("nan")

def deep(event, context):
    value = None
    for _ in range(100_000):
        value = [value]
    return value

def money(event, context):
    return {"price": decimal.Decimal("1.50"), "umlaut": "\\u00e4"}

def large(event, context):
    return "x" * event["bytes"]

def nothing(event, context):
    pass

async def waiting(event, context):
    return "awaited"

def in_thread(event, context):
    def fail():
        raise TooCold("in a thread")
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    return "alive"

def leaving_thread(event, context):
    threading.Thread(target=time.sleep, args=(60,)).start()
    return threading.active_count()

def closing_streams(event, context):
    import io
    sys.stdout = io.StringIO()
    sys.stdout.close()
    return "fine"

def handler(event, context):
    return globals()[event["case"]](event.get("event", event), context)
`;

describe("a Python function", () => {
  let guests: GuestHarness;

  before(async () => {
    guests = await GuestHarness.open({ runtime: "python3.11", memoryMib: 128 });
  });
  after(() => guests.close());

  const python = (source: string, options = {}): Promise<GuestSession> =>
    guests.load({ "index.py": source }, options);

  describe("in one VM", () => {
    let session: GuestSession;
    const printed = { stdout: "", stderr: "" };

    before(async () => {
      session = await python(cases, {
        onOutput: (stream: "stdout" | "stderr", bytes: Uint8Array) =>
          (printed[stream] += Buffer.from(bytes).toString()),
      });
    });
    after(() => guests.clear());
    afterEach(() => assert.equal(session.failure, undefined));

    const answers: [string, object, unknown][] = [
      ["what it was given", { case: "echo", event: { n: [1, null, "ä"] } }, { n: [1, null, "ä"] }],
      ["null for nothing", { case: "nothing" }, null],
      ["decimals and letters", { case: "money" }, { price: 1.5, umlaut: "ä" }],
      ["what a coroutine returns", { case: "waiting" }, "awaited"],
      ["in spite of an exception in a thread", { case: "in_thread" }, "alive"],
      ["with a thread left running", { case: "leaving_thread" }, 2],
    ];
    for (const [what, event, expected] of answers) {
      it(`answers ${what}`, async () => assert.deepEqual(await invoke(session, event), expected));
    }

    it("keeps what its module holds, and runs its init once", async () => {
      assert.deepEqual(await invoke(session, { case: "counting" }), [1, ["ran once"]]);
      assert.deepEqual(await invoke(session, { case: "counting" }), [2, ["ran once"]]);
    });

    it("has the context and the environment that libraries look for", async () => {
      const options = { requestId: "request-1", timeoutMs: 5_000 };
      const { payload } = await invokeRaw(session, { case: "about" }, options);
      const { left, ...about } = JSON.parse(Buffer.from(payload).toString()) as { left: number };
      assert.ok(left > 4_000 && left < 5_000, String(left));
      assert.deepEqual(about, {
        request: "request-1",
        name: "greet",
        version: "7",
        memory: "128",
        arn: "arn:aws:lambda:local:000000000000:function:greet:7",
        trace: traceparent,
        environment: {
          GREETING: "hello",
          AWS_LAMBDA_FUNCTION_NAME: "greet",
          _HANDLER: "index.handler",
          LAMBDA_TASK_ROOT: "/var/task",
          HOME: "/tmp",
        },
        user: [990, "/var/task"],
      });
    });

    it("prints, and logs lines that name the request", async () => {
      await session.flush();
      printed.stdout = printed.stderr = "";
      await invokeRaw(session, { case: "printing" }, { requestId: "request-9" });
      await session.flush();
      assert.equal(printed.stdout, "one\nno line end");
      const lines = printed.stderr.trimEnd().split("\n");
      assert.equal(lines[0], "two");
      assert.match(lines[1] ?? "", /^\[INFO\]\t\d{4}-\d\d-\d\dT[\d:.]+Z\trequest-9\tthree$/);
      assert.match(lines[2] ?? "", /^\[WARNING\]\t.*\trequest-9\tfour five$/);
      assert.equal(lines.length, 3);
    });

    it("fails with what it raised: class, message, and its own frames with the cause's", async () => {
      const failing = invoke(session, { case: "raising" });
      const error = await rejectsWith(failing, "functionError", /^TooCold: minus 5$/);
      const stack = error.thrown?.stack ?? "";
      assert.match(stack, /JSONDecodeError[^]*direct cause[^]*index\.py", line \d+, in raising/);
      assert.match(stack, /TooCold: minus 5$/);
      assert.doesNotMatch(stack, /opt\/tidepool/);
    });

    const unfit: [string, object, RegExp][] = [
      ["a circular result", { case: "circular" }, /^ResultError: .* not JSON: Circular reference/],
      ["a set", { case: "a_set" }, /^ResultError: .* object of type set has no JSON/],
      ["what JSON has no number for", { case: "not_a_number" }, /^ResultError: .* not JSON/],
      ["a result too deep for JSON", { case: "deep" }, /^ResultError: .* recursion/],
      ["an exception that cannot be told", { case: "unprintable" }, /cannot be described/],
      ["a name that is not there", { case: "missing" }, /^KeyError: 'missing'$/],
    ];
    for (const [what, event, message] of unfit) {
      it(`fails with ${what}, and answers again`, async () => {
        await rejectsWith(invoke(session, event), "functionError", message);
        assert.equal(await invoke(session, { case: "echo", event: 1 }), 1);
      });
    }

    it("answers as much as an answer may have, and takes as much", async () => {
      const bytes = 6 * 1024 * 1024 - 2;
      const answer = await invoke(session, { case: "large", bytes });
      assert.equal((answer as string).length, bytes);
      const event = "y".repeat(3 * 1024 * 1024);
      assert.equal(await invoke(session, { case: "echo", event }), event);
    });

    it("answers after it has closed its output", async () => {
      assert.equal(await invoke(session, { case: "closing_streams" }), "fine");
    });
  });

  describe("that is wrong", () => {
    afterEach(() => guests.clear());

    const unloadable: [string, Record<string, string>, string, RegExp, RegExp][] = [
      [
        "has no such module",
        { "other.py": "" },
        "index.handler",
        /handler module 'index' not found in the code \(looked for index\.py, index\/__init__\.py\)/,
        /./,
      ],
      [
        "has no such function",
        { "index.py": "one = 1\ndef two(): pass" },
        "index.handler",
        /module 'index' has no function 'handler'; it has: one, two/,
        /./,
      ],
      [
        "has a handler that is no function",
        { "index.py": "handler = 5" },
        "index.handler",
        /'handler' of module 'index' is no function but of type int/,
        /./,
      ],
      [
        "does not parse",
        { "index.py": "import lib", "lib.py": "\n\ndef handler(:\n" },
        "index.handler",
        /^SyntaxError: invalid syntax \(lib\.py, line 3\)$/,
        /File "\/var\/task\/lib\.py", line 3/,
      ],
      [
        "imports what is not there",
        { "index.py": "import nowhere" },
        "index.handler",
        /^ModuleNotFoundError: No module named 'nowhere'$/,
        /index\.py", line 1/,
      ],
      [
        "raises while it loads",
        { "index.py": "x = 1\nraise RuntimeError('too early')" },
        "index.handler",
        /^RuntimeError: too early$/,
        /index\.py", line 2/,
      ],
    ];
    for (const [what, files, handler, message, place] of unloadable) {
      it(`is told when it ${what}`, async () => {
        const error = await rejectsWith(guests.load(files, { handler }), "functionError", message);
        assert.match(error.thrown?.stack ?? "", place);
        assert.doesNotMatch(error.thrown?.stack ?? "", /opt\/tidepool|frozen importlib/);
      });
    }

    const exits: [string, string, RegExp][] = [
      [
        "in its handler",
        "import sys\ndef handler(e, c): sys.exit(3)",
        /process exited with code 3/,
      ],
      [
        "with a text, a thread still running",
        "import sys, threading, time\ndef handler(e, c):\n  threading.Thread(target=time.sleep, args=(99,)).start()\n  sys.exit('over')",
        /process exited with code 1/,
      ],
      ["at init", "import sys\nsys.exit(4)", /process exited with code 4/],
      [
        "by a signal",
        "import os\ndef handler(e, c): os.kill(os.getpid(), 11)",
        /ended by signal 11/,
      ],
    ];
    for (const [how, source, message] of exits) {
      it(`ends its VM when it exits ${how}`, async () => {
        const calling = python(source).then((session) => invoke(session));
        await rejectsWith(calling, "guestCrash", message);
      });
    }

    it("is found in packages, by dots and by slashes", async () => {
      const files = {
        "a/__init__.py": "",
        "a/b/c.py": "from a.b import d\ndef handler(e, c): return [__name__, d.value]",
        "a/b/d.py": "value = 1",
      };
      for (const handler of ["a/b/c.handler", "a.b.c.handler"]) {
        assert.deepEqual(await invoke(await guests.load(files, { handler })), ["a.b.c", 1]);
      }
    });

    it("ends when it fills its memory, in steps of 1 MB and with small objects", async () => {
      for (const value of ["bytearray(b'x') * 1_000_000", "{'index': len(kept)}"]) {
        const filling = `def handler(e, c):\n  kept = []\n  while True: kept.append(${value})`;
        await rejectsWith(invoke(await python(filling)), "memoryLimit", /limit of 128 MiB/);
      }
    });

    it("is told its memory limit when it asks for far more at once, and its VM stays", async () => {
      const asking =
        "def handler(e, c):\n  return 1 if e == 'little' else len(bytearray(10 ** 11))";
      const session = await python(asking);
      await rejectsWith(invoke(session), "functionError", /the limit is 128 MiB/);
      assert.equal(await invoke(session, "little"), 1);
    });

    it("is stopped at a limit when it is a fork bomb, and its guest stays answering", async () => {
      const session = await python(`import os, time
def handler(e, c):
    try:
        while True:
            if os.fork() == 0:
                time.sleep(60)
    except BlockingIOError:
        return "alive"`);
      const outcome = await invoke(session).catch(({ code }: { code?: string }) => code);
      assert.ok(["alive", "memoryLimit"].includes(String(outcome)), String(outcome));
      if (outcome === "alive") await session.setClock();
    });
  });

  it("draws different random numbers in each clone, with every generator of Python's", async () => {
    const source = `import random, secrets, tempfile, uuid
at_init = random.random()
def handler(e, c):
    return {"init": at_init, "random": random.random(), "secrets": secrets.token_hex(8), "uuid4": str(uuid.uuid4()),
            "uuid1": str(uuid.uuid1()), "shuffled": random.sample(range(10**9), 3), "file": tempfile.mktemp()}`;
    const drawn = new Map<string, Set<unknown>>();
    for (let count = 0; count < 4; count++) {
      const session = await python(source);
      for (const [kind, value] of Object.entries((await invoke(session)) as object)) {
        drawn.set(kind, (drawn.get(kind) ?? new Set()).add(JSON.stringify(value)));
      }
      await guests.clear();
    }
    assert.equal(drawn.size, 7);
    for (const [kind, values] of drawn) assert.equal(values.size, 4, kind);
  });
});
