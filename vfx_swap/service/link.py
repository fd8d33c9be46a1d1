"""Messages between the front and a worker: JSON objects over a Unix socket pair, each after its length. Never pickle.

    4 bytes, big-endian: length of what follows, at most MESSAGE_BYTES
    UTF-8 JSON, one object

NaN and infinity are written as Python's json does: both ends are ours, and metrics may hold them.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Mapping
from typing import Any, TypeAlias

from vfx_swap.errors import LimitError, ProtocolError

__all__ = ["MESSAGE_BYTES", "Decoder", "Link", "Message", "encode"]

Message: TypeAlias = dict[str, Any]
"""A parsed JSON object; whoever reads it checks what it takes from it."""

MESSAGE_BYTES = 32 << 20
"""Of one message: the numbers of 100,000 frames and their failures are a tenth of this."""
READ_BYTES = 1 << 16
_LENGTH = struct.Struct(">I")


def encode(message: Mapping[str, Any]) -> bytes:
    """A message as it goes over the link.

    Raises:
        LimitError: it is larger than MESSAGE_BYTES.
        ProtocolError: it holds what JSON does not.
    """
    try:
        text = json.dumps(message, separators=(",", ":")).encode()
    except (TypeError, ValueError) as error:
        raise ProtocolError(f"a message that JSON cannot hold: {error}") from error
    if len(text) > MESSAGE_BYTES:
        raise LimitError(f"a message of {len(text)} bytes to or from a worker; {MESSAGE_BYTES} is the most")
    return _LENGTH.pack(len(text)) + text


class Decoder:
    """Bytes in as they come, messages out. After an error it is of no more use."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are whole now.

        Raises:
            ProtocolError: a length that is none, or no JSON object.
        """
        self._held += data
        found: list[Message] = []
        while len(self._held) >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(self._held)
            if not 0 < size <= MESSAGE_BYTES:
                raise ProtocolError(f"a message of {size} bytes; 1 to {MESSAGE_BYTES} are taken")
            end = _LENGTH.size + size
            if len(self._held) < end:
                break
            text = bytes(self._held[_LENGTH.size : end])
            del self._held[:end]
            found.append(_parsed(text))
        return found

    @property
    def begun(self) -> bool:
        """Whether a message is not whole yet: at the link's end, one was cut off."""
        return bool(self._held)


def _parsed(text: bytes) -> Message:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"a message that is not JSON: {text[:80]!r}") from error
    if not isinstance(message, dict):
        raise ProtocolError(f"a message that is not an object: {text[:80]!r}")
    return message


class Link:
    """The worker's end: blocking, and safe to send from several threads."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._sending = threading.Lock()
        self._decoder = Decoder()
        self._ready: list[Message] = []

    def send(self, message: Mapping[str, Any]) -> None:
        """Send one message, whole.

        Raises:
            LimitError, ProtocolError: as `encode`; nothing was sent.
            OSError: the other end is gone.
        """
        data = encode(message)
        with self._sending:
            self._socket.sendall(data)

    def receive(self) -> Message | None:
        """The next message; None when the other end is gone. From one thread only.

        Raises:
            ProtocolError: what came is no message.
        """
        while not self._ready:
            data = b""
            with contextlib.suppress(OSError):
                data = self._socket.recv(READ_BYTES)
            if not data:
                return None
            self._ready = self._decoder.feed(data)
        return self._ready.pop(0)

    def close(self) -> None:
        """Close this end."""
        self._socket.close()
