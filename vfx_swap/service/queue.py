"""Which task goes to which worker, and when: pure and deterministic, with the time as an argument.

Clients of one priority take turns by the seconds that they used (stride scheduling), interactive work goes before
batch work but not for ever, and what waits is bounded. Tasks of one affinity go to one worker in their order. Tasks of
one batch key go out together where they come together, or within a window of a few milliseconds.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from vfx_swap.errors import BusyError, UsageError
from vfx_swap.service.queue_rules import Assignment, QueueLimits, fits_device
from vfx_swap.service.work import Priority, Task

__all__ = ["TaskQueue"]

RECENT_SECONDS = 1.0
"""A session that sent a frame of a key within this may send another: worth a batch's window."""
LEARNING = 0.2
"""Weight of the newest in running means (exponential moving averages)."""
FIRST_GUESS_SECONDS = 1.0
"""Of a task, before one was measured."""
RETRY_SECONDS = (0.1, 60.0)
USUAL = QueueLimits()


@dataclass(frozen=True, eq=False)
class _Waiting:
    task: Task
    since: float
    alone: bool
    """Tried before: goes out by itself, so that it takes no other down with it."""


@dataclass(eq=False)
class _Client:
    """What is known of a client while anything of its is here."""

    spent: float
    """Seconds of workers, from where the others were when it came."""
    turn: int = 0
    """When it was last served: of clients that spent alike, the one that waited longest goes first."""
    waiting: int = 0
    running: int = 0


def _alike(one: _Waiting, first: _Waiting) -> bool:
    """Whether a task may go out with another."""
    return one is not first and (one.task.kind, one.task.batch_key) == (first.task.kind, first.task.batch_key)


