"""The workers of a server: started, watched, started again when they die, given work, drained.

One event loop, no threads: the queue says what goes where, `crew_process` talks to a process, and what each task has
come to stands in `crew_task`. A worker that dies takes nothing with it: its tasks that may be done twice are done once
more, frames that are written are not rendered again, and sessions are opened again where their next frame goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vfx_swap.errors import (
    BusyError,
    CancelledError,
    CannotRunError,
    DeadlineError,
    ProtocolError,
    UsageError,
    VfxSwapError,
)
from vfx_swap.pipeline.error_fields import error_from
from vfx_swap.service.crew_process import WORKER_COMMAND, WorkerProcess
from vfx_swap.service.crew_slot import Slot
from vfx_swap.service.crew_task import TakenTask
from vfx_swap.service.link import Message, encode
from vfx_swap.service.placement import Shelves
from vfx_swap.service.queue import TaskQueue
from vfx_swap.service.queue_rules import Assignment, QueueLimits
from vfx_swap.service.work import DeviceState, OnEvent, Running, Task, no_events

__all__ = ["CrewSettings", "LocalCrew"]

LOG = logging.getLogger(__name__)
CANCEL_SECONDS = 2.0
"""What still runs at the end of the grace has this long to stop between two frames."""


@dataclass(frozen=True)
class CrewSettings:
    """How workers are kept."""

    devices: tuple[str, ...] = ("cpu",)
    """One worker each; `device_state.expand_devices` makes them of `auto`."""
    queue: QueueLimits = field(default_factory=QueueLimits)
    start_seconds: float = 180.0
    """A worker has this long to come up."""
    hang_seconds: float = 60.0
    """A worker that says nothing for so long is killed; it says that it lives every second."""
    backoff_seconds: tuple[float, float] = (0.2, 30.0)
    """Before a worker that died is started again: the first wait, doubled with each death up to the last."""
    healthy_seconds: float = 60.0
    """A worker that lived so long starts from the first wait again."""
    hopeless_starts: int = 5
    """Starts in a row without a worker coming up, after which what only it could do fails."""
    memory_share: float = 0.8
    """Of a GPU's memory, for engines; the least recently used is unloaded first. On the CPU nothing is unloaded."""
    command: tuple[str, ...] = WORKER_COMMAND
    """What starts a worker."""


