"""Who gets which chunk, and what happens when a worker is lost."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.farm.fakes import DONE, FakeSlots, error_line, frame_line, job_of
from vfx_swap.errors import (
    ConsentExpiredError,
    DeviceMemoryError,
    DiskFullError,
    FrameFailure,
    FramesFailedError,
    ModelMissingError,
    NoFaceError,
    OutputError,
    VfxSwapError,
    WorkerDiedError,
)
from vfx_swap.farm.chunks import Chunk, ChunkEvent
from vfx_swap.farm.pool import is_infrastructure, run_in_slots

SHOT = Path("sh010.toml")


def well(name: str, chunk: Chunk) -> Iterator[Mapping[str, Any]]:
    yield from (frame_line(frame) for frame in chunk.frames)
    yield DONE


def run(slots: FakeSlots, *, workers: int = 2, cancelled: Any = lambda: False) -> list[ChunkEvent]:
    return list(run_in_slots(job_of(SHOT), slots=workers, open_slot=slots, cancelled=cancelled))


def told(events: list[ChunkEvent]) -> list[tuple[str, str]]:
    return [(event.what, event.chunk.text if event.chunk else "") for event in events if event.what != "progress"]


def test_tracks_are_made_once_before_any_chunk_and_every_chunk_runs_once() -> None:
    slots = FakeSlots(well)
    events = run(slots, workers=3)
    assert told(events)[:2] == [("started", "tracks"), ("finished", "tracks")]
    assert Counter(told(events)) == {
        (what, chunk): 1 for what in ("started", "finished") for chunk in ("tracks", "1-2", "3-4", "5-6")
    }
    assert sorted(event.line["frame"] for event in events if event.what == "progress") == [1, 2, 3, 4, 5, 6]
    assert all(slot.closed for slot in slots.opened)


def test_two_workers_work_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=10)

    def together(name: str, chunk: Chunk) -> Iterator[Mapping[str, Any]]:
        if chunk.text in {"1-2", "3-4"}:
            both.wait()
        yield DONE

    assert ("finished", "5-6") in told(run(FakeSlots(together)))


def test_a_lost_worker_is_replaced_and_its_chunk_run_again() -> None:
    tries: Counter[str] = Counter()

    def once(name: str, chunk: Chunk) -> Iterator[Mapping[str, Any]]:
        tries[chunk.text] += 1
        if chunk.text == "3-4" and tries["3-4"] == 1:
            yield frame_line(3)
            raise WorkerDiedError("killed")
        yield DONE

    slots = FakeSlots(once)
    events = run(slots, workers=1)
    assert ("retried", "3-4") in told(events)
    assert told(events)[-1] == ("finished", "5-6")
    assert tries == {"tracks": 1, "1-2": 1, "3-4": 2, "5-6": 1}
    assert [slot.closed for slot in slots.opened] == [True, True]
    assert [event.attempt for event in events if event.what == "finished"] == [1, 1, 2, 1]


def test_a_chunk_that_kills_every_worker_is_given_up_after_two_more_tries_and_the_rest_is_rendered() -> None:
    tries: Counter[str] = Counter()

    def poison(name: str, chunk: Chunk) -> Iterator[Mapping[str, Any]]:
        tries[chunk.text] += 1
        if chunk.text == "1-2":
            raise RuntimeError("whatever a library says")
        yield DONE

    events = run(FakeSlots(poison), workers=1)
    assert tries == {"tracks": 1, "1-2": 3, "3-4": 1, "5-6": 1}
    (failed,) = (event for event in events if event.what == "failed")
    assert failed.chunk == Chunk((1, 2))
    assert isinstance(failed.error, WorkerDiedError)
    assert "whatever a library says" in failed.error.what


def test_a_worker_that_loses_chunk_after_chunk_is_not_used_any_more() -> None:
    def sick(name: str, chunk: Chunk) -> Iterator[Mapping[str, Any]]:
        if name == "worker 1" and not chunk.prepares:
            yield error_line(DeviceMemoryError("no memory left"))
        elif name == "worker 0" and not chunk.prepares:
            healthy_waits.wait(10)  # until the sick one is out
            yield DONE
        else:
            yield DONE

    healthy_waits = threading.Event()
    events: list[ChunkEvent] = []
    for event in run_in_slots(job_of(SHOT, size=1), slots=2, open_slot=FakeSlots(sick), cancelled=lambda: False):
        events.append(event)
        if event.what in ("lost", "failed"):
            healthy_waits.set()
    lost = [event for event in events if event.what == "lost"]
    assert [(event.worker, type(event.error)) for event in lost] == [("worker 1", DeviceMemoryError)]
    assert sum(event.what == "finished" for event in events) >= 1 + 6 - 2


def test_a_worker_that_loses_a_chunk_now_and_then_stays() -> None:
    tries: Counter[str] = Counter()

    def first_try_is_lost(name: str, chunk: Chunk) -> Iterator[Mapping[str, Any]]:
        tries[chunk.text] += 1
        if tries[chunk.text] == 1:
            raise WorkerDiedError("killed")
        yield DONE

    events = run(FakeSlots(first_try_is_lost), workers=1)
    assert [chunk for what, chunk in told(events) if what == "finished"] == ["tracks", "1-2", "3-4", "5-6"]


@pytest.mark.parametrize(
    "error",
    [ConsentExpiredError("expired"), NoFaceError("nobody"), ModelMissingError("no file"), DiskFullError("full")],
    ids=lambda error: type(error).__name__,
)
def test_what_every_chunk_would_meet_ends_the_job_without_another_try(error: VfxSwapError) -> None:
    tries: Counter[str] = Counter()

    def refused(name: str, chunk: Chunk) -> Iterator[Mapping[str, Any]]:
        tries[chunk.text] += 1
        yield DONE if chunk.prepares else error_line(error)

    events = run(FakeSlots(refused), workers=1)
    assert tries == {"tracks": 1, "1-2": 1}
    (failed,) = (event for event in events if event.what == "failed")
    assert (type(failed.error), str(failed.error)) == (type(error), str(error))


def test_no_chunk_begins_where_the_tracks_cannot_be_made() -> None:
    def no_tracks(name: str, chunk: Chunk) -> Iterator[Mapping[str, Any]]:
        assert chunk.prepares
        yield error_line(OutputError("read-only"))

    events = run(FakeSlots(no_tracks))
    assert Counter(told(events)) == {("started", "tracks"): 3, ("retried", "tracks"): 2, ("failed", "tracks"): 1}


def test_frames_that_fail_by_themselves_stop_nothing_and_are_not_tried_again() -> None:
    def torn(name: str, chunk: Chunk) -> Iterator[Mapping[str, Any]]:
        yield error_line(FramesFailedError([FrameFailure(3, "torn")])) if chunk.text == "3-4" else DONE

    events = run(FakeSlots(torn), workers=1)
    assert told(events)[-1] == ("finished", "5-6")
    (failed,) = (event for event in events if event.what == "failed")
    assert isinstance(failed.error, FramesFailedError)
    assert failed.error.failures == (FrameFailure(3, "torn"),)


def test_a_worker_that_ends_without_a_word_is_lost() -> None:
    events = run(FakeSlots(lambda name, chunk: iter([DONE] if chunk.prepares else [frame_line(1)])), workers=1)
    assert {type(event.error) for event in events if event.what == "failed"} == {WorkerDiedError}


def test_a_stop_reaches_the_workers_and_begins_nothing_more() -> None:
    stop = threading.Event()

    def until_stopped(name: str, chunk: Chunk) -> Iterator[Mapping[str, Any]]:
        if not chunk.prepares:
            stop.set()
            (slot,) = slots.opened
            assert slot.stopped.wait(10)
        yield DONE

    slots = FakeSlots(until_stopped)
    events = run(slots, workers=1, cancelled=stop.is_set)
    assert [chunk for what, chunk in told(events) if what == "started"] == ["tracks", "1-2"]
    assert told(events)[-1] == ("finished", "1-2")  # and not lost: the stop came through


def test_where_no_worker_can_be_had_every_chunk_says_why() -> None:
    error = WorkerDiedError("no cluster")
    events = run(FakeSlots(well, cannot=error))
    assert [event.what for event in events] == ["lost", "lost", *["failed"] * 4]
    assert all(event.error is error for event in events)


def test_giving_up_listening_stops_the_workers() -> None:
    def endless(name: str, chunk: Chunk) -> Iterator[Mapping[str, Any]]:
        yield frame_line(1)
        assert slots.opened[0].stopped.wait(10)
        yield DONE

    slots = FakeSlots(endless)
    events = run_in_slots(job_of(SHOT), slots=1, open_slot=slots, cancelled=lambda: False)
    assert next(iter(events)).what == "started"
    events.close()  # type: ignore[attr-defined]
    assert slots.opened[0].stopped.is_set()
    assert slots.opened[0].closed


def test_machines_are_told_from_shots() -> None:
    assert is_infrastructure(OutputError("x"))
    assert not is_infrastructure(DiskFullError("x"))
