"""
The one invocation that there is at a time: given by the host-agent, fetched by the bootstrap, and answered once.
Also what became of the bootstrap's init, which is over with its first fetch.
"""

import threading
import time


class WrongRequest(Exception):
    """An answer to a request that does not run."""


class Invocations:
    def __init__(self):
        self._changed = threading.Condition()
        self._waiting = None
        self._running = None
        self._is_initialized = False
        self._init_error = None

    def give(self, invoke):
        with self._changed:
            self._waiting = invoke
            self._changed.notify_all()

    def fetch(self):
        """Waits for the next invocation."""
        with self._changed:
            self._is_initialized = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._waiting is not None)
            self._running, self._waiting = self._waiting, None
            self._running.started = time.monotonic()
            return self._running

    def finish(self, request_id):
        """The invocation that is answered now; nobody else can answer it."""
        with self._changed:
            running = self._running
            if running is None or running.request_id != request_id:
                raise WrongRequest(f"request {request_id} does not run")
            self._running = None
            return running

    def fail_init(self, error):
        """@returns whether init was still going on"""
        with self._changed:
            if self._is_initialized or self._init_error is not None:
                return False
            self._init_error = error
            self._changed.notify_all()
            return True

    def wait_for_init(self):
        """Ends with the first fetch, or with the error that the bootstrap reported instead."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_initialized or self._init_error is not None)
            return self._init_error
