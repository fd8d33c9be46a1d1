"""What tests of streams send: messages by hand, in the right order or not, and what comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest

from tests.service.pixel_server import PixelServer, frame_pixels, session
from vfx_swap.client.retry import error_of_call
from vfx_swap.errors import VfxSwapError
from vfx_swap.service import wire
from vfx_swap.service.codec import Chunk, checksum
from vfx_swap.service.shot_message import values_to_message

__all__ = ["BYTES", "Request", "end", "header", "opening", "refused", "run", "sent", "slot", "whole", "window"]

LONG = 30.0
"""Seconds after which a test that hangs fails."""
Request = wire.frames.ProcessFramesRequest
BYTES = frame_pixels(1).tobytes()
"""Of a frame of 48 by 32 halves."""


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), LONG))


def opening(**more: Any) -> Any:
    shot = values_to_message(session())
    return Request(session=wire.frames.FrameSession(**{"shot": shot, "mode": "FRAME_MODE_STILLS", **more}))


def header(number: int = 1, *, size: int = len(BYTES), width: int = 48, height: int = 32, **more: Any) -> Any:
    window = wire.pixels.Window(width=width, height=height)
    how = more or {"inline": wire.pixels.InlinePixels(size=size)}
    return Request(
        frame=wire.pixels.FrameHeader(
            frame=number, data_window=window, display_window=window, pixel_type="PIXEL_TYPE_HALF", **how
        )
    )


def slot(lease: str, index: int = 0, *, sequence: int = 1, offset: int = 0, size: int = len(BYTES)) -> Any:
    place = wire.pixels.SlotPixels(lease_id=lease, slot=index, sequence=sequence, offset=offset, size=size)
    return header(slot=place)


def end(number: int = 1, crc: int | None = None) -> Any:
    return Request(end=wire.pixels.FrameEnd(frame=number, crc32c=crc))


def whole(number: int = 1) -> list[Any]:
    return [header(number), Chunk(number, 0, 0, BYTES), end(number, checksum(BYTES))]


async def sent(
    server: PixelServer, messages: list[Any], *, linger: asyncio.Event | None = None, **how: Any
) -> list[Any]:
    """What comes back; with `linger` the client's side stays open until it is set."""

    async def requests() -> AsyncIterator[Any]:
        for message in messages:
            yield message
        if linger is not None:
            await linger.wait()

    return [answer async for answer in server.stubs.frames.ProcessFrames(requests(), **how)]


async def refused(server: PixelServer, messages: list[Any]) -> VfxSwapError:
    """How the stream ends; the client does not close it."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await sent(server, messages, linger=asyncio.Event())
    return error_of_call(caught.value)


def window(number: int, side: int) -> Any:
    return header(number, width=side, height=side, size=side * side * 6)
