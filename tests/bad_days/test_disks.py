"""Disks on a bad day, through the real engine: full, nearly full, read-only; a process killed in mid-shot; splits."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bad_days.conftest import CleanShot, Sitters
from tests.bad_days.staging import Outcome, rendered, vfx
from tests.conftest import ROOT, clean_environment
from tests.io.disks import mounted


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs with room for two of the clean shot's four frames."""
    folder = tmp_path / "disk"
    folder.mkdir()
    yield from mounted(folder, "size=1m")


def resize(disk: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(disk)], check=True)


def swap(clean: CleanShot, sitters: Sitters, out: Path) -> Outcome:
    where = ("--plate", clean.plate, "--out", out / "swap.####.exr", "--layer", "matte")
    return vfx("swap", *where, "--identity", sitters.hopper)


def hidden(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_a_full_disk_keeps_what_is_whole_and_goes_on_with_the_same_bits(
    sitters: Sitters, clean: CleanShot, small_disk: Path
) -> None:
    full = swap(clean, sitters, small_disk)
    assert (full.code, full.last["kind"]) == (1, "DiskFullError")
    whole = rendered(small_disk)
    assert 0 < len(whole) < 4
    assert hidden(small_disk) == []
    resize(small_disk, "size=16m")
    on = swap(clean, sitters, small_disk)
    assert (on.code, on.last["skipped"]) == (0, len(whole))
    assert rendered(small_disk) == rendered(clean.out)


def test_a_disk_with_no_room_for_the_tracks_writes_nothing(
    sitters: Sitters, clean: CleanShot, small_disk: Path
) -> None:
    resize(small_disk, "size=16k")
    outcome = swap(clean, sitters, small_disk)
    assert (outcome.code, outcome.last["kind"]) == (1, "DiskFullError")
    assert list(small_disk.iterdir()) == []
    record = ("--consented-by", "me", "--scope", "x", "--expires", "2999-12-31")
    pack = small_disk / "x.identity"
    built = vfx("identity", "build", "x", "--reference", sitters.hopper_photo, "--out", pack, *record)
    assert (built.code, built.last["kind"], built.last["where"]) == (1, "DiskFullError", str(pack))
    assert list(small_disk.iterdir()) == []


def test_a_read_only_disk_is_refused_before_the_plate_is_read(
    sitters: Sitters, clean: CleanShot, small_disk: Path
) -> None:
    resize(small_disk, "ro")
    outcome = swap(clean, sitters, small_disk)
    assert (outcome.code, [problem["key"] for problem in outcome.last["problems"]]) == (2, ["--out"])
    assert "cannot be written to" in outcome.last["what"]
    assert len(outcome.events) == 1, "no frame was looked at"
    track = vfx("track", "--plate", clean.plate, "--out", small_disk / "t.json")
    assert (track.code, track.last["kind"]) == (1, "OutputError")
    assert "Read-only" in track.last["what"]
    assert len(track.events) == 1


def command(clean: CleanShot, sitters: Sitters, out: Path) -> list[str]:
    where = ["--plate", clean.plate, "--out", str(out / "swap.####.exr"), "--layer", "matte"]
    return [sys.executable, "-m", "vfx_swap", "swap", *where, "--identity", str(sitters.hopper)]


def test_killed_in_mid_shot_it_goes_on_with_the_bits_of_an_undisturbed_run(
    sitters: Sitters, clean: CleanShot, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    process = subprocess.Popen(
        command(clean, sitters, out),
        cwd=ROOT,
        env=clean_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and not (out / "swap.0002.exr").exists():
        threading.Event().wait(0.002)
    process.kill()
    assert process.wait() == -9
    assert 2 <= len(rendered(out)) < 4
    again = swap(clean, sitters, out)
    assert again.code == 0
    assert again.last["skipped"] >= 1, "what is written and on record is not rendered again"
    assert rendered(out) == rendered(clean.out)
    assert hidden(out) == []


@pytest.mark.parametrize("split", [["1-2", "3-4"], ["1-4x2", "2-4x2"], ["4", "1-3"], ["2-3", "4", "1"]], ids=" ".join)
def test_a_split_range_gives_the_bits_of_one_run(
    sitters: Sitters, clean: CleanShot, tmp_path: Path, split: list[str]
) -> None:
    text = (
        f'schema = "vfx_swap/shot.1"\nname = "swap"\nplate = "{clean.plate}"\n'
        f'output = "out/swap.####.exr"\n[write]\nlayers = ["matte"]\n'
        f'[[cast]]\nposition = "largest"\nidentity = "{sitters.hopper}"\n'
    )
    (tmp_path / "shot.toml").write_text(text, encoding="utf-8")
    for frames in split:
        assert vfx("render", tmp_path / "shot.toml", "--frames", frames).code == 0
    assert rendered(tmp_path / "out") == rendered(clean.out)
