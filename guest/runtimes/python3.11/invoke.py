"""One invocation as the host-agent sends it: its payload may come in several parts."""

from . import wire


class Invoke:
    def __init__(self, message):
        self.request_id = self.traceparent = ""
        self.payload = bytearray()
        self.payload_bytes = self.timeout_ms = 0
        for number, value in wire.fields(message):
            if number == 1:
                self.request_id = str(value, "utf-8")
            elif number == 2:
                self.payload_bytes = value
            elif number == 3:
                self.payload += value
            elif number == 4:
                self.timeout_ms = value
            elif number == 5:
                self.traceparent = str(value, "utf-8")

    def add(self, message):
        for number, value in wire.fields(message):
            if number == 1:
                self.payload += value

    @property
    def is_whole(self):
        return len(self.payload) >= self.payload_bytes
