"""
The Python runtime of a guest: answers the host-agent on the port that init handed over. It is started once, in
the template, and every clone goes on from its first wait for a message.

Nothing here may use randomness before the first Ping with entropy: whatever is drawn in the template is the same
in every clone.
"""

import os
import platform
import sys
import time

from . import messages, wire
from .code_receiver import CODE_FOLDER, CodeReceiver, Load
from .find_handler import find_handler
from .fresh import freshen
from .function_error import describe
from .invoke import Invoke
from .invoker import Invoker, flush
from .logs import offer_logging
from .port import Port
from .rehearsal import preload, rehearse, settle

_RUNTIME_NAME = f"python3.11 {platform.python_version()}"
_MODULES_FOLDER = "/opt/tidepool/python3.11/modules"


class Runtime:
    def __init__(self):
        self._port = Port()
        self._code = CodeReceiver()
        self._invoker = Invoker(self._port)
        self._load = self._handler = self._invoke = None

    def serve(self):
        while True:
            self._take(*self._port.receive())

    def _take(self, kind, message):
        if kind == messages.PING:
            self._greet(message)
        elif kind == messages.REHEARSE:
            self._prepare(message)
        elif kind == messages.LOAD:
            self._load = Load(message)
        elif kind == messages.CODE_FILE:
            self._code.add(message)
        elif kind == messages.LOAD_END:
            self._reporting(self._load_code)
        elif kind == messages.INVOKE:
            self._invoke = Invoke(message)
            self._run_when_whole()
        elif kind == messages.PAYLOAD_CHUNK:
            self._invoke.add(message)
            self._run_when_whole()
        elif kind == messages.BEFORE_SNAPSHOT:
            self._reporting(self._before_snapshot)
        elif kind == messages.FREEZE:
            settle()
            self._port.send(messages.SNAPSHOT_READY)
        elif kind == messages.AFTER_RESTORE:
            self._reporting(self._after_restore)
        else:
            raise ValueError(f"the host-agent sent message {kind}, which this runtime does not know")

    def _greet(self, message):
        ping_id = 0
        for number, value in wire.fields(message):
            if number == 1:
                ping_id = value
            elif number == 2 and len(value) > 0:
                freshen(bytes(value))
        self._port.send(messages.PONG, wire.number(1, ping_id) + wire.text(2, _RUNTIME_NAME))

    def _prepare(self, message):
        given = dict(wire.fields(message))
        if given.get(2, 0):
            preload()
        rehearse(given.get(1, 0))
        if given.get(2, 0):
            settle()
        self._port.send(messages.REHEARSED)

    def _reporting(self, work):
        started = time.monotonic()
        try:
            message = work()
        except Exception as raised:
            flush()
            self._port.send(messages.LOAD_FAILED, wire.content(1, describe(raised)))
        else:
            flush()
            took_us = round((time.monotonic() - started) * 1_000_000)
            self._port.send(message, wire.number(1, took_us))

    def _load_code(self):
        self._code.finish()
        os.environ.update(self._load.variables(CODE_FOLDER))
        self._handler = find_handler(CODE_FOLDER, self._load.handler)
        return messages.LOADED

    def _before_snapshot(self):
        run_hooks("get_before_snapshot")
        return messages.SNAPSHOT_READY

    def _after_restore(self):
        run_hooks("get_after_restore")
        return messages.RESTORE_DONE

    def _run_when_whole(self):
        if self._invoke.is_whole:
            invoke, self._invoke = self._invoke, None
            self._invoker.run(self._load, self._handler, invoke)


def run_hooks(kind):
    registered = sys.modules.get("snapshot_restore_py")
    for function, positional, named in getattr(registered, kind, list)():
        function(*positional, **named)


def main():
    sys.path[0] = _MODULES_FOLDER
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")
    offer_logging()
    try:
        Runtime().serve()
    except SystemExit as exiting:
        # Threads that the function left running would keep a usual exit waiting.
        end(exiting.code)


def end(code):
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    flush()
    os._exit((code or 0) & 0xFF)
