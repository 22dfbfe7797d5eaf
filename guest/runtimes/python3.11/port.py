"""
The virtio-serial port to the host-agent, inherited from init: frames of a 4-byte little-endian length and that
many bytes. Reading and writing block; a full port holds the writer back.
"""

import os
import threading
import time

from . import wire

_PORT_FD = 3
_FRAME_MAX_BYTES = 1024 * 1024
_READ_BYTES = 64 * 1024
_CHUNK_MAX_BYTES = 256 * 1024
_HOST_AWAY_S = 0.005


class Port:
    def __init__(self):
        os.set_blocking(_PORT_FD, True)
        os.set_inheritable(_PORT_FD, False)
        self._pending = bytearray()
        self._writing = threading.Lock()

    def receive(self):
        """The next message: its number among those of HostRuntime, and its fields still encoded."""
        length = int.from_bytes(self._take(4), "little")
        if length > _FRAME_MAX_BYTES:
            raise ValueError(f"frame of {length} bytes, limit is {_FRAME_MAX_BYTES}")
        return next(wire.fields(memoryview(self._take(length))))

    def send(self, message, body=b""):
        frame = wire.content(message, body)
        self._write(len(frame).to_bytes(4, "little") + frame)

    def send_chunks(self, message, content):
        for at in range(0, len(content), _CHUNK_MAX_BYTES):
            self.send(message, wire.content(1, content[at : at + _CHUNK_MAX_BYTES]))

    def _take(self, count):
        while len(self._pending) < count:
            part = os.read(_PORT_FD, _READ_BYTES)
            if not part:
                time.sleep(_HOST_AWAY_S)
            self._pending += part
        taken = bytes(self._pending[:count])
        del self._pending[:count]
        return taken

    def _write(self, frame):
        left = memoryview(frame)
        with self._writing:
            while left:
                left = left[os.write(_PORT_FD, left) :]
