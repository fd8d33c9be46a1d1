"""The soak's short form: what clients do all day leaves neither descriptors nor threads nor shared memory behind."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from scripts.benchmarks.soak import SPARE, Load, Sample, grown, look
from tests.pipeline.shot_fakes import make_shot
from tests.service.quick_server import quick_server
from vfx_swap.client import connect


def test_rounds_of_everything_leave_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "show"
    shot = make_shot(folder)
    pack = Path(shot.cast[0].identity)
    with (
        quick_server(folder, workers=1, shared_memory={"enabled": True}) as server,
        connect(server.address) as client,
    ):
        load = Load(server.address, shot.plate, pack, folder, seconds=0.0, pause=0.0)
        for turn in range(2):
            load.turn(client, "client", turn)
        before = look(server.process.pid)
        for turn in range(2, 6):
            load.turn(client, "client", turn)
        end = time.monotonic() + 60.0
        while not _as_before(after := look(server.process.pid), before) and time.monotonic() < end:
            time.sleep(0.1)
        assert _as_before(after, before), (before, after)
        assert list((tmp_path / "show-state" / "streams").iterdir()) == []


def _as_before(after: Sample, before: Sample) -> bool:
    held = after.descriptors <= before.descriptors + SPARE and after.threads <= before.threads + SPARE
    return held and after.shared_files <= 1  # the lock of the server's own folder


def samples(**steps: int) -> list[Sample]:
    """Thirty looks; what is named grows by so much a look."""
    flat = {"server_bytes": 1000, "workers_bytes": 1000, "descriptors": 20, "threads": 9, "shared_files": 1}
    return [
        Sample(seconds=index, **{key: value + index * steps.get(key, 0) for key, value in flat.items()})
        for index in range(30)
    ]


@pytest.mark.parametrize("what", ["server_bytes", "workers_bytes", "descriptors", "threads", "shared_files"])
def test_what_grows_is_named(what: str) -> None:
    step = 20 if what.endswith("bytes") else 1
    [said] = grown(samples(**{what: step}))
    assert said.startswith(f"{what} grew from")


def test_what_is_flat_is_not() -> None:
    assert grown(samples()) == []
    assert grown(samples()[:2]) == ["too few looks to tell: run it longer"]
