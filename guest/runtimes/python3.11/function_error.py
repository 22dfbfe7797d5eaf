"""Whatever user code raised, as a FunctionError; never raises itself."""

import os
import traceback

from . import wire

_RUNTIME_FOLDER = "/opt/tidepool/"


def describe(raised):
    try:
        _name_limit(raised)
        name = type(raised).__name__
        return wire.error(name, _message(raised), _stack(raised))
    except Exception:
        return wire.error("Exception", "the function raised an exception that cannot be described", "")


def _name_limit(raised):
    """Python says nothing of why there was no memory."""
    if isinstance(raised, MemoryError) and not raised.args:
        limit = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "?")
        raised.args = (f"more memory was asked for than there is; the limit is {limit} MiB (--memory)",)


def _message(raised):
    return str(raised)


def _stack(raised):
    """Without the frames of this runtime and of the import machinery, which tell the author nothing."""
    described = traceback.TracebackException.from_exception(raised)
    seen, parts = set(), [described]
    while parts:
        part = parts.pop()
        if part is None or id(part) in seen:
            continue
        seen.add(id(part))
        part.stack = traceback.StackSummary.from_list([frame for frame in part.stack if _is_own(frame)])
        parts += [part.__cause__, part.__context__]
    return "".join(described.format()).rstrip("\n")


def _is_own(frame):
    name = frame.filename
    return not name.startswith((_RUNTIME_FOLDER, "<frozen importlib")) and "/importlib/" not in name
