"""What the real engine needs, made once: two photographs, two identity packs, one clean shot."""

from __future__ import annotations

import importlib.metadata
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.bad_days.staging import vfx, write_plate

__all__ = ["CleanShot", "Sitters"]


@dataclass(frozen=True)
class Sitters:
    """Two people: photographs and packs."""

    folder: Path
    hopper_photo: Path
    astronaut_photo: Path
    hopper: Path
    astronaut: Path


@dataclass(frozen=True)
class CleanShot:
    """A shot on a good day."""

    plate: str
    out: Path
    """Its frames are `swap.####.exr`, with matte layers."""


@pytest.fixture(scope="session")
def sitters(tmp_path_factory: pytest.TempPathFactory) -> Sitters:
    folder = tmp_path_factory.mktemp("sitters")
    for package, name in (("matplotlib", "grace_hopper.jpg"), ("scikit-image", "astronaut.png")):
        found = next(file for file in importlib.metadata.files(package) or () if file.name == name)
        shutil.copyfile(str(found.locate()), folder / name)
    made = Sitters(
        folder, folder / "grace_hopper.jpg", folder / "astronaut.png", folder / "hopper.identity", folder / "a.identity"
    )
    for name, photo, pack in (
        ("hopper", made.hopper_photo, made.hopper),
        ("astronaut", made.astronaut_photo, made.astronaut),
    ):
        record = ["--consented-by", "the estate", "--scope", "tests of vfx-swap", "--expires", "2999-12-31"]
        assert vfx("identity", "build", name, "--reference", photo, "--out", pack, *record).code == 0
    return made


@pytest.fixture(scope="session")
def clean(sitters: Sitters, tmp_path_factory: pytest.TempPathFactory) -> CleanShot:
    folder = tmp_path_factory.mktemp("clean")
    plate, out = write_plate(folder / "plate", 4), folder / "out"
    done = vfx(
        "swap", "--plate", plate, "--out", out / "swap.####.exr", "--identity", sitters.hopper, "--layer", "matte"
    )
    assert (done.code, done.last["rendered"], done.last["without_face"]) == (0, 4, [])
    return CleanShot(plate, out)
