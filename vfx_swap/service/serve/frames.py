"""FrameService: frames swapped one by one, as they are sent."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from vfx_swap.errors import UnsupportedImageError, UsageError
from vfx_swap.io.paths import FramePattern
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
    run_task,
    submit_surely,
)
from vfx_swap.service.shot_message import shot_values
from vfx_swap.service.slots import SlotLeases
from vfx_swap.service.work import Kind, Priority, Task
from vfx_swap.settings.shot import DEFAULT_ENGINE

__all__ = ["Admit", "FrameServicer"]

NO_PLATE, NO_OUTPUT = "/streamed/plate.####.exr", "/streamed/swap.####.exr"
"""What stands in a session's shot where a plate and an output must: workers look at neither."""


class Admit(Protocol):
    """Lets shots in: `Admission.admitted`."""

    def __call__(self, values: Mapping[str, Any], /) -> dict[str, Any]:
        """Values with their paths allowed and their identities in place, consent looked at."""
        ...


@dataclass(eq=False)
class _Swapping:
    """A session: what becomes of its frames."""

    session: str
    engine: str
    client: str
    priority: Priority
    deadline: float | None
    output: FramePattern | None
    places: FramePlaces
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _still: int | None = None

    async def task(self, frame: SentFrame, body: Mapping[str, Any]) -> Task:
        """The frame's task; a path is looked at first."""
        size = f"{frame.window.width}x{frame.window.height} {frame.dtype}"
        if frame.transport == "path":
            size, body = "path", {**body, **await asyncio.to_thread(self._paths, frame)}
        return Task(
            id=f"{self.session}/{next(self._numbers)}",
            kind="swap",
            body={"session": self.session, "frames": [body]},
            client=self.client,
            priority=self.priority,
            batch_key=f"swap {self.engine} {size}",
            affinity=self.session,
            model=self.engine,
            deadline=self.deadline,
        )

    def own(self, kind: Kind, body: Mapping[str, Any], attempt: int = 0) -> Task:
        """A task of the session itself."""
        return Task(
            id=f"{self.session}/{kind}{attempt or ''}",
            kind=kind,
            body=body,
            client=self.client,
            priority=self.priority,
            affinity=self.session,
            model=self.engine,
            deadline=self.deadline if kind == "open" else None,
        )

    def _paths(self, frame: SentFrame) -> dict[str, str | None]:
        path = str(self.places.readable(frame.path))
        if self.output is None:
            return {"path": path, "output": None}
        if self.output.kind == "still" and self._still not in (None, frame.number):
            what = f"frames {self._still} and {frame.number} would be the same file"
            raise UsageError(what, where=self.output.text, mend="Write name.####")
        self._still = frame.number
        output = str(self.places.writable(str(self.output.path(frame.number))))
        if os.path.realpath(output) == os.path.realpath(path):
            raise UsageError(f"the output would write over the plate's {frame.path}", mend="Choose another name")
        return {"path": path, "output": output}


class FrameServicer(wire.frames_grpc.FrameServiceServicer):
    """Streams of frames.

    Args:
        tools: what all streams share.
        leases: shared memory of clients.
        admit: lets the shot of a session in.
        places: which paths are taken.
        scratch: where tracks that are sent lie while their stream lives.
    """

    def __init__(
        self, tools: StreamTools, *, leases: SlotLeases, admit: Admit, places: FramePlaces, scratch: Scratch
    ) -> None:
        self._tools = tools
        self._leases = leases
        self._admit = admit
        self._places = places
        self._scratch = scratch

    async def ProcessFrames(
        self, requests: AsyncIterator[Any], context: Any
    ) -> AsyncIterator[wire.frames.ProcessFramesResponse]:
        """Open a session, then answer frame by frame."""
        messages = aiter(requests)
        asked = await first_message(messages, "session", limits=self._tools.limits)
        stream = FrameStream(self._tools, respond=wire.frames.ProcessFramesResponse)
        mode = mode_of(asked.mode, tracks_size=asked.tracks_size)
        shot, work = await self._admitted(asked, stream.id, context)
        how: dict[str, Any] = {"client": work.client, "leases": self._leases, "scratch": self._scratch}
        async with held(stream, messages, asked, **how) as tracks:
            body = {
                "session": stream.id,
                "shot": shot,
                "mode": mode,
                "tracks": tracks,
                "colour_space": asked.colour_space or shot.get("colour_space"),
            }
            stream.after = lambda: submit_surely(self._tools.crew, partial(work.own, "close", {"session": stream.id}))
            opened = await run_task(self._tools.crew, work.own("open", body))
            yield wire.frames.ProcessFramesResponse(ready=self._ready(stream.id, opened))
            async with aclosing(stream.answers(messages, work)) as answers:
                async for answer in answers:
                    yield answer

    def _ready(self, session: str, opened: Mapping[str, Any]) -> wire.frames.FrameSessionReady:
        return wire.frames.FrameSessionReady(
            session_id=session,
            window=self._tools.limits.frames_in_flight,
            first_frames=opened.get("fit_frames", ()),
            layers=opened.get("layers", ()),
            warnings=opened.get("warnings", ()),
        )

    async def _admitted(
        self, asked: wire.frames.FrameSession, session: str, context: Any
    ) -> tuple[dict[str, Any], _Swapping]:
        """The shot as workers get it, and what becomes of the frames.

        Raises:
            UsageError, RefusedError: settings, paths or consent will not do.
            UnsupportedImageError: the output is a movie.
        """
        values = shot_values(asked.shot)
        values.pop("plate", None)
        shot = await asyncio.to_thread(self._admit, values)
        output = FramePattern.parse(shot["output"]) if shot.get("output") else None
        if output is not None and output.kind == "movie":
            mend = "Write a sequence, or render the shot as a job"
            raise UnsupportedImageError("frames that come one by one make no movie", where=output.text, mend=mend)
        work = _Swapping(
            session=session,
            engine=str(shot.get("engine", DEFAULT_ENGINE)),
            client=client_of(context),
            priority=priority_of(asked.priority),
            deadline=deadline_of(context),
            output=output,
            places=self._places,
        )
        return {**shot, "plate": NO_PLATE, "output": shot.get("output") or NO_OUTPUT}, work

    async def AllocateFrameSlots(
        self, request: wire.frames.AllocateFrameSlotsRequest, context: Any
    ) -> wire.frames.AllocateFrameSlotsResponse:
        """Lease shared memory."""
        owner = client_of(context)
        lease = self._leases.allocate(owner=owner, slot_size=request.slot_size, slots=request.slots)
        answer = wire.frames.AllocateFrameSlotsResponse(
            lease_id=lease.id, path=str(lease.file.path), slot_size=lease.slot_size, slots=lease.slots
        )
        answer.time_to_live.FromNanoseconds(int(self._leases.seconds * 1e9))
        return answer

    async def ReleaseFrameSlots(
        self, request: wire.frames.ReleaseFrameSlotsRequest, context: Any
    ) -> wire.frames.ReleaseFrameSlotsResponse:
        """Give a lease back."""
        self._leases.release(request.lease_id, owner=client_of(context))
        return wire.frames.ReleaseFrameSlotsResponse()