class TaskQueue:
    """Tasks that wait, and what is known of who waits.

    Args:
        devices: name of every worker's device, by its place.
        limits: how much may wait.
    """

    def __init__(self, devices: Sequence[str], *, limits: QueueLimits = USUAL) -> None:
        self._devices = tuple(devices)
        self._limits = limits
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()
        self._lanes: dict[Priority, dict[str, OrderedDict[str, _Waiting]]] = {"interactive": {}, "batch": {}}
        self._orders: dict[str, OrderedDict[str, None]] = {}
        self._pins: dict[str, int] = {}
        self._opened: set[str] = set()
        """Affinities whose worker holds something for them, until they are closed."""
        self._flying: Counter[str] = Counter()
        """Affinity -> its tasks that are out."""
        self._clients: dict[str, _Client] = {}
        self._runs = [0] * len(self._devices)
        self._busy = [0.0] * len(self._devices)
        self._recent: dict[str, dict[str, float]] = {}
        self._guesses: dict[str, float] = {}
        self._charged: dict[str, float] = {}
        self._turns = 0
        self._floor = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, task_id: object) -> bool:
        return task_id in self._waiting

    def queued_for(self, worker: int) -> int:
        """Tasks that wait for one worker and may go to no other."""
        bound = 0
        for one in self._waiting.values():
            fits = [at for at in range(len(self._devices)) if self._fits(one.task, at)]
            bound += fits == [worker] and len(self._devices) > 1
        return bound

    def pinned(self, affinity: str) -> int | None:
        """The worker that an affinity goes to; None: not decided yet."""
        return self._pins.get(affinity)

    def add(self, task: Task, *, now: float, again: bool = False) -> None:
        """Put a task in line.

        Args:
            task: the task.
            now: seconds, as all times here on one clock.
            again: True for one whose worker died: it goes to the front of its client's line, alone, and is never
                refused.

        Raises:
            BusyError: as many wait as may.
            UsageError: its id is in line already, or no worker is what its `device` names.
        """
        if task.id in self._waiting:
            raise UsageError(f"task {task.id!r} waits already")
        if not any(fits_device(task.device, name, at) for at, name in enumerate(self._devices)):
            raise UsageError(f"no device is called {task.device!r}", mend=f"There are: {', '.join(self._devices)}")
        client = self._clients.get(task.client)
        if not again:
            self._check_room(task.client, 0 if client is None else client.waiting)
        if client is None:
            client = self._clients[task.client] = _Client(spent=self._floor)
        client.waiting += 1
        waiting = self._waiting[task.id] = _Waiting(task, now, again)
        lane = self._lanes[task.priority].setdefault(task.client, OrderedDict())
        lane[task.id] = waiting
        if task.affinity:
            self._orders.setdefault(task.affinity, OrderedDict())[task.id] = None
        if task.batch_key:
            self._recent.setdefault(task.batch_key, {})[task.affinity or task.client] = now
        if again:
            lane.move_to_end(task.id, last=False)
            if task.affinity:
                self._orders[task.affinity].move_to_end(task.id, last=False)

    def _check_room(self, client: str, waiting: int) -> None:
        for count, most, whose in (
            (len(self._waiting), self._limits.tasks, "in all"),
            (waiting, self._limits.tasks_per_client, f"of {client!r}"),
        ):
            if count >= most:
                what = f"{count} tasks {whose} are waiting, which is as many as may"
                raise BusyError(what, retry_seconds=self.retry_seconds(), mend="Try again later")

    def retry_seconds(self) -> float:
        """When there will be room again: until a tenth of what may wait has gone, at the pace so far."""
        guesses = self._guesses.values()
        mean = sum(guesses) / len(guesses) if guesses else FIRST_GUESS_SECONDS
        room = max(1, min(len(self._waiting), self._limits.tasks) // 10)
        seconds = room * mean / max(1, len(self._devices))
        return min(RETRY_SECONDS[1], max(RETRY_SECONDS[0], seconds))

    def cancel(self, task_id: str) -> bool:
        """Drop a task that waits; False: it does not."""
        waiting = self._waiting.get(task_id)
        if waiting is None:
            return False
        self._remove(waiting.task)
        self._forget_idle(waiting.task.client)
        return True

    def overdue(self, now: float) -> list[Task]:
        """Drop the tasks whose deadline has passed."""
        late = [
            one.task for one in self._waiting.values() if one.task.deadline is not None and one.task.deadline <= now
        ]
        for task in late:
            self.cancel(task.id)
        return late

    def clear(self, *, only_device: int | None = None) -> list[Task]:
        """Drop all tasks, or those that may go to no other than this worker."""
        gone = [
            one.task
            for one in self._waiting.values()
            if only_device is None
            or [at for at in range(len(self._devices)) if self._fits(one.task, at)] == [only_device]
        ]
        for task in gone:
            self.cancel(task.id)
        return gone

    def wake(self, now: float) -> float | None:
        """When to ask again though nothing happens: a deadline or the end of a batch's window; None: never."""
        ends = [one.task.deadline for one in self._waiting.values() if one.task.deadline is not None]
        window = self._limits.batch_window_seconds
        ends += [
            one.since + window for one in self._waiting.values() if one.task.batch_key and one.since + window > now
        ]
        return min(ends, default=None)

    def assign(
        self, *, free: Sequence[int], now: float, holds: Mapping[int, Collection[str]] | None = None
    ) -> Assignment | None:
        """What goes out next, and to whom; None: nothing now. Ask again until None.

        Args:
            free: workers that wait for work.
            now: seconds.
            holds: worker -> engines that it has loaded.
        """
        found, places = None, list[int]()
        for worker in free:
            if self._runs[worker] >= self._limits.interactive_run:
                found, places = next(self._eligible("batch", [worker]), None), [worker]
            if found is not None:
                break
        if found is None:
            for priority in ("interactive", "batch"):
                found = next(self._eligible(priority, free), None)
                if found is not None:
                    places = [worker for worker in free if self._fits(found.task, worker)]
                    break
        if found is None:
            return None
        worker = self._best(found.task, places, holds or {})
        batch = self._together(found, worker)
        if self._waits_for_more(found, batch, worker, now):
            return None
        for one in batch:
            self._start(one, worker)
        return Assignment(worker, tuple(one.task for one in batch))

    def _fits(self, task: Task, worker: int) -> bool:
        pin = self._pins.get(task.affinity) if task.affinity else None
        # Where a session is decides: a device named by a later task of it could never be had.
        return fits_device(task.device, self._devices[worker], worker) if pin is None else pin == worker

    def _is_next(self, task: Task) -> bool:
        """Whether everything of its affinity that came before has gone."""
        return not task.affinity or next(iter(self._orders[task.affinity])) == task.id

    def _eligible(self, priority: Priority, workers: Sequence[int]) -> Iterator[_Waiting]:
        """What could go to one of these workers, in the order in which it should."""
        lanes = self._lanes[priority]
        for client in sorted(lanes, key=lambda name: (self._clients[name].spent, self._clients[name].turn, name)):
            for one in lanes[client].values():
                if self._is_next(one.task) and any(self._fits(one.task, worker) for worker in workers):
                    yield one

    def _best(self, task: Task, places: Sequence[int], holds: Mapping[int, Collection[str]]) -> int:
        """Sessions are spread evenly; other work goes where its model is; then whoever worked least."""
        sessions = [sum(pin == worker for pin in self._pins.values()) for worker in range(len(self._devices))]

        def order(worker: int) -> tuple[int, bool, float, int]:
            lacks = bool(task.model) and task.model not in holds.get(worker, ())
            return (sessions[worker] if task.affinity else 0, lacks, self._busy[worker], worker)

        return min(places, key=order)

    def _together(self, first: _Waiting, worker: int) -> list[_Waiting]:
        """The first with all that may go out with it, clients in turn."""
        batch = [first]
        key, most = first.task.batch_key, self._limits.batch_tasks
        if not key or first.alone:
            return batch
        lines = [
            [one for one in lane.values() if _alike(one, first) and not one.alone]
            for _, lane in sorted(
                self._lanes[first.task.priority].items(), key=lambda item: (self._clients[item[0]].spent, item[0])
            )
        ]
        taken = {first.task.id}
        while len(batch) < most and any(lines):
            for line in lines:
                if line and len(batch) < most:
                    one = line.pop(0)
                    if self._fits(one.task, worker) and self._follows(one.task, taken):
                        batch.append(one)
                        taken.add(one.task.id)
        return batch

    def _follows(self, task: Task, taken: Collection[str]) -> bool:
        """Whether everything of its affinity that came before is taken."""
        if not task.affinity:
            return True
        for other in self._orders[task.affinity]:
            if other == task.id:
                return True
            if other not in taken:
                return False
        return False

    def _waits_for_more(self, first: _Waiting, batch: Sequence[_Waiting], worker: int, now: float) -> bool:
        """Whether it pays to wait: the batch is not full, its window is open, and others sent such work lately."""
        if not first.task.batch_key or first.alone or len(batch) >= self._limits.batch_tasks:
            return False
        if now >= first.since + self._limits.batch_window_seconds:
            return False
        recent = self._recent[first.task.batch_key]
        for who, last in list(recent.items()):
            if now - last > RECENT_SECONDS:
                del recent[who]
        here = {one.task.affinity or one.task.client for one in batch}
        return any(who not in here and self._pins.get(who, worker) == worker for who in recent)

    def _start(self, one: _Waiting, worker: int) -> None:
        task = one.task
        self._remove(task)
        client = self._clients[task.client]
        self._turns += 1
        client.turn = self._turns
        client.running += 1
        # Charged at once, by a guess that the end corrects: else a client with many free workers takes them all.
        self._charged[task.id] = self._guess(task)
        client.spent += self._charged[task.id]
        if task.affinity:
            self._pins.setdefault(task.affinity, worker)
            self._flying[task.affinity] += 1
        if task.priority == "batch":
            self._runs[worker] = 0
        elif self._lanes["batch"]:
            self._runs[worker] += 1
        # Newcomers begin where the least served of those who are here stands.
        self._floor = max(self._floor, min(other.spent for other in self._clients.values()))

    def _guess(self, task: Task) -> float:
        return self._guesses.get(task.kind, FIRST_GUESS_SECONDS)

    def finished(self, task: Task, *, worker: int, seconds: float) -> None:
        """A task that was assigned has ended, well or not, or its worker died.

        Args:
            task: as it was assigned.
            worker: who had it.
            seconds: that the worker was busy with it; of a batch, its share.
        """
        before = self._guess(task)
        known = task.kind in self._guesses
        self._guesses[task.kind] = before + LEARNING * (seconds - before) if known else seconds
        self._busy[worker] += seconds
        client = self._clients[task.client]
        client.running -= 1
        client.spent += seconds - self._charged.pop(task.id)
        if task.affinity:
            self._settle(task)
        self._forget_idle(task.client)

    def _settle(self, task: Task) -> None:
        """An affinity stays with its worker while that holds a session for it, or has more of it to do."""
        self._flying -= Counter([task.affinity])
        if task.kind == "open":
            self._opened.add(task.affinity)
        under_way = self._flying[task.affinity] or task.affinity in self._orders
        if task.kind == "close" or (task.affinity not in self._opened and not under_way):
            self.release(task.affinity)

    def release(self, affinity: str) -> None:
        """An affinity is over, or its worker died: what comes next may go anywhere."""
        self._pins.pop(affinity, None)
        self._opened.discard(affinity)
        for recent in self._recent.values():
            recent.pop(affinity, None)
        self._recent = {key: recent for key, recent in self._recent.items() if recent}

    def release_worker(self, worker: int) -> list[str]:
        """A worker died: its affinities may go anywhere; which they were."""
        lost = [affinity for affinity, pin in self._pins.items() if pin == worker]
        for affinity in lost:
            self.release(affinity)
        return lost

    def _remove(self, task: Task) -> None:
        del self._waiting[task.id]
        lanes = self._lanes[task.priority]
        del lanes[task.client][task.id]
        if not lanes[task.client]:
            del lanes[task.client]
        self._clients[task.client].waiting -= 1
        if task.affinity:
            del self._orders[task.affinity][task.id]
            if not self._orders[task.affinity]:
                del self._orders[task.affinity]

    def _forget_idle(self, name: str) -> None:
        client = self._clients[name]
        if client.waiting == 0 and client.running == 0:
            del self._clients[name]
