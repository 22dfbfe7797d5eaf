"""
Runs one invocation at a time, in the main thread: gathers its payload, calls the handler, and sends what came of
it. A handler that returns an iterator of bytes or texts streams its answer: each part leaves when it is made, and
a first part that is a dict is what it says to HTTP: {"statusCode", "headers", "cookies"}.
"""

import asyncio
import inspect
import json
import sys
import time

from . import messages, wire
from .context import Context
from .function_error import describe
from .logs import current

_HTTP_CONTENT_TYPE = "application/vnd.awslambda.http-integration-response"
_FIRST_MAX_BYTES = 256 * 1024


class ResultError(Exception):
    pass


class Invoker:
    def __init__(self, port):
        self._port = port

    def run(self, load, handler, invoke):
        started = time.monotonic()
        current.request_id = invoke.request_id
        request = wire.text(1, invoke.request_id)
        try:
            event = json.loads(bytes(invoke.payload) or b"null")
            context = Context(load, invoke.request_id, invoke.timeout_ms, invoke.traceparent)
            result = handler(event, context)
            if inspect.iscoroutine(result):
                result = asyncio.run(result)
            if is_stream(result):
                self._stream(request, result)
                self._finish(messages.ANSWER_END, request, 2, started)
            else:
                self._answer(request, to_json(result), started)
        except Exception as raised:
            failed = request + wire.content(2, describe(raised))
            self._finish(messages.INVOKE_FAILED, failed, 3, started)

    def _answer(self, request, payload, started):
        flush()
        first = payload[:_FIRST_MAX_BYTES]
        whole = request + wire.number(2, len(payload)) + wire.content(3, first)
        self._finish(messages.ANSWER, whole, 4, started)
        self._port.send_chunks(messages.ANSWER_CHUNK, memoryview(payload)[len(first) :])

    def _stream(self, request, parts):
        has_started = False
        for part in parts:
            http = ""
            if isinstance(part, dict) and not has_started:
                http, part = json.dumps(part), b""
            if not has_started:
                content_type = wire.text(2, _HTTP_CONTENT_TYPE if http else "")
                self._port.send(messages.ANSWER_START, request + content_type + wire.text(3, http))
            has_started = True
            content = part.encode() if isinstance(part, str) else memoryview(part).cast("B")
            self._port.send_chunks(messages.ANSWER_CHUNK, content)
        if not has_started:
            self._port.send(messages.ANSWER_START, request)

    def _finish(self, message, body, run_us_field, started):
        flush()
        run_us = round((time.monotonic() - started) * 1_000_000)
        self._port.send(message, body + wire.number(run_us_field, run_us))


def is_stream(result):
    return hasattr(result, "__next__") and hasattr(result, "__iter__")


def to_json(result):
    try:
        return json.dumps(result, ensure_ascii=False, allow_nan=False, default=_default).encode()
    except (TypeError, ValueError, RecursionError) as raised:
        # What is wrong stands in the message; the frames would be those of the library.
        raise ResultError(f"the handler's result is not JSON: {raised}") from None


def _default(value):
    decimal = sys.modules.get("decimal")
    if decimal is not None and isinstance(value, decimal.Decimal):
        return float(value)
    raise TypeError(f"object of type {type(value).__name__} has no JSON")


def flush():
    """What a handler printed is out before its answer is."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass  # the function has closed or replaced it
