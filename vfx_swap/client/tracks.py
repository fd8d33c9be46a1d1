"""The analyse pass on a server: of a plate that it reads, or of frames that are sent to it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Literal

import grpc

from vfx_swap.client.frame_sender import checked_frame, frame_messages
from vfx_swap.client.frame_values import PlateFrame
from vfx_swap.client.retry import error_of_call
from vfx_swap.errors import ProtocolError, UsageError
from vfx_swap.service import wire

__all__ = ["track_frames", "track_plate"]

Progress = Callable[[int, int, str], None]
"""Told of how many of how many, and in words."""


async def track_plate(
    stub: Any,
    plate: str,
    *,
    frames: str = "",
    colour_space: str = "",
    missing: Literal["error", "hold", "black"] = "error",
    output: str = "",
    progress: Progress | None = None,
) -> bytes:
    """Track a plate that the server reads.

    Args:
        stub: of TrackService, as `Stubs.track`.
        plate: a pattern, as the server reads it or maps it.
        frames: the range; empty: every frame.
        colour_space: OCIO name; empty: from the header, else by kind of file.
        missing: what a frame that is not on disk becomes.
        output: a tracks file that the server writes as well; current tracks in it are kept.
        progress: told of every frame.

    Returns:
        The tracks file.

    Raises:
        VfxSwapError: as the server says.
    """
    session = wire.track.TrackSession(
        plate=plate, frames=frames, colour_space=colour_space, missing=f"MISSING_{missing.upper()}", output=output
    )
    return await _tracked(stub, _only(session), progress)


async def track_frames(
    stub: Any,
    numbers: Sequence[int],
    *,
    read: Callable[[int], PlateFrame],
    colour_space: str,
    plate_digest: str = "",
    progress: Progress | None = None,
) -> bytes:
    """Track frames that are sent; they lie on the server's disk until their faces are found.

    Args:
        stub: of TrackService.
        numbers: frames, rising.
        read: gives a frame, as `frame_values.plate_frame` makes one; called in a thread.
        colour_space: OCIO name of the frames' values.
        plate_digest: what the tracks are known by: `ShotPlate.fingerprint`, so that a render here finds them current.
        progress: told of every frame.

    Returns:
        The tracks file.

    Raises:
        UsageError: frames that do not rise, or without pixels.
        VfxSwapError: as the server says, or as `read` does.
    """
    if not numbers or sorted(set(numbers)) != list(numbers):
        raise UsageError("frames to track are given once each, in rising order")
    session = wire.track.TrackSession(frame_count=len(numbers), colour_space=colour_space, plate_digest=plate_digest)
    sending = _Sending(session, numbers, read)
    try:
        return await _tracked(stub, sending.messages(), progress)
    except Exception:
        if sending.fault is not None:
            raise sending.fault from None
        raise


class _Sending:
    """Session and frames. What goes wrong here is kept: gRPC would only log it."""

    def __init__(self, session: Any, numbers: Sequence[int], read: Callable[[int], PlateFrame]) -> None:
        self._session = session
        self._numbers = numbers
        self._read = read
        self.fault: Exception | None = None

    async def messages(self) -> AsyncIterator[Any]:
        yield wire.track.TrackPlateRequest(session=self._session)
        try:
            for number in self._numbers:
                frame = checked_frame(await asyncio.to_thread(self._read, number))
                if frame.pixels is None:
                    raise UsageError(f"frame {number} has no pixels", mend="Give the plate's path to track_plate")
                for message in frame_messages(wire.track.TrackPlateRequest, frame, None):
                    yield message
        except Exception as error:  # noqa: BLE001  # raised again by who waits for the answer
            self.fault = error


async def _only(session: Any) -> AsyncIterator[Any]:
    yield wire.track.TrackPlateRequest(session=session)


async def _tracked(stub: Any, messages: AsyncIterator[Any], progress: Progress | None) -> bytes:
    data, end = bytearray(), None
    call = stub.TrackPlate(messages)
    try:
        async for answer in call:
            kind = answer.WhichOneof("message")
            if kind == "tracks":
                data += answer.tracks.data
            elif kind == "end":
                end = answer.end
            elif kind == "progress" and progress is not None:
                progress(answer.progress.done, answer.progress.total, answer.progress.message)
    except grpc.aio.AioRpcError as failed:
        raise error_of_call(failed) from failed
    finally:
        if hasattr(call, "cancel"):
            call.cancel()
        else:
            await call.aclose()
    if end is None or end.size != len(data) or end.sha256 != hashlib.sha256(data).hexdigest():
        raise ProtocolError(f"the server sent {len(data)} bytes of tracks, which are not all")
    return bytes(data)
