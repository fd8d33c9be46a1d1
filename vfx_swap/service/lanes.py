"""Memory for frames on their way between clients and workers: so much for all streams, used again and again."""

from __future__ import annotations

import asyncio

from vfx_swap.errors import LimitError
from vfx_swap.service.shared_files import SharedFile, SharedFiles
from vfx_swap.service.work import Ref

__all__ = ["Lane", "Lanes"]


class Lane:
    """Memory of one frame under way: what a client sent, and what a worker answers."""

    def __init__(self, files: SharedFiles, *, cost: int) -> None:
        self.cost = cost
        """Bytes that it is counted with."""
        self._sent = files.make()
        self._answer = files.make()

    @property
    def sent(self) -> SharedFile:
        """Where what is sent is written to."""
        return self._sent

    def pixels(self, shape: tuple[int, ...], dtype: str) -> Ref:
        """What was sent, as an array."""
        return Ref(str(self._sent.path), 0, shape, dtype)  # type: ignore[arg-type]  # of `PIXEL_DTYPES`

    def room(self, size: int) -> Ref:
        """Where a worker lays its answer, up to so many bytes."""
        return Ref(str(self._answer.path), 0, (size,), "uint8")

    def close(self) -> None:
        """Free its memory."""
        self._sent.close()
        self._answer.close()


class Lanes:
    """The lanes of a server. Pages that were used once are cheap to use again, so lanes are kept while there is room.

    Args:
        files: where they are made.
        limit_bytes: of all lanes together. A stream that wants more waits, and so does its client.
    """

    def __init__(self, files: SharedFiles, *, limit_bytes: int) -> None:
        self._files = files
        self._limit = limit_bytes
        self._total = 0
        self._idle: list[Lane] = []
        self._streams = 0
        self._freed = asyncio.Condition()

    @property
    def total(self) -> int:
        """Bytes counted now, those of idle lanes too."""
        return self._total

    async def take(self, *, cost: int) -> Lane:
        """A lane that nobody else uses; waits until there is memory for it.

        Args:
            cost: bytes that the frame and what comes back will take at most.

        Raises:
            LimitError: that is more than all lanes together may have.
            OutputError: it cannot be made.
        """
        if cost > self._limit:
            what = f"the frame takes {cost} bytes here, and all frames together may take {self._limit}"
            raise LimitError(what, mend="Raise limits.frame_memory_bytes, or send it by path")
        async with self._freed:
            while True:
                fits = [lane for lane in self._idle if lane.cost >= cost]
                if fits:
                    lane = min(fits, key=lambda one: one.cost)
                    self._idle.remove(lane)
                    return lane
                if self._total + cost <= self._limit:
                    lane = Lane(self._files, cost=cost)
                    self._total += cost
                    return lane
                if self._idle:
                    self._drop(self._idle[0])
                else:
                    await self._freed.wait()

    async def give(self, lane: Lane) -> None:
        """Give a lane back. Nobody reads it or writes into it any more."""
        async with self._freed:
            self._idle.append(lane)
            self._freed.notify_all()

    def begin(self) -> None:
        """A stream begins that will want lanes."""
        self._streams += 1

    async def end(self) -> None:
        """A stream ended. When it was the last, no memory is held."""
        self._streams -= 1
        if not self._streams:
            await self.clear()

    async def clear(self) -> None:
        """Free the lanes that are idle."""
        async with self._freed:
            while self._idle:
                self._drop(self._idle[0])
            self._freed.notify_all()

    def _drop(self, lane: Lane) -> None:
        self._idle.remove(lane)
        self._total -= lane.cost
        lane.close()
