"""The function's own program: started at the load, and with it everything ends."""

import os
import subprocess
import threading

from .code_receiver import CODE_FOLDER
from .runtime_api import ADDRESS

_PATH = f"{CODE_FOLDER}/bootstrap"
# init sees the program's end as ours.
_SIGNAL_BASE = 128


class HandlerError(Exception):
    """What is wrong with how a function is put together, rather than with its code."""


def start(load):
    if not os.path.isfile(_PATH):
        raise HandlerError("the code has no file 'bootstrap'")
    if not os.access(_PATH, os.X_OK):
        raise HandlerError("the file 'bootstrap' is not executable: its mode in the zip has no x")
    host, port = ADDRESS
    variables = {"AWS_LAMBDA_RUNTIME_API": f"{host}:{port}", **load.variables(CODE_FOLDER)}
    environment = {**os.environ, **variables}
    try:
        process = subprocess.Popen([_PATH], cwd=CODE_FOLDER, env=environment)
    except OSError as thrown:
        raise HandlerError(f"the file 'bootstrap' cannot be started: {thrown.strerror}") from thrown
    threading.Thread(target=_end_with, args=(process,), daemon=True).start()


def _end_with(process):
    code = process.wait()
    if code < 0:
        os.kill(os.getpid(), -code)
        code = _SIGNAL_BASE - code
    os._exit(code)
