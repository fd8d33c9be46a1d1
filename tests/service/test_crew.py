"""The crew and its workers, as processes, with quick stand-ins for what they compute."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.shot_fakes import ALL, digests_of, leftovers, make_identity, make_shot, render, rows_of
from tests.service.crewing import TODAY, chunk, task, until, values_of, with_crew
from tests.service.quick_worker import quick_command
from vfx_swap.errors import (
    BusyError,
    CancelledError,
    CannotRunError,
    ConsentExpiredError,
    DeadlineError,
    DeviceError,
    DeviceMemoryError,
    ProtocolError,
    SettingsError,
    UsageError,
    VfxSwapError,
    WorkerDiedError,
)
from vfx_swap.pipeline.consent import consent_from_options
from vfx_swap.service.crew import LocalCrew
from vfx_swap.service.crew_process import WORKER_COMMAND, worker_environment
from vfx_swap.service.queue_rules import QueueLimits
from vfx_swap.service.work import Task


def test_chunks_on_two_workers_are_the_bits_of_the_local_render(tmp_path: Path) -> None:
    render(make_shot(tmp_path / "local"))
    values = values_of(tmp_path / "served")
    events: list[Mapping[str, Any]] = []

    async def work(crew: LocalCrew) -> list[Any]:
        found = await crew.submit(task("analyse", {"shot": values, "today": TODAY})).result()
        assert found["frames"] == list(ALL)
        assert found["tracks"] == str(tmp_path / "served" / "out" / "sh010.tracks.json")
        chunks = [crew.submit(chunk(values, part), on_event=events.append) for part in ((1, 2, 3), (4, 5, 6))]
        done = [await one.result() for one in chunks]
        again = await crew.submit(chunk(values)).result()
        assert (again["rendered"], again["skipped"]) == ([], list(ALL))
        assert all(one.models == ("reprojection",) and one.memory_total > 0 for one in crew.devices())
        return done

    done = with_crew(work, workers=2, command=quick_command(seconds=0.1))
    assert digests_of(tmp_path / "served" / "out") == digests_of(tmp_path / "local" / "out")
    assert [one["rendered"] for one in done] == [[1, 2, 3], [4, 5, 6]]
    assert {one["stats"]["worker"] for one in done} == {"cpu#0", "cpu#1"}  # both devices at once
    assert all(one["stats"]["infer_seconds"] > 0 and one["stats"]["encode_seconds"] > 0 for one in done)
    rendered = [event["frame"] for event in events if event["what"] == "frame"]
    assert sorted(rendered) == list(ALL)
    assert [n for n in rendered if n < 4] == [1, 2, 3]  # each chunk's events in their order
    assert all(event["metrics"]["faces"] == 1 for event in events if event["what"] == "frame")


def test_a_worker_killed_in_mid_chunk_loses_nothing_and_writes_nothing_twice(tmp_path: Path) -> None:
    render(make_shot(tmp_path / "local"))
    values, out = values_of(tmp_path / "served"), tmp_path / "served" / "out"
    written: dict[int, int] = {}

    def note(event: Mapping[str, Any]) -> None:
        if event["what"] == "frame":
            written.setdefault(event["frame"], (out / f"swap.{event['frame']:04d}.exr").stat().st_ino)

    async def work(crew: LocalCrew) -> Any:
        running = crew.submit(chunk(values, overwrite=True), on_event=note)
        await until(lambda: len(written) >= 2)
        killed = [one.pid for one in crew.devices() if one.running]
        os.kill(killed[0], signal.SIGKILL)
        return await running.result(), crew.devices()

    done, devices = with_crew(work, workers=2, command=quick_command(seconds=0.2))
    assert done["rendered"] == list(ALL)
    assert done["stats"]["attempt"] == 2
    assert {number: (out / f"swap.{number:04d}.exr").stat().st_ino for number in written} == written
    assert digests_of(out) == digests_of(tmp_path / "local" / "out")
    assert sorted(rows_of(out)) == list(ALL)
    # At most what the killed worker was writing, under a name of its own; a later render takes it away.
    assert all(name.endswith(".tmp.exr") for name in leftovers(out))
    assert sorted(one.restarts for one in devices) in ([0, 0], [0, 1])


def test_what_kills_two_workers_is_named_and_the_crew_goes_on(tmp_path: Path) -> None:
    values = values_of(tmp_path)

    async def work(crew: LocalCrew) -> None:
        with pytest.raises(WorkerDiedError) as caught:
            await crew.submit(chunk(values)).result()
        assert "5, 6 in hand" in caught.value.what
        assert "SIGKILL" in caught.value.what
        assert caught.value.where == "sh010"
        with pytest.raises(WorkerDiedError, match="frame 5"):
            await crew.submit(chunk(values, (5,), idempotent=False)).result()
        assert (await crew.submit(chunk(values, (6,))).result())["rendered"] == [6]
        assert crew.devices()[0].restarts == 3

    # Slow enough that what is written is on record before the next frame begins.
    with_crew(work, command=quick_command(seconds=0.2, bad_frame=5, how="kill"))


def test_a_worker_that_stands_still_is_replaced(tmp_path: Path) -> None:
    values = values_of(tmp_path)

    async def work(crew: LocalCrew) -> Any:
        return await crew.submit(chunk(values)).result(), crew.devices()[0].restarts

    command = quick_command(seconds=0.01, bad_frame=3, how="hang-once")
    done, restarts = with_crew(work, command=command, hang_seconds=6.0)
    # A frame that was on record and not told yet is skipped the second time.
    assert sorted([*done["rendered"], *done["skipped"]]) == list(ALL)
    assert 3 in done["rendered"]
    assert (done["stats"]["attempt"], restarts) == (2, 1)


def test_errors_cross_whole_and_failed_frames_are_an_answer(tmp_path: Path) -> None:
    values = values_of(tmp_path)
    (tmp_path / "plates" / "plate.0004.exr").write_bytes(b"torn")

    async def work(crew: LocalCrew) -> None:
        done = await crew.submit(chunk(values)).result()
        assert done["rendered"] == [1, 2, 3, 5, 6]
        [failure] = done["failures"]
        assert failure["frame"] == 4
        assert "plate.0004.exr" in failure["reason"]
        with pytest.raises(SettingsError) as settings:
            await crew.submit(task("render", {"shot": {**values, "grain": {"match": "x"}, "cast": []}})).result()
        assert {problem.key for problem in settings.value.problems} == {"grain.match", "cast"}
        record = consent_from_options(
            who="an agent", scope="tests", expires="2026-07-01", performer="somebody", valid_from=_day("2026-01-01")
        )
        make_identity(tmp_path / "who.identity", consent=record)
        assert (await crew.submit(chunk(values, (1,))).result())["failures"] == []
        with pytest.raises(ConsentExpiredError, match="2026-07-01"):  # asked at every chunk, by who is warm too
            await crew.submit(task("render", {"shot": values, "frames": [2], "today": "2026-07-02"})).result()
        for body in ({}, {"shot": 3}, {"shot": values, "today": "tomorrow"}, {"shot": values, "frames": 3}):
            with pytest.raises(ProtocolError):
                await crew.submit(task("render", body)).result()
        with pytest.raises(VfxSwapError, match="Error: ") as strange:  # what is not ours says its type
            await crew.submit(task("analyse", {"plate": values["plate"], "out": "x.json", "frames": 7})).result()
        assert type(strange.value) is VfxSwapError
        assert crew.devices()[0].restarts == 0

    with_crew(work)


def _day(text: str) -> Any:
    from datetime import date

    return date.fromisoformat(text)


def test_cancelled_work_ends_between_frames_or_never_begins(tmp_path: Path) -> None:
    values, seen = values_of(tmp_path), list[int]()

    async def work(crew: LocalCrew) -> None:
        first = crew.submit(chunk(values), on_event=lambda event: seen.append(event["frame"]))
        second = crew.submit(chunk(values))
        await until(lambda: 1 in seen)
        second.cancel()
        with pytest.raises(CancelledError, match="before it began"):
            await second.result()
        first.cancel()
        with pytest.raises(CancelledError, match="stopped after"):
            await first.result()
        first.cancel()  # once more does nothing

    with_crew(work, command=quick_command(seconds=0.2))
    assert 0 < len(digests_of(tmp_path / "out")) < len(ALL)
    assert leftovers(tmp_path / "out") == []


def test_queue_is_bounded_and_deadlines_hold(tmp_path: Path) -> None:
    values = values_of(tmp_path)

    async def work(crew: LocalCrew) -> None:
        running = crew.submit(chunk(values))
        await until(lambda: crew.devices()[0].running == 1)
        late = crew.submit(chunk(values, deadline=time.monotonic() + 0.05))
        waiting = crew.submit(chunk(values, (1,)))
        with pytest.raises(BusyError) as busy:
            crew.submit(chunk(values))
        assert busy.value.retry_seconds > 0
        with pytest.raises(UsageError, match="under way"):
            crew.submit(Task(waiting.id, "describe", {}, "bob"))
        with pytest.raises(ProtocolError):
            crew.submit(task("describe", {"bytes": b"raw"}))
        with pytest.raises(DeadlineError):
            await late.result()
        assert (await running.result())["rendered"] == list(ALL)
        assert (await waiting.result())["skipped"] == [1]

    with_crew(work, command=quick_command(seconds=0.2), queue=QueueLimits(tasks=2))


def test_stop_lets_running_work_end_and_drops_what_waits(tmp_path: Path) -> None:
    values = values_of(tmp_path)

    async def work(crew: LocalCrew) -> None:
        running, waiting = crew.submit(chunk(values, (1, 2))), crew.submit(chunk(values, (3,)))
        await until(lambda: crew.devices()[0].running == 1)
        await crew.stop(grace_seconds=60)
        assert (await running.result())["rendered"] == [1, 2]
        with pytest.raises(CancelledError, match="going down"):
            await waiting.result()
        with pytest.raises(BusyError, match="going down"):
            crew.submit(chunk(values))

    with_crew(work, command=quick_command(seconds=0.2))


def test_stop_kills_what_does_not_end_in_time(tmp_path: Path) -> None:
    values = values_of(tmp_path)

    async def work(crew: LocalCrew) -> int:
        running = crew.submit(chunk(values))
        await until(lambda: crew.devices()[0].running == 1)
        pid = crew.devices()[0].pid
        await crew.stop(grace_seconds=0.0)
        with pytest.raises(CancelledError):
            await running.result()
        return pid

    pid = with_crew(work, command=quick_command(seconds=60.0))
    assert not Path(f"/proc/{pid}").exists()


def test_device_memory_that_is_not_enough_is_said(tmp_path: Path) -> None:
    values = values_of(tmp_path / "a")

    async def work(crew: LocalCrew) -> None:
        with pytest.raises(DeviceMemoryError, match="the memory of cpu is not enough"):
            await crew.submit(chunk(values)).result()

    with_crew(work, command=quick_command(bad_frame=2, how="memory"))


def test_device_memory_that_is_enough_after_letting_go(tmp_path: Path) -> None:
    values = values_of(tmp_path)

    async def work(crew: LocalCrew) -> None:
        assert (await crew.submit(chunk(values)).result())["rendered"] == list(ALL)

    with_crew(work, command=quick_command(bad_frame=2, how="memory-once"))


def test_workers_that_do_not_come_up_say_why() -> None:
    async def work(crew: LocalCrew) -> None: ...

    command = (sys.executable, "-c", "import sys; print('no libfoo', file=sys.stderr); sys.exit(3)")
    with pytest.raises(CannotRunError, match="no libfoo") as caught:
        with_crew(work, command=command)
    assert "code 3" in caught.value.what


def test_a_device_that_is_not_there_is_named() -> None:
    async def work(crew: LocalCrew) -> None: ...

    with pytest.raises(DeviceError) as caught:
        with_crew(work, command=WORKER_COMMAND, devices=("cuda:61",))
    assert caught.value.where == "cuda:61"


GARBAGE = """
import socket, struct, sys, json, time
link = socket.socket(fileno=int(sys.argv[sys.argv.index("--fd") + 1]))
ready = json.dumps({"type": "ready"}).encode()
link.sendall(struct.pack(">I", len(ready)) + ready)
link.recv(100)
link.sendall(b"GET / HTTP/1.1\\r\\n")
time.sleep(600)
"""


def test_a_worker_that_sends_what_is_no_message_is_ended() -> None:
    async def work(crew: LocalCrew) -> None:
        with pytest.raises(WorkerDiedError, match="no message"):
            await crew.submit(task("describe", {}, idempotent=False)).result()

    with_crew(work, command=(sys.executable, "-c", GARBAGE))


CREW = """
import asyncio, sys
from tests.service.crewing import TODAY, chunk, task, until, values_of, with_crew
from tests.service.quick_worker import quick_command
from vfx_swap.service.crew import CrewSettings, LocalCrew
async def run():
    crew = LocalCrew(CrewSettings(devices=("cpu",), command=quick_command()))
    await crew.start()
    print(crew.devices()[0].pid, flush=True)
    await asyncio.sleep(600)
asyncio.run(run())
"""


def test_a_worker_ends_with_its_server() -> None:
    server = subprocess.Popen([sys.executable, "-c", CREW], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    pid = int(server.stdout.readline())
    server.kill()
    server.wait()
    server.stdout.close()
    for _ in range(3000):
        if not _lives(pid):
            return
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    raise AssertionError("the worker outlived its server")


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def test_workers_get_nothing_of_the_servers_secrets() -> None:
    kept = worker_environment({"PATH": "/bin", "OCIO": "x", "VFX_SWAP_MODELS": "m", "DB_PASSWORD": "s", "TOKEN": "t"})
    assert kept == {"PATH": "/bin", "OCIO": "x", "VFX_SWAP_MODELS": "m"}
