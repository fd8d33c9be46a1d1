"""Plates that speed and memory are measured on: the demo shot at two sizes, with one face or two."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import OpenImageIO as oiio

from vfx_swap.io.paths import FramePattern
from vfx_swap.pipeline.demo_shot import make_demo_shot

__all__ = ["CASES", "Case", "SpeedPlate", "copy_frame", "make_plate"]


@dataclass(frozen=True)
class Case:
    """What is measured."""

    text: str
    width: int
    height: int
    faces: int = 1

    @property
    def position(self) -> str:
        """Who is cast, as a shot file says it."""
        return "largest" if self.faces == 1 else "all"


CASES: Mapping[str, Case] = {
    "1080p": Case("1920x1080, one face 400 px high", 1920, 1080),
    "two": Case("1920x1080, two faces 400 px high", 1920, 1080, faces=2),
    "4k": Case("3840x2160, one face 800 px high", 3840, 2160),
}


@dataclass(frozen=True)
class SpeedPlate:
    """Frames on disk, half ZIP EXR."""

    pattern: str
    frames: tuple[int, ...]

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every frame's file."""
        pattern = FramePattern.parse(self.pattern)
        return tuple(pattern.path(number) for number in self.frames)


def make_plate(case: Case, folder: Path, *, frames: int) -> SpeedPlate:
    """The demo shot; of two faces the middle of each frame stands beside its mirror image."""
    shot = make_demo_shot(folder, frames=frames, width=case.width, height=case.height)
    plate = SpeedPlate(shot.pattern, shot.frames)
    if case.faces == 2:
        for path in plate.paths:
            _mirror(path)
    return plate


def copy_frame(path: Path, copy: Path) -> None:
    """Read a frame to memory and write it again as it was, by OpenImageIO alone, with its own threads."""
    spec, pixels = _read(path)
    _write(copy, spec, pixels)


def _mirror(path: Path) -> None:
    spec, pixels = _read(path)
    quarter = pixels.shape[1] // 4
    middle = pixels[:, quarter : 3 * quarter]
    _write(path, spec, np.ascontiguousarray(np.concatenate([middle, middle[:, ::-1]], axis=1)))


def _read(path: Path) -> tuple[oiio.ImageSpec, np.ndarray]:
    source = oiio.ImageInput.open(str(path))
    if source is None:
        raise OSError(f"{path} cannot be read: {oiio.geterror()}")
    spec, pixels = source.spec(), source.read_image(oiio.HALF)
    source.close()
    if pixels is None:
        raise OSError(f"{path} cannot be read: {source.geterror()}")
    return spec, pixels


def _write(path: Path, spec: oiio.ImageSpec, pixels: np.ndarray) -> None:
    output = oiio.ImageOutput.create(str(path))
    if output is None or not (output.open(str(path), spec) and output.write_image(pixels) and output.close()):
        raise OSError(f"{path} cannot be written: {oiio.geterror()}")
