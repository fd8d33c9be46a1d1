"""Chunks handed out to workers, one at a time each; what happens when a worker is lost.

The order: the analyse pass alone, then all chunks. A chunk whose worker was lost (killed, its node gone, its GPU out
of memory, storage that did not answer) is run again, `RETRIES` times at most; a worker that loses `STRIKES` different
chunks in a row is not used any more. A chunk that is refused, or that says that the shot is not fit, ends the job:
every other would say the same. Frames that fail by themselves are named, and the rest goes on.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

from vfx_swap.errors import (
    CancelledError,
    DeviceError,
    DeviceMemoryError,
    DiskFullError,
    FramesFailedError,
    OutputError,
    VfxSwapError,
    WorkerDiedError,
)
from vfx_swap.farm.chunks import Chunk, ChunkEvent, ChunkHappening, FarmJob
from vfx_swap.farm.lines import Line
from vfx_swap.pipeline.error_fields import error_from
from vfx_swap.pipeline.progress import Cancelled

__all__ = ["OpenSlot", "Slot", "is_infrastructure", "run_in_slots"]

RETRIES = 2
STRIKES = 2
POLL_SECONDS = 0.1
INFRASTRUCTURE = (WorkerDiedError, DeviceError, DeviceMemoryError, OutputError)


class Slot(Protocol):
    """One worker: runs one chunk at a time."""

    @property
    def name(self) -> str:
        """What people and logs call it."""
        ...

    def run(self, job: FarmJob, chunk: Chunk) -> Iterator[Line]:
        """Run a chunk.

        Yields:
            Lines as `render --json` writes them, the last being `done` or `error`.

        Raises:
            WorkerDiedError: the worker was lost.
        """
        ...

    def stop(self) -> None:
        """End the chunk in hand after its frame; called from another thread."""
        ...

    def close(self) -> None:
        """Let go of it, dead or alive."""
        ...


OpenSlot: TypeAlias = Callable[[int, Cancelled], Slot]
"""Number of a slot -> its worker, once it can work. The callable says whether the worker is not needed any more: then
CancelledError. Other errors of the tree: there will be none."""


@dataclass(frozen=True)
class _Task:
    chunk: Chunk
    attempt: int = 1


def is_infrastructure(error: VfxSwapError) -> bool:
    """Whether an error is of a machine and not of the shot: another try, or another machine, may do."""
    return isinstance(error, INFRASTRUCTURE) and not isinstance(error, DiskFullError)


def run_in_slots(job: FarmJob, *, slots: int, open_slot: OpenSlot, cancelled: Cancelled) -> Iterator[ChunkEvent]:
    """Run a job on so many workers; as `ChunkRunner.run`.

    Args:
        job: what to run.
        slots: workers, each with a thread here that waits for it.
        open_slot: gives the worker of a slot; called in that slot's thread, again where one was lost.
        cancelled: as `ChunkRunner.run`.

    Yields:
        What happens.
    """
    pool = _Pool(job, open_slot)
    threads = [threading.Thread(target=pool.serve, args=(index,), daemon=True) for index in range(slots)]
    for thread in threads:
        thread.start()
    living = len(threads)
    try:
        while living:
            if cancelled():
                pool.stop()
            with suppress(queue.Empty):
                event = pool.events.get(timeout=POLL_SECONDS)
                if event is None:
                    living -= 1
                else:
                    yield event
        yield from pool.never_run()
    finally:
        pool.stop()
        for thread in threads:
            thread.join()


class _Pool:
    """What the threads of one run share."""

    def __init__(self, job: FarmJob, open_slot: OpenSlot) -> None:
        self.events: queue.Queue[ChunkEvent | None] = queue.Queue()
        """None: a slot's thread has ended."""
        self._job = job
        self._open_slot = open_slot
        self._changed = threading.Condition()
        self._waiting: deque[_Task] = deque([_Task(Chunk())])
        self._later = deque(_Task(chunk) for chunk in job.chunks)
        self._in_hand = 0
        self._stopping = False
        self._slots: dict[int, Slot] = {}
        self._last_error: VfxSwapError = WorkerDiedError("no worker is left")

    def serve(self, index: int) -> None:
        """One slot's thread: chunks, until there are no more."""
        lost: set[Chunk] = set()
        try:
            while len(lost) < STRIKES and self._open(index):
                while (task := self._take()) is not None and self._run(index, task):
                    lost.clear()
                self._close(index)
                if task is None:
                    return
                lost.add(task.chunk)
            if lost:
                self._tell("lost", None, f"worker {index}", error=self._last_error)
        finally:
            self._close(index)
            self.events.put(None)

    def stop(self) -> None:
        """Begin nothing more, and end what runs after the frames in hand."""
        with self._changed:
            if self._stopping:
                return
            self._stopping = True
            slots = list(self._slots.values())
            self._changed.notify_all()
        for slot in slots:
            slot.stop()

    def never_run(self) -> Iterator[ChunkEvent]:
        """What is left when no worker is."""
        if not self._stopping:
            for task in (*self._waiting, *self._later):
                yield ChunkEvent("failed", task.chunk, "", task.attempt, error=self._last_error)

    def _open(self, index: int) -> bool:
        """Whether the slot has a worker now."""
        try:
            slot = self._open_slot(index, self._is_over)
        except CancelledError:
            return False
        except VfxSwapError as error:
            self._last_error = error
            self._tell("lost", None, f"worker {index}", error=error)
            return False
        with self._changed:
            self._slots[index] = slot
        return True

    def _close(self, index: int) -> None:
        with self._changed:
            slot = self._slots.pop(index, None)
        if slot is not None:
            slot.close()

    def _is_over(self) -> bool:
        with self._changed:
            return self._stopping or not (self._waiting or self._in_hand)

    def _take(self) -> _Task | None:
        """The next task, once there is one; None when there will be none."""
        with self._changed:
            while self._in_hand and not self._waiting and not self._stopping:
                self._changed.wait()
            if self._stopping or not self._waiting:
                return None
            self._in_hand += 1
            return self._waiting.popleft()

    def _put_back(self, *, again: _Task | None = None, prepared: bool = False) -> None:
        """A task is out of hand: `again` is to be run anew; `prepared`: the chunks can begin."""
        with self._changed:
            self._in_hand -= 1
            if again is not None:
                self._waiting.appendleft(again)
            if prepared:
                self._waiting.extend(self._later)
                self._later.clear()
            self._changed.notify_all()

    def _run(self, index: int, task: _Task) -> bool:
        """Run a task and tell of it; False when the worker was lost."""
        slot = self._slots[index]
        self._tell("started", task, slot.name)
        error = self._outcome(slot, task)
        if error is None:
            self._tell("finished", task, slot.name)
            self._put_back(prepared=task.chunk.prepares)
            return True
        if not is_infrastructure(error):
            self._tell("failed", task, slot.name, error=error)
            if not isinstance(error, FramesFailedError):
                self.stop()
            self._put_back()
            return True
        self._last_error = error
        again = task.attempt <= RETRIES and not self._stopping
        self._tell("retried" if again else "failed", task, slot.name, error=error)
        if task.chunk.prepares and not again:
            self.stop()
        self._put_back(again=replace(task, attempt=task.attempt + 1) if again else None)
        return False

    def _outcome(self, slot: Slot, task: _Task) -> VfxSwapError | None:
        """Run a task to its end; what went wrong, None where nothing did."""
        last: Line = {}
        try:
            for line in slot.run(self._job, task.chunk):
                last = line
                if line.get("event") not in ("done", "error"):
                    self._tell("progress", task, slot.name, line=line)
        except VfxSwapError as error:
            return error
        except Exception as error:  # noqa: BLE001  # whatever a cluster's library raises: the worker is lost
            return WorkerDiedError(f"{type(error).__name__}: {error}", where=slot.name)
        if last.get("event") == "error":
            return error_from(last, otherwise=WorkerDiedError)
        return None if last.get("event") == "done" else WorkerDiedError("it ended without a word", where=slot.name)

    def _tell(
        self,
        what: ChunkHappening,
        task: _Task | None,
        worker: str,
        *,
        line: Line | None = None,
        error: VfxSwapError | None = None,
    ) -> None:
        chunk, attempt = (None, 1) if task is None else (task.chunk, task.attempt)
        self.events.put(ChunkEvent(what, chunk, worker, attempt, line or {}, error))