class LocalCrew:
    """Workers on this machine (protocol `Crew`)."""

    def __init__(self, settings: CrewSettings = CrewSettings()) -> None:
        self._settings = settings
        self._slots = [Slot(index, device) for index, device in enumerate(settings.devices)]
        self._queue = TaskQueue(settings.devices, limits=settings.queue)
        self._shelves = Shelves([0] * len(self._slots))
        self._taken: dict[str, TakenTask] = {}
        self._sessions: dict[str, Message] = {}
        """Affinity -> body of the task that opened its session, with what it learnt since."""
        self._keepers: list[asyncio.Task[None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._draining = False

    async def start(self) -> None:
        """As `Crew.start`."""
        loop = asyncio.get_running_loop()
        for slot in self._slots:
            slot.up = loop.create_future()
            self._keepers.append(asyncio.create_task(self._keep(slot), name=f"worker {slot.device}#{slot.index}"))
        try:
            await asyncio.gather(*(slot.up for slot in self._slots if slot.up is not None))
        except BaseException:
            await self.stop(grace_seconds=0.0)
            raise

    async def stop(self, *, grace_seconds: float) -> None:
        """As `Crew.stop`."""
        self._draining = True
        for task in self._queue.clear():
            self._end(self._taken[task.id], CancelledError("the server is going down"))
        await self._idle(grace_seconds)
        running = [taken for slot in self._slots for taken in slot.tasks.values()]
        for taken in running:
            taken.cancel()
        if running:
            await self._idle(min(grace_seconds, CANCEL_SECONDS))
        await asyncio.gather(*(self._send_home(slot) for slot in self._slots))
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for taken in list(self._taken.values()):
            self._end(taken, CancelledError("the server went down before this ended"))
        if self._timer is not None:
            self._timer.cancel()

    async def _send_home(self, slot: Slot) -> None:
        """End a process: by a word where it is idle, at once where it still works."""
        if slot.process is not None and slot.tasks:
            slot.process.kill()
        elif slot.process is not None and slot.alive:
            await slot.process.stop()

    async def _idle(self, seconds: float) -> None:
        """Wait until nothing runs, for so long at most."""
        with contextlib.suppress(TimeoutError, VfxSwapError):
            async with asyncio.timeout(seconds):
                while running := [taken for slot in self._slots for taken in slot.tasks.values()]:
                    await asyncio.gather(*(taken.result() for taken in running), return_exceptions=True)
                    await asyncio.sleep(0)

    @property
    def queued(self) -> int:
        """As `Crew.queued`."""
        return len(self._queue)

    def submit(self, task: Task, *, on_event: OnEvent = no_events) -> Running:
        """As `Crew.submit`."""
        if self._draining:
            raise BusyError("the server is going down", retry_seconds=30.0, mend="Submit again when it is back")
        if task.id in self._taken:
            raise UsageError(f"task {task.id!r} is under way already")
        encode(task.body)  # what no message can hold is refused here, not in a worker's line
        now = time.monotonic()
        self._queue.add(task, now=now)
        taken = self._taken[task.id] = TakenTask(task, on_event=on_event, cancel=self._cancel, now=now)
        # In the next turn of the loop: tasks that are submitted together may go out together.
        asyncio.get_running_loop().call_soon(self._pump)
        return taken

    def devices(self) -> tuple[DeviceState, ...]:
        """As `Crew.devices`."""
        now = time.monotonic()
        return tuple(
            DeviceState(
                name=slot.device,
                index=slot.index,
                title=slot.title,
                memory_total=int(slot.memory.get("memory_total", 0)),
                memory_free=int(slot.memory.get("memory_free", 0)),
                load=slot.load(now),
                models=self._shelves.held(slot.index),
                alive=slot.alive,
                queued=self._queue.queued_for(slot.index),
                running=len(slot.tasks),
                restarts=max(0, slot.restarts),
                pid=slot.process.pid if slot.process is not None and slot.alive else 0,
            )
            for slot in self._slots
        )

    def _cancel(self, task_id: str) -> None:
        taken = self._taken.get(task_id)
        if taken is None or taken.done:
            return
        taken.cancelled = True
        if self._queue.cancel(task_id):
            self._end(taken, CancelledError("cancelled before it began"))
        elif taken.worker is not None:
            self._send(self._slots[taken.worker], {"type": "cancel", "id": task_id})

    def _end(self, taken: TakenTask, error: VfxSwapError) -> None:
        self._taken.pop(taken.id, None)
        taken.failed(error)

    def _pump(self) -> None:
        """Hand out all that can go out now, and come back when a deadline or a batch's window ends."""
        now = time.monotonic()
        for task in self._queue.overdue(now):
            late = now - (task.deadline or now)
            what = f"{task.kind} waited for a worker until its deadline"
            LOG.info("task %s: %s (%.3f seconds ago)", task.id, what, late)
            self._end(self._taken[task.id], DeadlineError(what, mend="Give more time, or try when less is waiting"))
        if not self._draining:
            holds = {slot.index: self._shelves.held(slot.index) for slot in self._slots}
            while free := [slot.index for slot in self._slots if slot.idle]:
                assigned = self._queue.assign(free=free, now=now, holds=holds)
                if assigned is None:
                    break
                self._hand_out(assigned, now)
        if self._timer is not None:
            self._timer.cancel()
        wake = self._queue.wake(now)
        loop = asyncio.get_running_loop()
        self._timer = None if wake is None else loop.call_later(max(0.0, wake - now), self._pump)

    def _hand_out(self, assigned: Assignment, now: float) -> None:
        slot = self._slots[assigned.worker]
        slot.began, slot.idle = now, False
        unload: list[str] = []
        for task in assigned.tasks:
            taken = self._taken[task.id]
            taken.goes_to(slot.index, now=now)
            slot.tasks[task.id] = taken
            unload += self._shelves.use(slot.index, task.model)
        affinities = {task.affinity for task in assigned.tasks if task.kind != "open"}
        lost = sorted(one for one in affinities & self._sessions.keys() if one not in slot.open)
        slot.open.update(lost)
        tasks = [{"id": task.id, "kind": task.kind, "body": self._taken[task.id].body} for task in assigned.tasks]
        reopen = [{"affinity": one, "body": self._sessions[one]} for one in lost]
        self._send(slot, {"type": "work", "tasks": tasks, "unload": unload, "reopen": reopen})

    def _send(self, slot: Slot, message: Message) -> None:
        if slot.process is None:
            return
        try:
            slot.process.send(message)
        except VfxSwapError as error:  # too large together: what is in it fails, the worker stands
            for task_id in [one["id"] for one in message.get("tasks", ())]:
                self._finish(slot, slot.tasks[task_id], error)
            slot.idle = True
            self._pump_soon()

    def _pump_soon(self) -> None:
        asyncio.get_running_loop().call_soon(self._pump)

    async def _keep(self, slot: Slot) -> None:
        """Keep a worker in its place until the crew stops."""
        wait = self._settings.backoff_seconds[0]
        try:
            while not self._draining:
                began = time.monotonic()
                await self._run(slot)
                if time.monotonic() - began >= self._settings.healthy_seconds:
                    wait = self._settings.backoff_seconds[0]
                await asyncio.sleep(wait)
                wait = min(2.0 * wait, self._settings.backoff_seconds[1])
        except asyncio.CancelledError:
            raise
        except Exception:  # a crew without a worker in this place would look alive
            LOG.exception("worker %s#%d is kept no more", slot.device, slot.index)
            raise

    async def _run(self, slot: Slot) -> None:
        """One process in a place, from its start to its end."""
        process = slot.process = WorkerProcess(
            device=slot.device,
            index=slot.index,
            on_message=lambda message: self._heard(slot, message),
            hang_seconds=self._settings.hang_seconds,
            command=self._settings.command,
        )
        slot.restarts += 1
        try:
            await process.run(on_ready=lambda: self._up(slot, process), start_seconds=self._settings.start_seconds)
        except CannotRunError as error:
            self._no_start(slot, error)
        except asyncio.CancelledError:
            await asyncio.shield(process.stop())
            raise
        finally:
            slot.alive = slot.idle = False
            if process.ready is not None:
                self._lost(slot, process)

    def _up(self, slot: Slot, process: WorkerProcess) -> None:
        ready = process.ready or {}
        slot.alive, slot.idle, slot.failed_starts = True, True, 0
        slot.memory, slot.title = ready, str(ready.get("title", ""))
        if slot.device != "cpu":
            budget = int(self._settings.memory_share * int(ready.get("memory_total", 0)))
            self._shelves.set_budget(slot.index, budget)
        LOG.info("worker %s is up as process %d", process.name, process.pid)
        if slot.up is not None and not slot.up.done():
            slot.up.set_result(None)
        self._pump_soon()

    def _no_start(self, slot: Slot, error: VfxSwapError) -> None:
        LOG.error("worker %s#%d: %s", slot.device, slot.index, error)
        slot.failed_starts += 1
        if slot.up is not None and not slot.up.done():
            slot.up.set_exception(error)
        if slot.failed_starts >= self._settings.hopeless_starts:
            others = any(one.failed_starts < self._settings.hopeless_starts for one in self._slots)
            for task in self._queue.clear(only_device=slot.index if others else None):
                self._end(self._taken[task.id], error)

    def _lost(self, slot: Slot, process: WorkerProcess) -> None:
        """A process died: what it was at is done again by another, once."""
        self._shelves.lost(slot.index)
        self._queue.release_worker(slot.index)
        slot.open.clear()
        hands = list(slot.tasks.values())
        if not self._draining:
            LOG.error("worker %s died with %d tasks in hand: %s", process.name, len(hands), process.end)
        for taken in reversed(hands):  # each goes to the front of its line: the first last
            self._free(slot, taken)
            if taken.cancelled or self._draining:
                self._end(taken, CancelledError("stopped: its worker has ended"))
            elif taken.attempt == 1 and taken.task.idempotent:
                now = time.monotonic()
                taken.waits_again(now=now)
                self._queue.add(taken.task, now=now, again=True)
            else:
                self._end(taken, taken.died(process.name, process.end))
        self._pump_soon()

    def _heard(self, slot: Slot, message: Message) -> None:
        """A message of a worker's."""
        kind = message.get("type")
        if kind == "beat":
            slot.memory = message
        elif kind == "event":
            taken = slot.tasks.get(str(message["id"]))
            if taken is not None:
                taken.happened(dict(_object(message["event"])))
        elif kind == "done":
            # Before who asked is told: whoever loaded a model looks where it is then.
            self._shelves.report(slot.index, _sizes(message["holds"]))
            taken = slot.tasks.get(str(message["id"]))
            if taken is not None:
                self._done(slot, taken, message)
        elif kind == "free":
            slot.idle = True
            surplus = self._shelves.report(slot.index, _sizes(message["holds"]))
            if surplus:
                slot.idle = False
                self._send(slot, {"type": "work", "tasks": [], "unload": list(surplus), "reopen": []})
            self._pump()
        else:
            raise ProtocolError(f"a message of type {kind!r}")

    def _done(self, slot: Slot, taken: TakenTask, message: Message) -> None:
        if "error" in message:
            self._finish(slot, taken, error_from(message["error"]))
            return
        answer, stats = dict(_object(message["answer"])), dict(_object(message.get("stats", {})))
        self._remember(slot, taken.task, answer)
        self._free(slot, taken, float(stats.pop("seconds", 0.0)))
        self._taken.pop(taken.id, None)
        taken.answered(answer, {**stats, "worker": f"{slot.device}#{slot.index}"})

    def _finish(self, slot: Slot, taken: TakenTask, error: VfxSwapError) -> None:
        self._free(slot, taken)
        self._end(taken, error)

    def _free(self, slot: Slot, taken: TakenTask, seconds: float | None = None) -> None:
        """A task is no longer in a worker's hands."""
        del slot.tasks[taken.id]
        now = time.monotonic()
        spent = now - slot.began if seconds is None else seconds
        self._queue.finished(taken.task, worker=slot.index, seconds=spent)
        if not slot.tasks:
            slot.busy.append((slot.began, now))

    def _remember(self, slot: Slot, task: Task, answer: dict[str, Any]) -> None:
        """What it takes to open a session again."""
        learnt = answer.pop("keep", None)
        if not task.affinity:
            return
        if task.kind == "open":
            self._sessions[task.affinity] = dict(task.body)
            slot.open.add(task.affinity)
        elif task.kind == "close":
            self._sessions.pop(task.affinity, None)
            slot.open.discard(task.affinity)
        if isinstance(learnt, dict) and task.affinity in self._sessions:
            body = self._sessions[task.affinity]
            body["keep"] = {**body.get("keep", {}), **learnt}


def _sizes(holds: object) -> dict[str, int]:
    return {str(one): int(size) for one, size in _object(holds).items()}


def _object(value: object) -> Mapping[str, Any]:
    """
    Raises:
        ProtocolError: it is no JSON object.
    """
    if not isinstance(value, dict):
        raise ProtocolError(f"an object was expected, not {value!r}"[:200])
    return value
