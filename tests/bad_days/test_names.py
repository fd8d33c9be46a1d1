"""Hostile names at the command line: they are names, nothing is run, expanded or written over."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.bad_days.conftest import CleanShot, Sitters
from tests.bad_days.staging import vfx


@pytest.mark.parametrize(
    ("name", "beside"),
    [("$(touch owned) %s\n-ü 映.", "$(touch owned) %s_-ü 映"), ("-rf.", "-rf"), (".hid\\den;'\".", "_hid_den;'\"")],
    ids=["shell and line break", "dash", "hidden"],
)
def test_hostile_names_are_only_names(
    sitters: Sitters, clean: CleanShot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, beside: str
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(clean.plate.replace("####", "0001"), tmp_path / f"{name}0001.exr")
    shutil.copyfile(sitters.hopper, tmp_path / f"{name}identity")
    out = Path("out" + name)
    outcome = vfx(
        "swap", "--plate", f"{name}####.exr", "--out", out / f"{name}####.exr", "--identity", f"{name}identity"
    )
    assert outcome.code == 0
    assert {path.name for path in out.iterdir()} == {
        f"{name}0001.exr",
        f"{beside}.tracks.json",
        f"{beside}.render.json",
    }
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}0001.exr", f"{name}identity", str(out)}


@pytest.fixture
def folder(clean: CleanShot, tmp_path: Path) -> Path:
    """A plate of one frame, links that lead in a circle, and one to the plate's folder."""
    (tmp_path / "plate").mkdir()
    shutil.copyfile(clean.plate.replace("####", "0001"), tmp_path / "plate/plate.0001.exr")
    (tmp_path / "loop").symlink_to(tmp_path / "pool")
    (tmp_path / "pool").symlink_to(tmp_path / "loop")
    (tmp_path / "link").symlink_to(tmp_path / "plate")
    return tmp_path


@pytest.mark.parametrize(
    ("plate", "out", "identity", "says"),
    [
        ("loop/plate.####.exr", "out/swap.####.exr", "", "no frame of"),
        ("plate/plate.####.exr", "loop/swap.####.exr", "", "not a folder"),
        ("plate/plate.####.exr", "out/swap.####.exr", "loop", "Too many levels"),
        ("plate/plate.####.exr", "plate/plate.####.exr", "", "the plate itself"),
        ("plate/plate.####.exr", "plate/../link/plate.%04d.exr", "", "the plate itself"),
        ("link/plate.0001.exr", "plate/plate.0001.exr", "", "the plate itself"),
        ("plate/plate.####.exr", "link/plate.0001.exr", "", "cannot hold"),
        ("plate/plate.0001.exr", "link/plate.####.exr", "", "plate"),
        ("plate/plate.####.exr", "n" * 250 + ".####.exr", "", "name longer"),
        ("n" * 300 + ".####.exr", "out/swap.####.exr", "", "no frame of"),
        ("plate/plate.####.exr", "plate", "", "is a folder"),
        ("plate/plate.####.exr", "plate/plate.0001.exr/swap.####.exr", "", "not a folder"),
        ("", "out/swap.exr", "", "empty"),
        ("plate\0.exr", "out/swap.exr", "", "NUL"),
    ],
)
def test_paths_that_cannot_be_are_refused_before_anything_is_made(
    sitters: Sitters, folder: Path, monkeypatch: pytest.MonkeyPatch, plate: str, out: str, identity: str, says: str
) -> None:
    monkeypatch.chdir(folder)
    before = {path: path.lstat().st_mtime_ns for path in folder.rglob("*")}
    outcome = vfx("swap", "--plate", plate, "--out", out, "--identity", identity or sitters.hopper)
    assert outcome.code == 2
    assert says in outcome.last["what"]
    assert {path: path.lstat().st_mtime_ns for path in folder.rglob("*")} == before


def test_an_output_beside_the_plate_leaves_the_plate_alone(sitters: Sitters, folder: Path) -> None:
    plate = folder / "plate/plate.0001.exr"
    content = plate.read_bytes()
    (folder / "plate/plate.0002.exr").symlink_to("plate.0002.exr")  # a link to itself is no frame
    where = ("--plate", folder / "plate/plate.####.exr", "--out", folder / "plate/plate_swap.####.exr")
    for expected in ("rendered", "skipped"):
        outcome = vfx("swap", *where, "--identity", sitters.hopper)
        assert (outcome.code, outcome.last[expected]) == (0, 1)
    assert plate.read_bytes() == content


@pytest.mark.parametrize("what", ["track", "render", "show"])
def test_every_command_takes_a_circle_of_links_for_a_mistake(clean: CleanShot, folder: Path, what: str) -> None:
    arguments = {
        "track": ("track", "--plate", clean.plate, "--out", folder / "loop/t.json"),
        "render": ("render", folder / "loop/shot.toml"),
        "show": ("identity", "show", folder / "loop"),
    }[what]
    outcome = vfx(*arguments)
    assert outcome.code == (1 if what == "track" else 2)
    assert "Too many levels" in outcome.last["what"]


def test_a_name_that_is_not_utf_8_is_refused(sitters: Sitters, clean: CleanShot, tmp_path: Path) -> None:
    out = f"{tmp_path}/o\udce9/swap.####.exr"
    outcome = vfx("swap", "--plate", clean.plate, "--out", out, "--identity", sitters.hopper)
    assert (outcome.code, [problem["key"] for problem in outcome.last["problems"]]) == (2, ["--out"])
    assert list(tmp_path.iterdir()) == []
