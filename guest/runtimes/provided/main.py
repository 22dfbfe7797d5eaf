"""
The runtime for functions that bring their own: speaks with the host-agent on the port that init handed over, and
with the function's `bootstrap` over the runtime API. It is started once, in the template, and every clone goes on
from its first wait for a message.
"""

import subprocess
import time

from . import bootstrap, messages, wire
from .code_receiver import CodeReceiver, Load
from .invocations import Invocations
from .invoke import Invoke
from .port import Port
from .runtime_api import ADDRESS, RuntimeApi

_RUNTIME_NAME = "provided"
_WARM_UP = ["/usr/bin/curl", "-s", "http://%s:%d/" % ADDRESS]


class Runtime:
    def __init__(self):
        self._port = Port()
        self._invocations = Invocations()
        self._api = RuntimeApi(self._port, self._invocations)
        self._code = CodeReceiver()
        self._load = self._invoke = None

    def serve(self):
        self._api.listen()
        while True:
            self._take(*self._port.receive())

    def _take(self, kind, message):
        if kind == messages.PING:
            ping_id = next((value for number, value in wire.fields(message) if number == 1), 0)
            self._port.send(messages.PONG, wire.number(1, ping_id) + wire.text(2, _RUNTIME_NAME))
        elif kind == messages.REHEARSE:
            for _ in range(dict(wire.fields(message)).get(1, 0)):
                subprocess.run(["/bin/sh", "-c", '"$@"', "sh", *_WARM_UP], stdout=subprocess.DEVNULL)
            self._port.send(messages.REHEARSED)
        elif kind == messages.LOAD:
            self._load = Load(message)
        elif kind == messages.CODE_FILE:
            self._code.add(message)
        elif kind == messages.LOAD_END:
            self._start()
        elif kind == messages.INVOKE:
            self._invoke = Invoke(message)
            self._give_when_whole()
        elif kind == messages.PAYLOAD_CHUNK:
            self._invoke.add(message)
            self._give_when_whole()
        elif kind in (messages.BEFORE_SNAPSHOT, messages.FREEZE):
            self._port.send(messages.SNAPSHOT_READY)
        elif kind == messages.AFTER_RESTORE:
            self._port.send(messages.RESTORE_DONE)
        else:
            raise ValueError(f"the host-agent sent message {kind}, which this runtime does not know")

    def _start(self):
        started = time.monotonic()
        try:
            self._code.finish()
            self._api.serve_for(self._load)
            bootstrap.start(self._load)
            error = self._invocations.wait_for_init()
        except (OSError, bootstrap.HandlerError) as thrown:
            error = wire.error(type(thrown).__name__, str(thrown), "")
        if error is None:
            init_us = round((time.monotonic() - started) * 1_000_000)
            self._port.send(messages.LOADED, wire.number(1, init_us))
        else:
            self._port.send(messages.LOAD_FAILED, wire.content(1, error))

    def _give_when_whole(self):
        if self._invoke.is_whole:
            self._invocations.give(self._invoke)


def main():
    Runtime().serve()
