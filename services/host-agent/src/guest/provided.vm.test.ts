/**
 * Functions that bring their own runtime: a shell script with curl, and a program that keeps its connection, both
 * on the runtime API as they would be elsewhere.
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

const shell = (perCall: string, init = ""): string => `#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
${init}
while :; do
  event=$(curl -sS -D /tmp/headers "$api/invocation/next")
  header() { sed -n "s/^$1: *//Ip" /tmp/headers | tr -d '\\r'; }
  id=$(header Lambda-Runtime-Aws-Request-Id)
  post() { curl -sS -o /tmp/reply -X POST "$@"; }
  ${perCall}
done
`;

/** Python as a custom runtime: one connection for everything, and cases by the event. */
const program = `#!/usr/bin/python3.11
import base64, http.client, json, os, socket, sys, time
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
root = "/2018-06-01/runtime/"
def ask(method, path, body=None, headers={}):
    api.request(method, root + path, body, headers)
    answer = api.getresponse()
    return answer.status, answer.headers, answer.read()
def streamed(parts, content_type, trailers=b""):
    raw = socket.create_connection(os.environ["AWS_LAMBDA_RUNTIME_API"].split(":"))
    head = ["POST %sinvocation/%s/response HTTP/1.1" % (root, request), "Host: x", "Transfer-Encoding: chunked",
            "Content-Type: " + content_type, "Lambda-Runtime-Function-Response-Mode: streaming",
            "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"]
    raw.sendall("\\r\\n".join(head).encode() + b"\\r\\n\\r\\n")
    for part in parts:
        raw.sendall(b"%x\\r\\n" % len(part) + part + b"\\r\\n")
    if trailers is None:
        return raw.close()
    raw.sendall(b"0\\r\\n" + trailers + b"\\r\\n")
    assert raw.recv(100).startswith(b"HTTP/1.1 202"), "refused"
statuses = []
while True:
    status, headers, body = ask("GET", "invocation/next")
    request, event = headers["Lambda-Runtime-Aws-Request-Id"], json.loads(body)
    case = event["case"]
    if case == "about":
        deadline = int(headers["Lambda-Runtime-Deadline-Ms"]) - time.time() * 1000
        about = {"left": deadline, "arn": headers["Lambda-Runtime-Invoked-Function-Arn"],
                 "trace": headers["Lambda-Runtime-Trace-Id"], "root": os.environ["LAMBDA_TASK_ROOT"],
                 "handler": os.environ["_HANDLER"], "memory": os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
                 "version": os.environ["AWS_LAMBDA_FUNCTION_VERSION"], "own": os.environ["GREETING"],
                 "folder": os.getcwd()}
        ask("POST", "invocation/" + request + "/response", json.dumps(about))
    elif case == "error":
        error = {"errorType": "TooCold", "errorMessage": "minus 5", "stackTrace": ["at the door", "at home"]}
        ask("POST", "invocation/" + request + "/error", json.dumps(error))
    elif case == "plain error":
        ask("POST", "invocation/" + request + "/error", "not JSON", {"Lambda-Runtime-Function-Error-Type": "Odd"})
    elif case == "wrong":
        statuses = [ask("POST", "invocation/other/response", b"{}")[0], ask("GET", "nothing")[0],
                    ask("POST", "invocation/other/error", b"{}")[0], ask("POST", "init/error", b"{}")[0]]
        statuses.append(ask("POST", "invocation/" + request + "/response", json.dumps("first"))[0])
        statuses.append(ask("POST", "invocation/" + request + "/response", json.dumps("second"))[0])
    elif case == "statuses":
        ask("POST", "invocation/" + request + "/response", json.dumps(statuses))
    elif case == "large":
        ask("POST", "invocation/" + request + "/response", json.dumps("x" * event["bytes"]))
    elif case == "stream":
        streamed([b"one ", b"two"], "text/plain")
    elif case == "http":
        streamed([b'{"statusCode":418}\\0\\0\\0', b"\\0\\0\\0\\0\\0body"], "application/vnd.awslambda.http-integration-response")
    elif case == "broken stream":
        error = base64.b64encode(json.dumps({"errorType": "Late", "errorMessage": "half way"}).encode())
        streamed([b"half"], "text/plain", b"Lambda-Runtime-Function-Error-Type: Late\\r\\n"
                 b"Lambda-Runtime-Function-Error-Body: " + error + b"\\r\\n")
    elif case == "cut stream":
        streamed([b"half"], "text/plain", None)
