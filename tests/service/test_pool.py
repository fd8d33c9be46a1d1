"""Arrays in shared memory: read without a copy, written without a crash, counted, and gone when nobody needs them."""

from __future__ import annotations

import asyncio
import errno
import os
import platform
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vfx_swap.errors import DiskFullError, LimitError, OutputError, ProtocolError
from vfx_swap.service.lanes import Lanes
from vfx_swap.service.malloc import keep_freed_memory
from vfx_swap.service.pool import OpenFiles, ref_bytes, ref_from_json, write_all
from vfx_swap.service.shared_files import SharedFiles
from vfx_swap.service.work import Ref


@pytest.fixture
def shared(tmp_path: Path) -> Any:
    files = SharedFiles(root=tmp_path)
    files.start()
    yield files
    files.stop()


def planes() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {
        "rgb": rng.standard_normal((5, 7, 3)).astype(np.float16),
        "matte": rng.standard_normal((5, 7)).astype(np.float32),
        "codes": rng.integers(0, 255, (5, 7), dtype=np.uint8),
    }


def test_planes_come_out_as_they_went_in_and_grow_the_file(shared: SharedFiles) -> None:
    file, files = shared.make(), OpenFiles()
    refs = files.lay(Ref(str(file.path), 100, (4096,), "uint8"), planes())
    for name, plane in planes().items():
        back = files.read(ref_from_json(refs[name].to_json()))
        assert back.dtype == plane.dtype
        assert back.tobytes() == plane.tobytes()
        assert refs[name].offset % 64 == 0
        assert not back.flags.writeable
        assert not back.flags.owndata
    assert refs["rgb"].offset == 128
    assert file.path.stat().st_size == refs["codes"].offset + 35
    files.close()


def test_planes_larger_than_their_room_are_refused_before_a_byte_is_written(shared: SharedFiles) -> None:
    file, files = shared.make(), OpenFiles()
    with pytest.raises(LimitError, match="take 483 bytes, and there is room for 482"):
        files.lay(Ref(str(file.path), 0, (482,), "uint8"), planes())
    assert file.path.stat().st_size == 0
    assert len(files.lay(Ref(str(file.path), 0, (483,), "uint8"), planes())) == 3
    files.close()


def test_an_array_outlives_its_file_and_its_mapping(shared: SharedFiles) -> None:
    file, files = shared.make(), OpenFiles(keep=1)
    refs = files.lay(Ref(str(file.path), 0, (4096,), "uint8"), planes())
    kept = files.read(refs["matte"])
    file.close()
    other = shared.make(size=64)
    files.read(Ref(str(other.path), 0, (64,), "uint8"))
    files.close()
    assert kept.tobytes() == planes()["matte"].tobytes()


def test_files_that_are_gone_are_let_go(shared: SharedFiles) -> None:
    files = OpenFiles()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        file = shared.make(size=64)
        files.read(Ref(str(file.path), 0, (64,), "uint8"))
        file.close()
    assert len(os.listdir("/proc/self/fd")) <= before + 2  # the last one and its mapping
    files.close()


def test_what_is_not_there_is_said(shared: SharedFiles, tmp_path: Path) -> None:
    file, files = shared.make(size=64), OpenFiles()
    with pytest.raises(OutputError, match="ends after 64 bytes"):
        files.read(Ref(str(file.path), 0, (65,), "uint8"))
    with pytest.raises(OutputError, match="cannot be opened"):
        files.read(Ref(str(tmp_path / "none"), 0, (1,), "uint8"))
    assert files.read(Ref(str(tmp_path / "none"), 0, (0, 4, 3), "float32")).shape == (0, 4, 3)
    files.close()


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"pool": "/x", "offset": -1, "shape": [1], "dtype": "uint8"},
        {"pool": "/x", "offset": 0, "shape": [-1], "dtype": "uint8"},
        {"pool": "/x", "offset": 0, "shape": [1], "dtype": "object"},
        {"pool": "/x", "offset": 0, "shape": "ab", "dtype": "uint8"},
    ],
)  # fmt: skip
def test_what_is_no_reference_is_refused(value: Any) -> None:
    with pytest.raises(ProtocolError, match="no reference"):
        ref_from_json(value)


def test_full_memory_is_an_error_and_no_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(DiskFullError, match="shared memory is full"):
        write_all(0, b"x", 0, where=tmp_path)


def test_writes_that_are_cut_short_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: real(fd, data[:3], offset))
    with (tmp_path / "file").open("wb") as file:
        write_all(file.fileno(), bytes(range(20)), 5, where=tmp_path)
    assert (tmp_path / "file").read_bytes() == bytes(5) + bytes(range(20))


def test_bytes_of_a_reference() -> None:
    assert ref_bytes(Ref("/x", 0, (4, 5, 3), "float16")) == 120


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 20.0))


def test_lanes_are_used_again_and_counted(shared: SharedFiles) -> None:
    async def test() -> None:
        lanes = Lanes(shared, limit_bytes=100)
        lanes.begin()
        first = await lanes.take(cost=60)
        with pytest.raises(LimitError, match="takes 101 bytes"):
            await lanes.take(cost=101)
        waiting = asyncio.create_task(lanes.take(cost=50))
        await asyncio.sleep(0)
        assert not waiting.done()
        await lanes.give(first)
        assert await waiting is first
        assert lanes.total == 60
        await lanes.give(first)
        larger = await lanes.take(cost=80)  # the idle one makes room
        assert larger is not first
        assert lanes.total == 80
        await lanes.give(larger)
        await lanes.end()
        assert lanes.total == 0

    run(test)


def test_a_wait_for_memory_can_be_given_up(shared: SharedFiles) -> None:
    async def test() -> None:
        lanes = Lanes(shared, limit_bytes=100)
        held = await lanes.take(cost=100)
        waiting = asyncio.create_task(lanes.take(cost=1))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await lanes.give(held)
        assert await lanes.take(cost=1) is held

    run(test)


def test_glibc_is_told_to_keep_memory() -> None:
    assert keep_freed_memory() is (platform.libc_ver()[0] == "glibc")


def test_what_was_deleted_is_let_go_of_when_asked(shared: SharedFiles) -> None:
    gone, files = shared.make(size=4096), OpenFiles()
    seen = files.read(Ref(str(gone.path), 0, (4, 4), "float32"))
    gone.close()

    def held() -> bool:
        here = Path("/proc/self/fd")
        return any(
            f"{gone.path} (deleted)" == os.readlink(here / str(fd))
            for fd in range(3, 256)
            if (here / str(fd)).is_symlink()
        )

    assert held()
    files.forget()
    assert seen.sum() == 0.0  # what was given out stands all the same
    del seen
    assert not held()
    files.close()
