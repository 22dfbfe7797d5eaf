"""
Protobuf by hand, for proto/tidepool/guest/v1/guest.proto: flat messages of numbers and byte strings, which do
not justify a library that a function's own copy of it could clash with.
"""

_VARINT, _BYTES = 0, 2
_TEXT_MAX_CHARACTERS = 64 * 1024


def fields(message):
    """Each field of a message: its number, and its value as int or memoryview."""
    at, end = 0, len(message)
    while at < end:
        tag, at = _varint(message, at)
        value, at = _varint(message, at)
        if tag & 7 == _BYTES:
            length = value
            value = message[at : at + length]
            at += length
        elif tag & 7 != _VARINT:
            raise ValueError(f"a field of wire type {tag & 7}")
        yield tag >> 3, value


def texts(message, names):
    """The fields of a message by name; those that are left out are empty."""
    found = dict.fromkeys(names.values(), "")
    for number, value in fields(message):
        if number in names:
            found[names[number]] = str(value, "utf-8")
    return found


def _varint(message, at):
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def number(field, value):
    return _encode(field << 3 | _VARINT) + _encode(value)


def content(field, value):
    return _encode(field << 3 | _BYTES) + _encode(len(value)) + bytes(value)


def text(field, value):
    return content(field, value.encode("utf-8", "replace")) if value else b""


def error(name, message, stack):
    """A FunctionError, each part cut to its limit."""
    parts = (name, message, stack)
    return b"".join(text(1 + index, _cut(part)) for index, part in enumerate(parts))


def _cut(value):
    return value if len(value) <= _TEXT_MAX_CHARACTERS else value[:_TEXT_MAX_CHARACTERS] + "…"


def _encode(value):
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