`;

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

describe("a function with its own runtime", () => {
  let guests: GuestHarness;

  before(async () => {
    guests = await GuestHarness.open({ runtime: "provided", memoryMib: 128 });
  });
  after(() => guests.close());

  const own = (bootstrap: string, options = {}): Promise<GuestSession> =>
    guests.load({ bootstrap }, { handler: "my.handler", mode: 0o755, ...options });

  describe("as a shell script with curl", () => {
    afterEach(() => guests.clear());

    it("echoes, prints and fails, call after call", async () => {
      let printed = "";
      const session = await own(
        shell(
          `echo "line $id"
          case $event in
            *fail*) post "$api/invocation/$id/error" -d '{"errorType":"Sad","errorMessage":"no"}' ;;
            *) post "$api/invocation/$id/response" -d "{\\"event\\":$event,\\"init\\":\\"$init\\"}" ;;
          esac`,
          "init=$GREETING",
        ),
        { onOutput: (_stream: string, bytes: Uint8Array) => (printed += text(bytes)) },
      );
      assert.deepEqual(await invoke(session, [1, "ä"]), { event: [1, "ä"], init: "hello" });
      await rejectsWith(invoke(session, "fail"), "functionError", /^Sad: no$/);
      const { payload } = await invokeRaw(session, 2, { requestId: "request-2" });
      assert.deepEqual(JSON.parse(text(payload)), { event: 2, init: "hello" });
      await session.flush();
      assert.match(printed, /line request-2\n$/);
    });

    it("that ends in a call ends its VM", async () => {
      const session = await own(shell("exit 7"));
      await rejectsWith(invoke(session), "guestCrash", /process exited with code 7/);
    });

    it("that ends at once was never loaded", async () => {
      await rejectsWith(own("#!/bin/sh\nexit 3\n"), "guestCrash", /process exited with code 3/);
    });

    it("that is killed tells by which signal", async () => {
      await rejectsWith(own("#!/bin/sh\nkill -SEGV $$\n"), "guestCrash", /ended by signal 11/);
    });

    it("that reports a failed init is not loaded", async () => {
      const init = `curl -sS "$api/init/error" -d '{"errorType":"Unready","errorMessage":"no key"}'; sleep 60`;
      await rejectsWith(own(shell("", init)), "functionError", /^Unready: no key$/);
    });

    it("that never asks for a call stays in its init, until the caller gives up", async () => {
      const session = await guests.open();
      const code = guests.code({ bootstrap: "#!/bin/sh\nsleep 60\n" }, "x", 0o755);
      const signal = AbortSignal.timeout(500);
      await assert.rejects(session.load(code, { signal }), { name: "TimeoutError" });
    });
  });

  describe("that cannot be started", () => {
    afterEach(() => guests.clear());
    const bad: [string, Record<string, string>, number, RegExp][] = [
      ["is missing", { other: "" }, 0o755, /the code has no file 'bootstrap'/],
      ["is not executable", { bootstrap: "#!/bin/sh\n" }, 0o644, /'bootstrap' is not executable/],
      ["is no program", { bootstrap: "\0\0\0\0" }, 0o755, /cannot be started: Exec format error/],
      [
        "has an interpreter that is not there",
        { bootstrap: "#!/usr/bin/fish\n" },
        0o755,
        /cannot be started: No such file/,
      ],
    ];
    for (const [what, files, mode, message] of bad) {
      it(`is told that its bootstrap ${what}`, async () => {
        const loading = guests.load(files, { handler: "x", mode });
        await rejectsWith(loading, "functionError", message);
      });
    }
  });

  describe("as a program that keeps its connection", () => {
    let session: GuestSession;
    before(async () => {
      session = await own(program);
    });
    after(() => guests.clear());
    afterEach(() => assert.equal(session.failure, undefined));

    it("knows its request, deadline, trace and environment", async () => {
      const { payload } = await invokeRaw(session, { case: "about" }, { timeoutMs: 5_000 });
      const { left, ...about } = JSON.parse(text(payload)) as { left: number };
      assert.ok(left > 4_000 && left <= 5_000, String(left));
      assert.deepEqual(about, {
        arn: "arn:aws:lambda:local:000000000000:function:greet:7",
        trace: "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=b7ad6b7169203331;Sampled=1",
        root: "/var/task",
        handler: "my.handler",
        memory: "128",
        version: "7",
        own: "hello",
        folder: "/var/task",
      });
      assert.ok(traceparent.includes("0af7651916cd43dd8448eb211c80319c"));
    });

    it("fails with the error that it posts, whatever that is", async () => {
      const failing = invoke(session, { case: "error" });
      const error = await rejectsWith(failing, "functionError", /^TooCold: minus 5$/);
      assert.equal(error.thrown?.stack, "TooCold: minus 5\nat the door\nat home");
      const odd = invoke(session, { case: "plain error" });
      await rejectsWith(odd, "functionError", /^Odd: not JSON$/);
    });

    it("is refused what is not asked of it, and answers once", async () => {
      assert.equal(await invoke(session, { case: "wrong" }), "first");
      const statuses = await invoke(session, { case: "statuses" });
      assert.deepEqual(statuses, [400, 404, 400, 400, 202, 400]);
    });

    it("answers as much as an answer may have", async () => {
      const bytes = 6 * 1024 * 1024 - 2;
      assert.equal(((await invoke(session, { case: "large", bytes })) as string).length, bytes);
    });

    it("streams, with the type that it names", async () => {
      const { payload, streamed } = await invokeRaw(session, { case: "stream" });
      assert.equal(text(payload), "one two");
      assert.deepEqual(streamed, { contentType: "text/plain", http: "" });
    });

    it("says to HTTP what comes before its body, wherever its parts are cut", async () => {
      const { payload, streamed } = await invokeRaw(session, { case: "http" });
      assert.equal(text(payload), "body");
      assert.equal(streamed?.http, '{"statusCode":418}');
    });

    it("fails with the error in its trailers, or when it hangs up in the middle", async () => {
      const late = invoke(session, { case: "broken stream" });
      await rejectsWith(late, "functionError", /^Late: half way$/);
      const cut = invoke(session, { case: "cut stream" });
      await rejectsWith(cut, "functionError", /connection closed in the middle/);
    });
  });

  it("is refused an answer over the limit", async () => {
    const session = await own(program, { answerMaxBytes: 1_000_000 });
    const answer = invoke(session, { case: "large", bytes: 20_000_000 });
    await rejectsWith(answer, "outputLimit", /has 20000002 bytes, limit is 1000000/);
    await guests.clear();
  });
});
