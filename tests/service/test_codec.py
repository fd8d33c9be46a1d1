"""Chunks framed by hand are protobuf's own bytes, both ways, whatever is in them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vfx_swap.errors import ProtocolError
from vfx_swap.service import wire
from vfx_swap.service.codec import Chunk, ChunkCodec, Malformed, checksum

TYPES = [
    wire.frames.ProcessFramesRequest,
    wire.frames.ProcessFramesResponse,
    wire.parse.ParseFramesRequest,
    wire.parse.ParseFramesResponse,
    wire.track.TrackPlateRequest,
]
INT32 = st.integers(-(1 << 31), (1 << 31) - 1)
UINT32 = st.integers(0, (1 << 32) - 1)
UINT64 = st.integers(0, (1 << 64) - 1)


def plain(kind: Any, frame: int, plane: int, offset: int, data: bytes) -> Any:
    return kind(chunk=wire.pixels.FrameChunk(frame=frame, plane=plane, offset=offset, data=data))


@given(st.sampled_from(TYPES), INT32, UINT32, UINT64, st.binary(max_size=300))
def test_the_same_bytes_and_the_same_values(kind: Any, frame: int, plane: int, offset: int, data: bytes) -> None:
    codec, twin = ChunkCodec(kind), plain(kind, frame, plane, offset, data)
    raw = codec.encode(Chunk(frame, plane, offset, data))
    assert raw == twin.SerializeToString()
    back = codec.decode(raw)
    assert (back.frame, back.plane, back.offset, bytes(back.data)) == (frame, plane, offset, data)


@given(st.sampled_from(TYPES), st.binary(max_size=60))
def test_any_bytes_are_read_as_protobuf_reads_them(kind: Any, raw: bytes) -> None:
    front = bytes([(kind.DESCRIPTOR.fields_by_name["chunk"].number << 3) | 2, len(raw)])
    for given_bytes in (raw, front + raw):
        found, twin = ChunkCodec(kind).decode(given_bytes), kind()
        try:
            twin.ParseFromString(given_bytes)
        except Exception:  # noqa: BLE001  # whatever protobuf calls it
            assert isinstance(found, Malformed)
            assert isinstance(found.error, ProtocolError)
            continue
        if isinstance(found, Chunk):
            inner = twin.chunk
            assert (found.frame, found.plane, found.offset, bytes(found.data)) == (
                inner.frame, inner.plane, inner.offset, inner.data
            )  # fmt: skip
        else:
            assert found == twin
            assert twin.WhichOneof("message") != "chunk"


def test_a_megabyte_is_a_view_and_no_copy() -> None:
    codec = ChunkCodec(wire.frames.ProcessFramesRequest)
    raw = codec.encode(Chunk(1001, 0, 1 << 20, bytes(1 << 20)))
    data = codec.decode(raw).data
    assert isinstance(data, memoryview)
    assert data.obj is raw


def test_other_layouts_are_left_to_protobuf() -> None:
    codec = ChunkCodec(wire.frames.ProcessFramesRequest)
    inner = bytes.fromhex("7a0261621005")  # data before plane
    found = codec.decode(bytes([0x22, len(inner)]) + inner)
    assert (found.plane, bytes(found.data)) == (5, b"ab")
    twice = codec.encode(Chunk(1, 0, 0, b"ab")) + codec.encode(Chunk(2, 0, 0, b""))
    merged = codec.decode(twice)
    assert (merged.frame, bytes(merged.data)) == (2, b"ab")


def test_other_messages_pass_as_they_are() -> None:
    codec = ChunkCodec(wire.frames.ProcessFramesRequest)
    message = wire.frames.ProcessFramesRequest(end=wire.pixels.FrameEnd(frame=3, crc32c=0))
    assert codec.encode(message) == message.SerializeToString()
    back = codec.decode(codec.encode(message))
    assert back == message
    assert back.end.HasField("crc32c")
    assert codec.decode(b"").WhichOneof("message") is None


@pytest.mark.parametrize("raw", [b"\x22", b"\x22\xff", b"\xff" * 12, b"\x22\x05\x7a\x09ab"])
def test_what_is_no_message_is_told_and_not_raised(raw: bytes) -> None:
    assert isinstance(ChunkCodec(wire.frames.ProcessFramesRequest).decode(raw), Malformed)


def test_the_checksum_is_the_published_one() -> None:
    # RFC 3720, B.4: 32 bytes of zeros, of ones, rising; and the check value of "123456789".
    assert checksum(bytes(32)) == 0x8A9136AA
    assert checksum(b"\xff" * 32) == 0x62A8AB43
    assert checksum(bytes(range(32))) == 0x46DD794E
    assert checksum(memoryview(b"123456789")) == 0xE3069283
    assert checksum(b"6789", checksum(b"12345")) == 0xE3069283
