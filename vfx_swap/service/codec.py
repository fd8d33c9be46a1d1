"""Chunks of pixels on the wire, framed by hand: the same bytes as protobuf's, without its copies.

protobuf copies a chunk's megabyte into the message, and again when it is written; a chunk is three small numbers and
bytes that come last, so it can be put together in one join and taken apart as a view. Whatever is laid out in another
way is left to protobuf itself, which stays the plain twin that the tests compare with. Wire format:
https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from crc32c import crc32c
from google.protobuf.message import DecodeError, Message

from vfx_swap.errors import ProtocolError
from vfx_swap.service.pool import Buffer

__all__ = ["Chunk", "ChunkCodec", "Malformed", "checksum"]

_BYTES = 2
"""Wire type of what has a length."""
_FRAME, _PLANE, _OFFSET, _DATA = 1 << 3, 2 << 3, 3 << 3, (15 << 3) | _BYTES
"""Tags of FrameChunk's fields: number << 3 | wire type. A test compares them with the descriptor."""


@dataclass(frozen=True, eq=False, slots=True)
class Chunk:
    """A FrameChunk whose pixels are not copied."""

    frame: int
    plane: int
    offset: int
    data: Buffer
    """At most 1 MiB; of a message that came in, a view into it."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """What came in is no message: the stream that it came by is ended by its handler, with words."""

    error: ProtocolError


class ChunkCodec:
    """Messages of one type to bytes and back, with `Chunk` in place of those that hold a FrameChunk.

    Args:
        message: a type with a FrameChunk in its oneof.
    """

    def __init__(self, message: type[Message]) -> None:
        self._message = message
        field = message.DESCRIPTOR.fields_by_name["chunk"]
        self._oneof = message.DESCRIPTOR.oneofs[0].name
        self._tag = (field.number << 3) | _BYTES

    def encode(self, given: Any) -> bytes:
        """A message's bytes, or a chunk's as this type holds it."""
        if not isinstance(given, Chunk):
            raw: bytes = given.SerializeToString()
            return raw
        head = bytearray()
        for tag, value in ((_FRAME, given.frame), (_PLANE, given.plane), (_OFFSET, given.offset)):
            if value:  # proto3 leaves zeros out
                head.append(tag)
                _append_varint(head, value)
        size = len(given.data)
        if size:
            head.append(_DATA)
            _append_varint(head, size)
        front = bytearray([self._tag])
        _append_varint(front, len(head) + size)
        return b"".join((front, head, given.data))

    def decode(self, raw: bytes) -> Any:
        """A message, a Chunk, or Malformed. Never raises: gRPC would answer INTERNAL and say nothing."""
        chunk = self._chunk(raw)
        if chunk is not None:
            return chunk
        message = self._message()
        try:
            message.ParseFromString(raw)
        except DecodeError as error:
            return Malformed(ProtocolError(f"no {self._message.__name__}: {error}"[:200]))
        if message.WhichOneof(self._oneof) != "chunk":
            return message
        inner = message.chunk  # type: ignore[attr-defined]  # the constructor asked for such a type
        return Chunk(inner.frame, inner.plane, inner.offset, inner.data)

    def _chunk(self, raw: bytes) -> Chunk | None:
        """A chunk laid out as `encode` does it; None for all else."""
        if not raw or raw[0] != self._tag:
            return None
        try:
            inner, at = _varint(raw, 1)
            if at + inner != len(raw):
                return None
            values = [0, 0, 0]
            for index, tag in enumerate((_FRAME, _PLANE, _OFFSET)):
                if at < len(raw) and raw[at] == tag:
                    values[index], at = _varint(raw, at + 1)
            if at == len(raw):
                data = memoryview(b"")
            else:
                size, start = _varint(raw, at + 1)
                if raw[at] != _DATA or start + size != len(raw):
                    return None
                data = memoryview(raw)[start:]
        except IndexError:
            return None
        frame, plane, offset = values
        # What does not fit its field is cut or signed by protobuf's own rules.
        if frame >= 1 << 31 or plane >= 1 << 32 or offset >= 1 << 64:
            return None
        return Chunk(frame, plane, offset, data)


def checksum(data: Buffer, before: int = 0) -> int:
    """CRC-32C (Castagnoli, RFC 3720) of what came before and these bytes."""
    return int(crc32c(data, before))


def _append_varint(out: bytearray, value: int) -> None:
    value &= (1 << 64) - 1  # a negative int32 takes ten bytes
    while value > 0x7F:
        out.append((value & 0x7F) | 0x80)
        value >>= 7
    out.append(value)


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    """A varint and where it ends; IndexError where the bytes end before, or it is longer than ten."""
    value = shift = 0
    while True:
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise IndexError
