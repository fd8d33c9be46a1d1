"""The queue and the shelves: nothing lost or twice, fair, bounded, in order; models placed within their budget."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vfx_swap.errors import BusyError, UsageError
from vfx_swap.service.placement import Shelves
from vfx_swap.service.queue import TaskQueue
from vfx_swap.service.queue_rules import Assignment, QueueLimits, fits_device
from vfx_swap.service.work import Task

NUMBERS = itertools.count()


def task(client: str = "ann", **more: Any) -> Task:
    """A task of a name of its own."""
    return Task(more.pop("id", f"t{next(NUMBERS)}"), more.pop("kind", "swap"), {}, client, **more)


def drain(queue: TaskQueue, *, now: float = 100.0, workers: int = 1, seconds: float = 1.0) -> list[Assignment]:
    """Let workers take everything, each assignment at once and for so long."""
    done = []
    while (given := queue.assign(free=range(workers), now=now)) is not None:
        done.append(given)
        for one in given.tasks:
            queue.finished(one, worker=given.worker, seconds=seconds)
    return done


def clients_of(done: list[Assignment]) -> list[str]:
    """Whose turn it was, one after the other."""
    return [one.client for given in done for one in given.tasks]


TASKS = st.builds(
    task,
    client=st.sampled_from("abc"),
    kind=st.sampled_from(["swap", "render", "open", "close"]),
    priority=st.sampled_from(["interactive", "batch"]),
    batch_key=st.sampled_from(["", "k", "m"]),
    affinity=st.sampled_from(["", "s1", "s2", "s3"]),
    device=st.sampled_from(["", "", "cpu", "cpu#1"]),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), TASKS),
        st.tuples(st.just("cancel"), st.integers(0, 30)),
        st.tuples(st.just("assign"), st.integers(0, 10)),
        st.tuples(st.just("finish"), st.integers(0, 2)),
        st.tuples(st.just("die"), st.integers(0, 2)),
    ),
    max_size=60,
)


class Machine:
    """Workers that take, finish and die as they are told, with what must hold at every moment."""

    def __init__(self) -> None:
        self.queue = TaskQueue(["cpu"] * 3, limits=QueueLimits(tasks=20, tasks_per_client=8, batch_tasks=3))
        self.now = 0.0
        self.added: list[Task] = []
        self.out: dict[int, Assignment] = {}
        self.ended: Counter[str] = Counter()
        self.begun: dict[str, list[int]] = {}
        self.retried: set[str] = set()
        self.homes: dict[str, int] = {}

    def add(self, one: Task) -> None:
        one = task(
            one.client, kind=one.kind, priority=one.priority, batch_key=one.batch_key, affinity=one.affinity,
            device=one.device,
        )  # fmt: skip
        if len(self.queue) == 20 or sum(t.client == one.client for t in self.waiting()) == 8:
            with pytest.raises(BusyError):
                self.queue.add(one, now=self.now)
            return
        self.queue.add(one, now=self.now)
        self.added.append(one)

    def waiting(self) -> list[Task]:
        return [one for one in self.added if one.id in self.queue]

    def cancel(self, index: int) -> None:
        waits = self.waiting()
        if waits:
            one = waits[index % len(waits)]
            assert self.queue.cancel(one.id)
            assert not self.queue.cancel(one.id)
            self.ended[one.id] += 1

    def assign(self, milliseconds: int) -> None:
        self.now += milliseconds / 1000
        free = [worker for worker in range(3) if worker not in self.out]
        given = self.queue.assign(free=free, now=self.now)
        if given is None:
            return
        assert given.worker in free
        assert len(given.tasks) <= 3
        assert len({(one.kind, one.batch_key, one.priority) for one in given.tasks}) == 1
        for one in given.tasks:
            assert one.id not in self.queue
            assert one.affinity or fits_device(one.device, "cpu", given.worker)
            if one.affinity:
                assert all(other.affinity != one.affinity for have in self.out.values() for other in have.tasks), (
                    "a session on two workers"
                )
                self.begun.setdefault(one.affinity, []).append(self.added.index(one))
        self.out[given.worker] = given

    def finish(self, worker: int) -> None:
        given = self.out.pop(worker, None)
        for one in given.tasks if given else ():
            self.queue.finished(one, worker=worker, seconds=0.5)
            self.ended[one.id] += 1

    def die(self, worker: int) -> None:
        given = self.out.pop(worker, None)
        self.queue.release_worker(worker)
        for one in reversed(given.tasks if given else ()):
            self.queue.finished(one, worker=worker, seconds=0.1)
            if one.affinity:
                self.begun[one.affinity].remove(self.added.index(one))
            if one.id in self.retried:
                self.ended[one.id] += 1
            else:
                self.retried.add(one.id)
                self.queue.add(one, now=self.now, again=True)

    def run_out(self) -> None:
        """Let everything end."""
        for _ in range(200):
            for worker in range(3):
                self.finish(worker)
            self.assign(10)
        assert not self.out
        assert len(self.queue) == 0


@settings(max_examples=100)
@given(STEPS)
def test_nothing_is_lost_or_done_twice_and_sessions_keep_their_order(steps: list[tuple[str, Any]]) -> None:
    machine = Machine()
    for name, value in steps:
        getattr(machine, name)(value)
    machine.run_out()
    assert machine.ended == Counter(one.id for one in machine.added)
    for order in machine.begun.values():
        assert order == sorted(order)


@given(st.lists(st.integers(1, 20), min_size=2, max_size=5), st.floats(0.1, 9.0))
def test_clients_take_turns_while_all_wait(counts: list[int], seconds: float) -> None:
    queue = TaskQueue(["cpu"])
    for name, count in zip("abcde", counts, strict=False):
        for _ in range(count):
            queue.add(task(name, kind="render"), now=0.0)
    turns = clients_of(drain(queue, seconds=seconds))
    together = min(counts) * len(counts)
    for end in range(1, together + 1):
        served = Counter(turns[:end])
        assert max(served.values()) - min(served[name] for name in "abcde"[: len(counts)]) <= 1


def test_a_client_of_long_tasks_gets_no_more_time_than_one_of_short_ones() -> None:
    queue = TaskQueue(["cpu"])
    for _ in range(40):
        queue.add(task("short", kind="swap"), now=0.0)
    for _ in range(10):
        queue.add(task("long", kind="render"), now=0.0)
    spent: Counter[str] = Counter()
    for _ in range(30):
        given = queue.assign(free=[0], now=0.0)
        assert given is not None
        [one] = given.tasks
        seconds = 8.0 if one.client == "long" else 1.0
        spent[one.client] += int(seconds)
        queue.finished(one, worker=0, seconds=seconds)
    assert abs(spent["long"] - spent["short"]) <= 8


def test_a_newcomer_has_no_claim_on_the_past() -> None:
    queue = TaskQueue(["cpu"])
    for _ in range(30):
        queue.add(task("old", kind="render"), now=0.0)
    for _ in range(20):
        given = queue.assign(free=[0], now=0.0)
        assert given is not None
        queue.finished(given.tasks[0], worker=0, seconds=1.0)
    for _ in range(10):
        queue.add(task("new", kind="render"), now=0.0)
    turns = clients_of(drain(queue))
    assert abs(Counter(turns[:10])["old"] - Counter(turns[:10])["new"]) <= 1


def test_interactive_work_goes_first_but_not_for_ever() -> None:
    queue = TaskQueue(["cpu"], limits=QueueLimits(interactive_run=3))
    for _ in range(10):
        queue.add(task("bob", kind="render"), now=0.0)
        queue.add(task("ann", kind="swap", priority="interactive"), now=0.0)
    kinds = [one.tasks[0].priority for one in drain(queue)]
    assert kinds[:8] == ["interactive"] * 3 + ["batch"] + ["interactive"] * 3 + ["batch"]
    assert kinds[-7:] == ["batch"] * 7


def test_a_full_queue_refuses_by_name_and_says_when() -> None:
    queue = TaskQueue(["cpu", "cpu"], limits=QueueLimits(tasks=30, tasks_per_client=20))
    for _ in range(20):
        queue.add(task("ann", kind="render"), now=0.0)
    with pytest.raises(BusyError, match="of 'ann'"):
        queue.add(task("ann"), now=0.0)
    given = queue.assign(free=[0], now=0.0)
    assert given is not None
    queue.finished(given.tasks[0], worker=0, seconds=6.0)
    for _ in range(11):
        queue.add(task("bob"), now=0.0)
    with pytest.raises(BusyError, match="in all") as caught:
        queue.add(task("carl"), now=0.0)
    # A tenth of 30 tasks of 6 seconds, on two workers.
    assert caught.value.retry_seconds == pytest.approx(9.0)
    with pytest.raises(UsageError, match="gpu"):
        queue.add(task(device="gpu"), now=0.0)


def test_frames_of_one_key_go_out_together_from_all_clients() -> None:
    queue = TaskQueue(["cpu"], limits=QueueLimits(batch_tasks=4))
    for name in ("a", "a", "a", "b", "c"):
        queue.add(task(name, batch_key="k", affinity=name), now=0.0)
    queue.add(task("b", batch_key="other", affinity="x"), now=0.0)
    first = queue.assign(free=[0], now=0.0)
    assert first is not None
    assert Counter(one.client for one in first.tasks) == {"a": 2, "b": 1, "c": 1}


def test_a_batch_waits_a_few_milliseconds_and_only_where_more_may_come() -> None:
    queue = TaskQueue(["cpu"], limits=QueueLimits(batch_tasks=4, batch_window_seconds=0.004))
    queue.add(task("a", batch_key="k", affinity="a"), now=1.0)
    alone = queue.assign(free=[0], now=1.0)  # nobody else sends such frames: at once
    assert alone is not None
    queue.add(task("b", batch_key="k", affinity="b"), now=1.1)
    assert queue.assign(free=[0], now=1.1) is None  # `a` sent one a moment ago
    assert queue.wake(1.1) == pytest.approx(1.104)
    queue.add(task("a", batch_key="k", affinity="a"), now=1.102)
    both = queue.assign(free=[0], now=1.102)
    assert both is not None
    assert len(both.tasks) == 2
    queue.add(task("b", batch_key="k", affinity="b"), now=1.2)
    late = queue.assign(free=[0], now=1.205)
    assert late is not None
    assert len(late.tasks) == 1


def test_what_is_tried_again_goes_first_and_alone() -> None:
    queue = TaskQueue(["cpu"])
    first, second = task("a", batch_key="k", affinity="a"), task("a", batch_key="k", affinity="a")
    queue.add(first, now=0.0)
    queue.add(second, now=0.0)
    given = queue.assign(free=[0], now=0.0)
    assert given is not None
    assert given.tasks == (first, second)
    queue.add(task("a", batch_key="k"), now=0.0)
    queue.release_worker(0)
    for one in reversed(given.tasks):
        queue.finished(one, worker=0, seconds=0.1)
        queue.add(one, now=0.0, again=True)
    assert [one.tasks for one in drain(queue)[:2]] == [(first,), (second,)]


def test_deadlines_are_found() -> None:
    queue = TaskQueue(["cpu"])
    late, soon, never = task(deadline=5.0), task(deadline=9.0), task()
    for one in (late, soon, never):
        queue.add(one, now=0.0)
    assert queue.wake(0.0) == 5.0
    assert queue.overdue(5.0) == [late]
    assert queue.overdue(5.0) == []
    assert [one.tasks[0] for one in drain(queue)] == [soon, never]


def test_sessions_are_spread_and_stay() -> None:
    queue, homes = TaskQueue(["cuda:0", "cuda:1"]), {}
    for name in "abcd":
        queue.add(task(name, kind="open", affinity=name), now=0.0)
        given = queue.assign(free=[0, 1], now=0.0, holds={0: ["m"]})
        assert given is not None
        homes[name] = given.worker
        queue.finished(given.tasks[0], worker=given.worker, seconds=1.0)
    assert Counter(homes.values()) == {0: 2, 1: 2}
    for name, home in homes.items():
        queue.add(task(name, affinity=name), now=0.0)
        assert queue.assign(free=[1 - home], now=0.0) is None
        given = queue.assign(free=[home], now=0.0)
        assert given is not None
        queue.finished(given.tasks[0], worker=home, seconds=1.0)
    assert sorted(queue.release_worker(0)) == sorted(name for name in "abcd" if homes[name] == 0)
    queue.add(task("b", kind="close", affinity="b"), now=0.0)
    [closed] = drain(queue, workers=2)
    assert queue.pinned("b") is None
    assert closed.tasks[0].kind == "close"


def test_work_goes_where_its_model_is_and_elsewhere_when_that_is_busy() -> None:
    queue = TaskQueue(["cuda:0", "cuda:1"])
    for _ in range(2):
        queue.add(task(kind="render", model="m"), now=0.0)
    first = queue.assign(free=[0, 1], now=0.0, holds={1: ["m"]})
    second = queue.assign(free=[0], now=0.0, holds={1: ["m"]})
    assert first is not None
    assert second is not None
    assert (first.worker, second.worker) == (1, 0)


def test_devices_alike_are_used_evenly() -> None:
    queue = TaskQueue(["cpu", "cpu"])
    for _ in range(10):
        queue.add(task(kind="render"), now=0.0)
    assert Counter(one.worker for one in drain(queue, workers=2)) == {0: 5, 1: 5}


def test_devices_by_name() -> None:
    assert all(fits_device(wanted, "cuda:1", 3) for wanted in ("", "cuda", "cuda:1", "cuda:1#3"))
    assert not any(fits_device(wanted, "cuda:1", 3) for wanted in ("cpu", "cuda:0", "cuda:1#0", "cuda:11"))


def test_shelves_let_the_least_recently_used_go() -> None:
    shelves = Shelves([100])
    assert shelves.use(0, "a") == ()  # its size is not known yet
    assert shelves.report(0, {"a": 60}) == ()
    assert shelves.use(0, "b") == ()
    assert shelves.report(0, {"a": 60, "b": 30}) == ()
    assert shelves.use(0, "a") == ()
    assert shelves.use(0, "c") == ()
    assert shelves.report(0, {"a": 60, "b": 30, "c": 40}) == ("b",)
    assert shelves.held(0) == ("a", "c")
    assert shelves.use(0, "a") == ()  # 60 and 40 fit
    assert shelves.use(0, "b") == ("c",)  # known by now: makes room before it is loaded
    shelves.lost(0)
    assert shelves.held(0) == ()
    unbounded = Shelves([0])
    unbounded.use(0, "a")
    assert unbounded.report(0, {"a": 1 << 60, "b": 1 << 60}) == ()
    alone = Shelves([10])
    alone.use(0, "huge")
    assert alone.report(0, {"huge": 50}) == ()  # the one in use stays, whatever its size
