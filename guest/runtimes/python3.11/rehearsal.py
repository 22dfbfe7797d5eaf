"""
Goes through everything that a load and an invocation do, so that in a clone QEMU's translation of that code is
there already. Leaves no file and no module behind, and draws no random number.
"""

import gc
import importlib
import os
import shutil
import sys

from . import wire
from .code_receiver import CodeReceiver, Load
from .find_handler import find_handler
from .invoke import Invoke
from .invoker import Invoker
from .logs import current

_FOLDER = "/tmp/.rehearsal"
_MODULE = "tidepool_rehearsal"
_SOURCE = b"import json\n\ndef handler(event, context):\n    return {'event': event, 'left': 1}\n"
_INVOCATIONS = 3

# What functions use most; imported in the template, so that no clone has to.
_PRELOADED = """asyncio base64 collections concurrent.futures contextlib copy csv dataclasses datetime decimal enum
functools hashlib hmac http.client importlib.metadata inspect io itertools json logging math os pathlib pickle queue
random re secrets shutil socket ssl statistics string struct subprocess tempfile textwrap threading time traceback
types typing unittest.mock urllib.parse urllib.request uuid zipfile zlib zoneinfo""".split()


class _NoPort:
    def send(self, message, body=b""):
        pass

    def send_chunks(self, message, content):
        pass


def preload():
    for name in _PRELOADED:
        importlib.import_module(name)


def settle():
    """So that no clone has its template's garbage to collect, or its objects to look through."""
    gc.collect()
    gc.freeze()


def rehearse(rounds):
    for _ in range(rounds):
        try:
            _rehearse_once()
        finally:
            current.request_id = ""
            sys.modules.pop(_MODULE, None)
            shutil.rmtree(_FOLDER, ignore_errors=True)


def _rehearse_once():
    path_before = list(sys.path)
    load = Load(memoryview(wire.text(1, "rehearsal") + wire.text(3, f"{_MODULE}.handler")))
    receiver = CodeReceiver(_FOLDER)
    file = wire.text(1, f"{_MODULE}.py") + wire.number(2, 0o644) + wire.content(3, _SOURCE)
    os.makedirs(_FOLDER, exist_ok=True)
    receiver.add(memoryview(file))
    receiver.finish()
    try:
        handler = find_handler(_FOLDER, load.handler)
    finally:
        sys.path[:] = path_before
        sys.path_importer_cache.pop(_FOLDER, None)
    payload = b'{"rehearsal":[1,"go"]}'
    message = wire.text(1, "rehearsal") + wire.number(2, len(payload)) + wire.content(3, payload)
    for _ in range(_INVOCATIONS):
        Invoker(_NoPort()).run(load, handler, Invoke(memoryview(message)))
