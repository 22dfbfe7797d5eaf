"""
One connection of a bootstrap: as much of HTTP/1.1 as clients of the runtime API use. Requests come one after the
other; a body has a length, or comes in chunks, with trailers after the last.
"""

_LINE_MAX_BYTES = 64 * 1024
_HEADERS_MAX_COUNT = 100
_PART_BYTES = 64 * 1024

_REASONS = {200: "OK", 202: "Accepted", 400: "Bad Request", 404: "Not Found", 413: "Content Too Large"}


class ConnectionBroken(Exception):
    """The other side went away in the middle, or spoke no HTTP."""


class Request:
    def __init__(self, connection, method, path, headers):
        self.method, self.path, self.headers = method, path, headers
        self.trailers = {}
        self._connection = connection

    def parts(self):
        """The body, part by part as it comes; afterwards the trailers are known."""
        if "100-continue" in self.headers.get("expect", "").lower():
            self._connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            yield from self._chunks()
        else:
            yield from self._connection.read(_number(self.headers.get("content-length", "0"), 10))

    def _chunks(self):
        while True:
            size = _number(self._connection.line().partition(";")[0], 16)
            if size == 0:
                break
            yield from self._connection.read(size)
            self._connection.line()
        self.trailers = self._connection.headers()


class HttpConnection:
    def __init__(self, socket):
        self._socket = socket
        self._file = socket.makefile("rb", _PART_BYTES)

    def requests(self):
        """Ends when the other side closes."""
        while True:
            line = self._file.readline(_LINE_MAX_BYTES)
            if not line:
                return
            words = line.decode("latin-1").split()
            if not words:
                continue
            if len(words) != 3:
                raise ConnectionBroken("no line of a request")
            request = Request(self, words[0], words[1].partition("?")[0], self.headers())
            yield request
            if request.headers.get("connection", "").lower() == "close":
                return

    def headers(self):
        found = {}
        while line := self.line():
            name, _, value = line.partition(":")
            found[name.strip().lower()] = value.strip()
            if len(found) > _HEADERS_MAX_COUNT:
                raise ConnectionBroken(f"more than {_HEADERS_MAX_COUNT} headers")
        return found

    def line(self):
        line = self._file.readline(_LINE_MAX_BYTES)
        if not line.endswith(b"\n"):
            raise ConnectionBroken("the connection closed in the middle of a request")
        return line.decode("latin-1").rstrip("\r\n")

    def read(self, count):
        while count > 0:
            part = self._file.read1(min(count, _PART_BYTES))
            if not part:
                raise ConnectionBroken("the connection closed in the middle of a body")
            count -= len(part)
            yield part

    def answer(self, status, body=b"", headers=()):
        head = [f"HTTP/1.1 {status} {_REASONS[status]}", f"Content-Length: {len(body)}"]
        head += [f"{name}: {value}" for name, value in headers]
        self.write("\r\n".join(head).encode("latin-1", "replace") + b"\r\n\r\n" + body)

    def write(self, content):
        self._socket.sendall(content)

    def close(self):
        self._file.close()
        self._socket.close()


def _number(text, base):
    try:
        return int(text.strip(), base)
    except ValueError:
        raise ConnectionBroken(f"'{text[:20]}' is no size") from None
