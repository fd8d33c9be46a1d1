"""A server as a process, used, killed and started again: nothing lost, nothing written twice, no torn file."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pipeline.shot_fakes import ALL, TODAY, make_shot, tools
from tests.service.quick_server import QuickServer, quick_server
from vfx_swap.client import Connection, connect, open_client
from vfx_swap.client.retry import Patience
from vfx_swap.errors import FramesFailedError, ServerUnreachableError
from vfx_swap.pipeline.render_log import read_log
from vfx_swap.pipeline.shot import render_shot
from vfx_swap.settings import Shot

SECONDS = 60.0
STAYS = Patience(tries=200, first_seconds=0.05, longest_seconds=0.2)


def local(folder: Path) -> dict[str, bytes]:
    """Frames of the same shot by a render in this process."""
    shot = make_shot(folder, out="local/swap.####.exr")
    render_shot(shot, today=TODAY, tools=tools())
    return files_of(shot)


def files_of(shot: Shot) -> dict[str, bytes]:
    """The frames; what a killed process left under a temporary name is no frame, and goes with a later render."""
    found = sorted(Path(shot.output).parent.glob("*.exr"))
    return {path.name: path.read_bytes() for path in found if not path.name.startswith(".")}


def left_over(folder: Path) -> list[str]:
    """Temporary files that nobody finished."""
    return [path.name for path in folder.rglob(".*.tmp*")]


def wait_for(happened: Callable[[], bool]) -> None:
    """Until something is so."""
    end = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_two_clients_three_shots_have_the_bits_of_local_renders(tmp_path: Path) -> None:
    folder = tmp_path / "show"
    expected = local(folder)
    shots = [make_shot(folder, out=f"shot{index}/swap.####.exr") for index in range(3)]
    reports = []

    def client(mine: list[Shot], address: str) -> None:
        with connect(address) as server:
            jobs = [server.submit(shot, chunk_size=2) for shot in mine]
            for job in jobs:
                list(server.watch(job.id))
                reports.append(server.result(job.id))

    with quick_server(folder) as server:
        clients = [threading.Thread(target=client, args=(mine, server.address)) for mine in (shots[:2], shots[2:])]
        for one in clients:
            one.start()
        for one in clients:
            one.join(SECONDS)
        assert server.terminate() == 0
    assert [report.rendered for report in reports] == [ALL] * 3
    for shot in shots:
        assert files_of(shot) == expected


def test_a_killed_server_goes_on_where_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "show"
    expected = local(folder)
    shot = make_shot(folder, out="server/swap.####.exr")
    out = Path(shot.output).parent
    with quick_server(folder, seconds=0.15) as server:
        with connect(server.address) as client:
            job = client.submit(shot, chunk_size=2).id
            wait_for(lambda: client.job(job).frames_rendered >= 2)
        server.kill()
    # A frame is finished when it is on record, which follows on its file; one between the two is rendered again.
    done = {row.output: (out / row.output).stat().st_mtime_ns for row in read_log(out, "sh010").values()}
    assert 0 < len(done) < len(ALL)
    with quick_server(folder) as server, connect(server.address) as client:
        events = list(client.watch(job))
        assert client.job(job).state == "succeeded"
        report = client.result(job)
    assert sorted({*report.rendered, *report.skipped}) == list(ALL)
    assert [event.number for event in events] == list(range(1, len(events) + 1))
    assert files_of(shot) == expected
    assert {name: (out / name).stat().st_mtime_ns for name in done} == done


def test_a_client_that_watches_outlives_the_server(tmp_path: Path) -> None:
    folder = tmp_path / "show"
    shot = make_shot(folder, out="server/swap.####.exr")
    seen: list[int] = []
    with quick_server(folder, seconds=0.1) as first:
        port = first.address.rpartition(":")[2]
        client = connect(Connection(first.address), patience=STAYS)
        job = client.submit(shot, chunk_size=1).id
        watching = threading.Thread(target=lambda: seen.extend(event.number for event in client.watch(job)))
        watching.start()
        wait_for(lambda: len(seen) > 3)
        first.kill()
    with quick_server(folder, listen=[f"127.0.0.1:{port}"]):
        watching.join(SECONDS)
        assert not watching.is_alive()
        client.close()
    assert seen == list(range(1, len(seen) + 1))


def test_a_killed_worker_costs_nothing_but_time(tmp_path: Path) -> None:
    folder = tmp_path / "show"
    expected = local(folder)
    shot = make_shot(folder, out="server/swap.####.exr")
    with quick_server(folder, seconds=0.1) as server, connect(server.address) as client:
        job = client.submit(shot, chunk_size=3).id
        wait_for(lambda: client.job(job).frames_rendered >= 1)
        os.kill(server.workers()[0], signal.SIGKILL)
        list(client.watch(job))
        assert client.job(job).state == "succeeded"
        assert sum(device.restarts for device in client.info().devices) >= 1
    assert files_of(shot) == expected


def test_the_frame_a_worker_dies_of_is_named_and_no_other(tmp_path: Path) -> None:
    folder = tmp_path / "show"
    shot = make_shot(folder, out="server/swap.####.exr")
    with quick_server(folder, bad_frame=4, how="kill") as server, connect(server.address) as client:
        with pytest.raises(FramesFailedError) as caught:
            client.render(shot)
        assert [one.frame for one in caught.value.failures] == [4]
    assert len(files_of(shot)) == len(ALL) - 1


def test_sigterm_drains_and_the_next_start_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "show"
    expected = local(folder)
    shot = make_shot(folder, out="server/swap.####.exr")
    with quick_server(folder, seconds=0.15) as server:
        with connect(server.address) as client:
            job = client.submit(shot, chunk_size=6).id
            wait_for(lambda: client.job(job).frames_rendered >= 1)
        assert server.terminate() == 0
    assert left_over(folder) == []
    with quick_server(folder) as server, connect(server.address) as client:
        list(client.watch(job))
        assert client.job(job).state == "succeeded"
    assert files_of(shot) == expected


def test_clients_that_come_and_go_leave_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "show"
    shot = make_shot(folder, out="server/swap.####.exr")
    with quick_server(folder, seconds=0.5) as server:
        with connect(server.address) as client:
            job = client.submit(shot).id
            before = settled(server)

            async def come_and_go(index: int) -> None:
                async with open_client(Connection(server.address)) as one:
                    if index % 2:
                        await one.info()
                        return
                    events = one.watch(job)
                    await anext(events)  # and goes away in the middle of the stream

            async def many() -> None:
                for first in range(0, 200, 20):
                    await asyncio.gather(*(come_and_go(index) for index in range(first, first + 20)))

            asyncio.run(many())
            wait_for(lambda: server.files() <= before + 2)
            client.cancel(job)
        assert server.terminate() == 0


def settled(server: QuickServer) -> int:
    """Descriptors of a server, once it has those it needs."""
    last = -1
    while last != (now := server.files()):
        last = now
        time.sleep(0.2)
    return last


def test_a_server_that_is_gone_is_said(tmp_path: Path) -> None:
    with quick_server(tmp_path / "show") as server:
        server.kill()
        with (
            connect(Connection(server.address), patience=Patience(tries=2, first_seconds=0.01)) as client,
            pytest.raises(ServerUnreachableError),
        ):
            client.info()


def test_a_client_that_follows_a_job_waits_for_a_restart_and_then_says_where_the_job_is(tmp_path: Path) -> None:
    folder = tmp_path / "show"
    shot = make_shot(folder, out="server/swap.####.exr")
    short = Patience(tries=1, first_seconds=0.05, longest_seconds=0.05)
    with quick_server(folder, seconds=0.2) as server, connect(Connection(server.address), patience=short) as client:
        job = client.submit(shot, chunk_size=1).id
        events = client.watch(job)
        next(events)
        assert server.terminate() == 0  # drained: the stream ends well, and the job has not ended
        with pytest.raises(ServerUnreachableError) as caught:
            list(events)
    assert caught.value.where == f"job {job}"
    assert f"vfx-swap jobs watch {job}" in str(caught.value)
