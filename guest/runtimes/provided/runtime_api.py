"""
The runtime API (2018-06-01) on localhost, as a function's bootstrap expects it: it fetches an invocation, and posts
its response or its error. A response in streaming mode is handed on while it is still being posted.
"""

import base64
import json
import re
import socket
import threading
import time

from . import messages, wire
from .http_connection import ConnectionBroken, HttpConnection
from .invocations import WrongRequest

ADDRESS = ("127.0.0.1", 9001)

_PREFIX = "/2018-06-01/runtime/"
_HTTP_CONTENT_TYPE = "application/vnd.awslambda.http-integration-response"
_PRELUDE_END = b"\0" * 8
_PRELUDE_MAX_BYTES = 64 * 1024
_FIRST_MAX_BYTES = 256 * 1024
# The host-agent refuses such an answer by its announced size: more of it need not be kept.
_KEPT_MAX_BYTES = 8 * 1024 * 1024
_OK = b'{"status":"OK"}\n'


class RuntimeApi:
    def __init__(self, port, invocations):
        self._port = port
        self._invocations = invocations
        self._arn = ""

    def listen(self):
        listener = socket.create_server(ADDRESS, backlog=64)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def serve_for(self, load):
        self._arn = load.arn

    def _accept(self, listener):
        while True:
            accepted, _ = listener.accept()
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(accepted,), daemon=True).start()

    def _serve(self, accepted):
        connection = HttpConnection(accepted)
        try:
            for request in connection.requests():
                self._take(connection, request)
        except (ConnectionBroken, OSError):
            pass  # an invocation that runs goes on until its limit, or its bootstrap's end
        finally:
            connection.close()

    def _take(self, connection, request):
        path = request.path.removeprefix(_PREFIX) if request.path.startswith(_PREFIX) else ""
        answer = re.fullmatch(r"invocation/([^/]+)/(response|error)", path)
        try:
            if request.method == "GET" and path == "invocation/next":
                self._give(connection)
            elif request.method == "POST" and path == "init/error":
                self._take_init_error(connection, request)
            elif request.method == "POST" and answer is not None:
                invoke = self._invocations.finish(answer[1])
                take = self._take_response if answer[2] == "response" else self._take_error
                take(connection, request, invoke)
            else:
                drain(request)
                connection.answer(404, problem("NotFound", f"no {request.method} {request.path[:200]}"))
        except WrongRequest as wrong:
            drain(request)
            connection.answer(400, problem("InvalidRequestID", str(wrong)))

    def _give(self, connection):
        invoke = self._invocations.fetch()
        deadline_ms = round(time.time() * 1000) + invoke.timeout_ms
        headers = [
            ("Content-Type", "application/json"),
            ("Lambda-Runtime-Aws-Request-Id", invoke.request_id),
            ("Lambda-Runtime-Deadline-Ms", deadline_ms),
            ("Lambda-Runtime-Invoked-Function-Arn", self._arn),
            ("Lambda-Runtime-Trace-Id", trace_id(invoke.traceparent)),
        ]
        connection.answer(200, bytes(invoke.payload), headers)

    def _take_init_error(self, connection, request):
        error = error_of(b"".join(request.parts()), request.headers)
        if self._invocations.fail_init(error):
            connection.answer(202, _OK)
        else:
            connection.answer(400, problem("InvalidState", "init is over"))

    def _take_error(self, connection, request, invoke):
        self._fail(invoke, error_of(b"".join(request.parts()), request.headers))
        connection.answer(202, _OK)

    def _take_response(self, connection, request, invoke):
        mode = request.headers.get("lambda-runtime-function-response-mode", "")
        take = self._stream if mode.lower() == "streaming" else self._gather
        try:
            take(request, invoke)
        except ConnectionBroken as broken:
            self._fail(invoke, wire.error("ResponseError", str(broken), ""))
            raise
        connection.answer(202, _OK)

    def _gather(self, request, invoke):
        payload, count = bytearray(), 0
        for part in request.parts():
            count += len(part)
            if count <= _KEPT_MAX_BYTES:
                payload += part
        first = payload[:_FIRST_MAX_BYTES]
        answer = request_id(invoke) + wire.number(2, count) + wire.content(3, first)
        self._port.send(messages.ANSWER, answer + wire.number(4, run_us(invoke)))
        self._port.send_chunks(messages.ANSWER_CHUNK, memoryview(payload)[len(first) :])

    def _stream(self, request, invoke):
        content_type = request.headers.get("content-type", "")
        parts = request.parts()
        http, rest = read_prelude(parts) if content_type == _HTTP_CONTENT_TYPE else ("", b"")
        start = request_id(invoke) + wire.text(2, content_type) + wire.text(3, http)
        self._port.send(messages.ANSWER_START, start)
        self._port.send_chunks(messages.ANSWER_CHUNK, rest)
        for part in parts:
            self._port.send_chunks(messages.ANSWER_CHUNK, part)
        if "lambda-runtime-function-error-type" in request.trailers:
            encoded = request.trailers.get("lambda-runtime-function-error-body", "")
            self._fail(invoke, error_of(base64.b64decode(encoded + "=="), request.trailers))
        else:
            self._port.send(messages.ANSWER_END, request_id(invoke) + wire.number(2, run_us(invoke)))

    def _fail(self, invoke, error):
        failed = request_id(invoke) + wire.content(2, error) + wire.number(3, run_us(invoke))
        self._port.send(messages.INVOKE_FAILED, failed)


def request_id(invoke):
    return wire.text(1, invoke.request_id)


def run_us(invoke):
    return round((time.monotonic() - invoke.started) * 1_000_000)


def drain(request):
    for _ in request.parts():
        pass


def problem(kind, message):
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()


def error_of(body, headers):
    """A FunctionError of what a bootstrap reports, whatever that is."""
    try:
        given = json.loads(body or b"{}")
    except ValueError:
        given = None
    if not isinstance(given, dict):
        given = {"errorMessage": body.decode("utf-8", "replace")}
    kind = given.get("errorType") or headers.get("lambda-runtime-function-error-type") or "Error"
    stack = given.get("stackTrace") or []
    if not isinstance(stack, list):
        stack = [stack]
    message = str(given.get("errorMessage", ""))
    return wire.error(str(kind), message, "\n".join([f"{kind}: {message}", *map(str, stack)]))


def read_prelude(parts):
    """What a streamed answer says to HTTP comes before its body, as JSON, and ends in eight zeros."""
    content = b""
    for part in parts:
        content += part
        http, end, rest = content.partition(_PRELUDE_END)
        if end:
            return http.decode("utf-8", "replace"), rest
        if len(content) > _PRELUDE_MAX_BYTES:
            break
    return "", content


def trace_id(traceparent):
    """W3C's trace context in the form that X-Ray gave the header."""
    match = re.fullmatch(r"[0-9a-f]{2}-([0-9a-f]{8})([0-9a-f]{24})-([0-9a-f]{16})-([0-9a-f]{2})", traceparent)
    if match is None:
        return ""
    sampled = int(match[4], 16) & 1
    return f"Root=1-{match[1]}-{match[2]};Parent={match[3]};Sampled={sampled}"
