"""ParseService: regions of faces, for frames as they are sent."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from vfx_swap.service import wire
from vfx_swap.service.frame_stream import FrameStream, StreamTools
from vfx_swap.service.sent_frames import SentFrame
from vfx_swap.service.serve.stream_parts import (
    FramePlaces,
    Scratch,
    client_of,
    deadline_of,
    first_message,
    held,
    mode_of,
    priority_of,
)
from vfx_swap.service.slots import SlotLeases
from vfx_swap.service.work import Priority, Task

__all__ = ["ParseServicer"]


@dataclass(eq=False)
class _Parsing:
    """A session: what becomes of its frames."""

    session: str
    body: Mapping[str, Any]
    client: str
    priority: Priority
    deadline: float | None
    places: FramePlaces
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def engine(self) -> str:
        """Id of the parser; empty: the default one."""
        return str(self.body["parser"])

    async def task(self, frame: SentFrame, body: Mapping[str, Any]) -> Task:
        """The frame's task; a path is looked at first."""
        if frame.transport == "path":
            path = str(await asyncio.to_thread(self.places.readable, frame.path))
            body = {**body, "path": path, "output": None}
        return Task(
            id=f"{self.session}/{next(self._numbers)}",
            kind="parse",
            body={**self.body, "frames": [body]},
            client=self.client,
            priority=self.priority,
            affinity=self.session,
            deadline=self.deadline,
        )


class ParseServicer(wire.parse_grpc.ParseServiceServicer):
    """Streams of frames to parse. Arguments as of `FrameServicer`; no identity goes in, so no consent is asked for."""

    def __init__(self, tools: StreamTools, *, leases: SlotLeases, places: FramePlaces, scratch: Scratch) -> None:
        self._tools = tools
        self._leases = leases
        self._places = places
        self._scratch = scratch

    async def ParseFrames(
        self, requests: AsyncIterator[Any], context: Any
    ) -> AsyncIterator[wire.parse.ParseFramesResponse]:
        """Open a session, then answer frame by frame."""
        messages = aiter(requests)
        asked = await first_message(messages, "session", limits=self._tools.limits)
        mode = mode_of(asked.mode, tracks_size=asked.tracks_size)
        stream = FrameStream(self._tools, respond=wire.parse.ParseFramesResponse)
        client = client_of(context)
        how: dict[str, Any] = {"client": client, "leases": self._leases, "scratch": self._scratch}
        async with held(stream, messages, asked, **how) as tracks:
            body = {
                "name": asked.name or "frames",
                "parser": asked.parser,
                "cryptomatte": asked.cryptomatte,
                "mode": mode,
                "tracks": tracks,
                "colour_space": asked.colour_space or None,
            }
            work = _Parsing(
                session=stream.id,
                body=body,
                client=client,
                priority=priority_of(asked.priority),
                deadline=deadline_of(context),
                places=self._places,
            )
            ready = wire.frames.FrameSessionReady(session_id=stream.id, window=self._tools.limits.frames_in_flight)
            yield wire.parse.ParseFramesResponse(ready=ready)
            async with aclosing(stream.answers(messages, work)) as answers:
                async for answer in answers:
                    yield answer
