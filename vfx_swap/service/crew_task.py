"""A task from when it was taken on to its end: who waits for it, and what a second attempt still has to do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from vfx_swap.errors import VfxSwapError, WorkerDiedError
from vfx_swap.io.paths import FramePattern
from vfx_swap.service.link import Message
from vfx_swap.service.work import OnEvent, Task

__all__ = ["TakenTask"]

LOG = logging.getLogger(__name__)
NAMED_FRAMES = 12
"""Frames named one by one before a message says how many more."""
_HAPPENED = {"frame": "rendered", "skipped": "skipped"}


class TakenTask:
    """A task that a crew took on (protocol `Running`)."""

    def __init__(self, task: Task, *, on_event: OnEvent, cancel: Callable[[str], None], now: float) -> None:
        self.task = task
        self.attempt = 1
        self.worker: int | None = None
        """Who has it; None while it waits."""
        self.cancelled = False
        self._since: float | None = now
        self._waited = 0.0
        self._on_event = on_event
        self._cancel = cancel
        self._future: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        # An error that nobody waits for any more is no news.
        self._future.add_done_callback(lambda future: future.cancelled() or future.exception())
        self._behind: dict[str, list[int]] = {name: [] for name in _HAPPENED.values()}
        self._without_face: list[int] = []

    @property
    def id(self) -> str:
        """The task's."""
        return self.task.id

    async def result(self) -> Mapping[str, Any]:
        """As `Running.result`."""
        return await asyncio.shield(self._future)

    def cancel(self) -> None:
        """As `Running.cancel`."""
        self._cancel(self.task.id)

    @property
    def body(self) -> Mapping[str, Any]:
        """What a worker is told: of a second attempt, only the frames that the first left."""
        left = self._left()
        if self.attempt == 1 or left is None:
            return self.task.body
        if left:
            return {**self.task.body, "frames": left}
        # Every frame is written: what remains is to say so, and they are current.
        return {**self.task.body, "overwrite": False}

    def _left(self) -> list[int] | None:
        """Frames of a render that nothing is known of yet; None where they are not told apart.

        A movie is one file, whose frames are only there when all are.
        """
        frames = self.task.body.get("frames")
        if self.task.kind != "render" or not isinstance(frames, list) or not _is_sequence(self.task.body):
            return None
        behind = {*self._behind["rendered"], *self._behind["skipped"]}
        return [number for number in frames if number not in behind]

    def goes_to(self, worker: int, *, now: float) -> None:
        """A worker gets it."""
        self.worker = worker
        self._waited += 0.0 if self._since is None else now - self._since
        self._since = None

    def waits_again(self, *, now: float) -> None:
        """Its worker died: it waits for another."""
        self.attempt, self.worker, self._since = self.attempt + 1, None, now

    def happened(self, event: Message) -> None:
        """An event of its worker's."""
        kind, frame = _HAPPENED.get(str(event.get("what"))), event.get("frame")
        if self.task.kind == "render" and kind is not None and isinstance(frame, int):
            if frame in self._behind["rendered"]:
                return  # told before its worker died
            self._behind[kind].append(frame)
            if kind == "rendered" and not event.get("metrics", {}).get("faces", 1):
                self._without_face.append(frame)
        try:
            self._on_event(event)
        except Exception:  # whoever listens must not take the worker down
            LOG.exception("an event of task %s was not taken", self.task.id)

    def answered(self, answer: Mapping[str, Any], stats: Mapping[str, Any]) -> None:
        """Its worker's answer: whole, also where an attempt before did a part."""
        whole = dict(answer)
        if self.attempt > 1 and self.task.kind == "render":
            rendered = {*self._behind["rendered"], *answer.get("rendered", ())}
            whole["rendered"] = sorted(rendered)
            whole["skipped"] = sorted({*self._behind["skipped"], *answer.get("skipped", ())} - rendered)
            whole["without_face"] = sorted({*self._without_face, *answer.get("without_face", ())})
        whole["stats"] = {
            **stats,
            "queue_seconds": round(self._waited, 6),
            "attempt": self.attempt,
        }
        if not self._future.done():
            self._future.set_result(whole)

    def failed(self, error: VfxSwapError) -> None:
        """It ended with an error."""
        if not self._future.done():
            self._future.set_exception(error)

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self._future.done()

    def died(self, worker: str, how: str) -> WorkerDiedError:
        """The error of a task whose worker died: with the frames that it was at."""
        at = self._frames_in_hand()
        doing = f"at {self.task.kind} ({self.task.id})" + (f", {_named(at)} in hand" if at else "")
        again = " It was the second worker to die of this" if self.attempt > 1 else ""
        shot = self.task.body.get("shot")
        where = shot.get("name") if isinstance(shot, Mapping) else None
        return WorkerDiedError(f"worker {worker} died {doing}: {how}.{again}".rstrip("."), where=where)

    def _frames_in_hand(self) -> list[int]:
        left = self._left()
        if left is not None:
            return left
        frames = self.task.body.get("frames")
        listed = frames if isinstance(frames, list) else []
        numbers = [one.get("number") if isinstance(one, Mapping) else one for one in listed]
        return [number for number in numbers if isinstance(number, int)]


def _is_sequence(body: Mapping[str, Any]) -> bool:
    """Whether a render's output is a file for every frame."""
    try:
        return FramePattern.parse(str(body["shot"]["output"])).kind == "sequence"
    except (KeyError, TypeError, VfxSwapError):
        return False


def _named(frames: list[int]) -> str:
    more = len(frames) - NAMED_FRAMES
    text = ", ".join(str(number) for number in frames[:NAMED_FRAMES]) + (f" and {more} more" if more > 0 else "")
    return f"frame{'s' if len(frames) > 1 else ''} {text}"
