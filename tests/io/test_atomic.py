"""Whole files or none."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.io.disks import mounted
from tests.io.making import half_exr
from vfx_swap.errors import DiskFullError, OutputError, UsageError
from vfx_swap.io.atomic import atomic_write, temporary_path
from vfx_swap.io.read import read_picture
from vfx_swap.io.write import write_picture


def test_the_file_appears_whole_and_the_temporary_goes(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a.exr"
    with atomic_write(target) as temporary:
        temporary.write_bytes(b"whole")
        assert temporary.parent == target.parent
        assert temporary.name.startswith(".a.")
        assert temporary.suffix == ".exr"
        assert not target.exists()
    assert target.read_bytes() == b"whole"
    assert list(target.parent.iterdir()) == [target]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.exr"
    target.write_bytes(b"old")

    def fail(temporary: Path) -> None:
        temporary.write_bytes(b"half of the n")
        raise UsageError("something else went wrong")

    with pytest.raises(UsageError), atomic_write(target) as temporary:
        fail(temporary)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_no_space_is_told_by_its_name(tmp_path: Path, number: int) -> None:
    with pytest.raises(DiskFullError, match="full"), atomic_write(tmp_path / "a.exr"):
        raise OSError(number, "no space")


def test_a_failed_sync_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError), atomic_write(tmp_path / "a.exr") as temporary:
        temporary.write_bytes(b"x")
    assert list(tmp_path.iterdir()) == []


def test_a_library_failure_on_a_full_disk_is_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs(tmp_path)
    full = os.statvfs_result((*real[:3], 0, 0, *real[5:10]))
    monkeypatch.setattr(os, "statvfs", lambda _: full)
    with pytest.raises(DiskFullError), atomic_write(tmp_path / "a.exr"):
        raise OutputError("the library says: write failed")


def test_a_folder_of_that_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.exr").mkdir()
    with pytest.raises(OutputError, match="folder"), atomic_write(tmp_path / "a.exr"):
        pass


def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def locked(path: os.PathLike[str], flags: int, *mode: int) -> int:
        if flags & os.O_CREAT:
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, flags, *mode)

    monkeypatch.setattr(os, "open", locked)
    with pytest.raises(OutputError, match="Permission denied") as caught, atomic_write(tmp_path / "a.exr"):
        pass
    assert "writable" in (caught.value.mend or "")
    assert caught.value.where == str(tmp_path / "a.exr")


@pytest.fixture
def read_only_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that not even root may write to."""
    folder = tmp_path / "locked"
    folder.mkdir()
    if os.geteuid() != 0:
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)
        return
    yield from mounted(folder, "ro")


def test_a_read_only_folder(read_only_folder: Path) -> None:
    with pytest.raises(OutputError) as caught, atomic_write(read_only_folder / "a.exr"):
        pass
    assert "Permission denied" in str(caught.value) or "Read-only" in str(caught.value)
    assert caught.value.mend
    with pytest.raises(OutputError), atomic_write(read_only_folder / "new" / "a.exr"):
        pass


@pytest.mark.parametrize("name", ["x" * 250 + ".exr", "漢" * 83 + ".exr", "noextension", "a.tar.gz", " .exr", "\n.exr"])
def test_temporary_names_fit_beside_any_name(tmp_path: Path, name: str) -> None:
    with atomic_write(tmp_path / name) as temporary:
        assert temporary != tmp_path / name
        temporary.write_bytes(b"x")
    assert (tmp_path / name).read_bytes() == b"x"
    assert str(os.getpid()) in temporary_path(tmp_path / name).name


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KiB; only root may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    yield from mounted(disk, "size=256k")


@pytest.mark.parametrize("suffix", [".exr", ".tif"])
def test_a_full_disk_is_found_and_leaves_nothing(tmp_path: Path, small_disk: Path, suffix: str) -> None:
    noise = np.random.default_rng(1).random((400, 400, 3)).astype(np.float16)
    plate = read_picture(half_exr(tmp_path / "plate.exr", noise))
    matte = np.zeros((400, 400), np.float32)
    with pytest.raises(DiskFullError):
        write_picture(small_disk / f"out{suffix}", plate, rgb=plate.rgb(), matte=matte)
    assert list(small_disk.iterdir()) == []


def test_two_machines_that_write_one_file_do_not_write_into_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 7)  # as in every container
    path = tmp_path / "swap.1001.exr"
    with atomic_write(path) as one:
        one.write_bytes(b"one, whole")
        with atomic_write(path) as other:
            other.write_bytes(b"other")
        assert path.read_bytes() == b"other"
    assert path.read_bytes() == b"one, whole"
