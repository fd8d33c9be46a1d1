"""What a worker answers of a frame, as the messages that a client gets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, TypeAlias

import numpy as np

from vfx_swap.errors import ProtocolError, VfxSwapError
from vfx_swap.pipeline.error_fields import error_from
from vfx_swap.service import wire
from vfx_swap.service.codec import Chunk, checksum
from vfx_swap.service.pool import OpenFiles, ref_bytes, ref_from_json
from vfx_swap.service.sent_frames import PIXEL_TYPES, SentFrame, window_message
from vfx_swap.service.settings import CHUNK_BYTES
from vfx_swap.service.slots import Lease
from vfx_swap.service.status import error_to_status
from vfx_swap.service.work import Ref
from vfx_swap.types import Window

__all__ = ["Answer", "answer_messages", "error_messages", "metric_messages", "seen_messages"]

Answer: TypeAlias = Chunk | tuple[str, Any]
"""A chunk, or the name of a response's field and its message."""
_TYPES = {dtype: number for number, dtype in PIXEL_TYPES.items()}


def seen_messages(number: int) -> Iterator[Answer]:
    """A frame that was only to be seen."""
    yield "frame", wire.pixels.FrameResult(frame=number, seen=wire.empty.Empty())


def error_messages(number: int, error: Any) -> Iterator[Answer]:
    """A frame that failed.

    Args:
        number: the frame's.
        error: an error, or what a worker told of one.
    """
    told = error if isinstance(error, VfxSwapError) else error_from(error)
    yield "frame", wire.pixels.FrameResult(frame=number, error=error_to_status(told))


def answer_messages(
    frame: SentFrame, done: Mapping[str, Any], *, stats: Mapping[str, Any], files: OpenFiles, lease: Lease | None
) -> Iterator[Answer]:
    """A frame that was worked on: its result, and its planes in chunks where they do not lie in the client's slot.

    Args:
        frame: as it was sent.
        done: what the worker says of it.
        stats: where its time went.
        files: where its planes lie.
        lease: the stream's, if it has one.

    Raises:
        ProtocolError: the worker names places that it was not given.
        OutputError: what it names is not there.
    """
    refs = {name: ref_from_json(ref) for name, ref in done.get("planes", {}).items()}
    message = wire.pixels.FrameDone(
        window=window_message(Window(*done["window"])),
        metrics=metric_messages(done.get("metrics", {})),
        header=done.get("header", {}),
        settings_digest=done.get("settings_digest", ""),
        output=done.get("output") or "",
        warnings=done.get("warnings", ()),
        timings=_timings(stats),
    )
    slot = frame.slot if lease is not None else None
    for name, ref in refs.items():
        plane = message.planes.add(name=name, channels=_channels(ref), pixel_type=_TYPES[ref.dtype])
        if slot is None or lease is None:
            plane.inline.size = ref_bytes(ref)
        else:
            start = ref.offset - slot.slot * lease.slot_size
            if ref.pool != str(lease.file.path) or not 0 <= start <= lease.slot_size - ref_bytes(ref):
                raise ProtocolError(f"a worker laid plane {name!r} outside its slot")
            plane.slot.CopyFrom(slot)
            plane.slot.offset, plane.slot.size = start, ref_bytes(ref)
    result: Answer = ("frame", wire.pixels.FrameResult(frame=frame.number, done=message))
    if slot is not None or not refs:
        return iter((result,))
    return chain((result,), _chunks(frame.number, [files.read(ref) for ref in refs.values()]))


def _chunks(number: int, planes: Sequence[np.ndarray]) -> Iterator[Answer]:
    crc = 0
    for index, plane in enumerate(planes):
        data = plane.reshape(-1).view(np.uint8).data
        for offset in range(0, len(data), CHUNK_BYTES):
            part = data[offset : offset + CHUNK_BYTES]
            crc = checksum(part, crc)
            yield Chunk(number, index, offset, part)
    yield "end", wire.pixels.FrameEnd(frame=number, crc32c=crc)


def metric_messages(metrics: Mapping[str, Any]) -> list[wire.pixels.Metric]:
    """Numbers and words of a frame, by name."""
    return [
        wire.pixels.Metric(name=name, text=value)
        if isinstance(value, str)
        else wire.pixels.Metric(name=name, number=float(value))
        for name, value in sorted(metrics.items())
    ]


def _channels(ref: Ref) -> int:
    return ref.shape[2] if len(ref.shape) == 3 else 1


def _timings(stats: Mapping[str, Any]) -> wire.pixels.Timings:
    seconds = {name: float(stats.get(name) or 0.0) for name in _SECONDS}
    return wire.pixels.Timings(
        **seconds, batch_size=int(stats.get("batch_size", 0)), device=str(stats.get("device", ""))
    )


_SECONDS = ("queue_seconds", "decode_seconds", "infer_seconds", "encode_seconds")
