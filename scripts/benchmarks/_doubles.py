"""Digital doubles as they lie on disk (docs/doubles.md): plates, true swaps, and what is known of every frame."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio

from vfx_swap.arrays import FloatArray
from vfx_swap.types import Detection

__all__ = ["OCCLUDERS", "DoubleShot", "TrueFace", "TrueFrame", "find_shots", "reference_pictures"]

OCCLUDERS = ("spectacles", "hand", "microphone", "hair", "cap")


@dataclass(frozen=True, eq=False)
class TrueFace:
    """One face of one frame, as it was rendered."""

    performer: str
    points: FloatArray
    """(468, 2) of the performer, plate pixels."""
    true_points: FloatArray
    """(468, 2) of the true swap."""
    visible: FloatArray
    """(height, width) 0 to 1: the face where nothing is in front of it."""

    @property
    def height(self) -> float:
        """From landmark 10 to 152, in pixels."""
        return float(np.linalg.norm(self.points[10] - self.points[152]))

    @property
    def detection(self) -> Detection:
        """What a detector should find, for frames where none does."""
        corners = self.points.min(axis=0), self.points.max(axis=0)
        eyes = [(self.points[a] + self.points[b]) / 2 for a, b in ((33, 133), (362, 263))]
        five = np.stack([*eyes, self.points[1], self.points[61], self.points[291]])
        return Detection(np.concatenate(corners).astype(np.float32), five.astype(np.float32), 1.0)


@dataclass(frozen=True, eq=False)
class TrueFrame:
    """What is known of a frame."""

    faces: tuple[TrueFace, ...]
    occluders: Mapping[str, FloatArray]
    """Part -> (height, width) true coverage; those that the frame shows."""

    @cached_property
    def in_front(self) -> FloatArray | None:
        """(height, width) the union of all occluders; None where there are none."""
        return None if not self.occluders else np.maximum.reduce(list(self.occluders.values()))


@dataclass(frozen=True, eq=False)
class DoubleShot:
    """A shot of doubles."""

    folder: Path
    name: str
    colour_space: str
    performers: tuple[tuple[str, str | None], ...]
    """Who is in the plate and which identity goes in; None: nobody does."""
    occluders: tuple[str, ...]
    frames: tuple[int, ...]
    """Those that are on disk whole."""

    @property
    def plate(self) -> str:
        """Pattern of the plate."""
        return str(self.folder / "plate.####.exr")

    @property
    def true(self) -> str:
        """Pattern of the true swap."""
        return str(self.folder / "true.####.exr")

    @cached_property
    def _told(self) -> dict[str, Any]:
        told = json.loads((self.folder / "truth.json").read_text(encoding="utf-8"))
        frames: dict[str, Any] = told.get("frames", told)
        return frames

    def truth(self, number: int) -> TrueFrame:
        """Mattes and landmarks of a frame."""
        channels = _channels(self.folder / f"truth.{number:04d}.exr")
        faces = []
        for index, told in enumerate(self._told[str(number)]["faces"]):
            points = np.asarray(told["landmarks"], dtype=np.float32)[:468, :2]
            true_points = np.asarray(told.get("true_landmarks") or told["landmarks"], dtype=np.float32)[:468, :2]
            visible = channels["matte.face" if index == 0 else f"matte.face{index + 1}"]
            faces.append(TrueFace(told["performer"], points, true_points, visible))
        occluders = {
            part: channels[f"matte.{part}"]
            for part in OCCLUDERS
            if f"matte.{part}" in channels and channels[f"matte.{part}"].any()
        }
        return TrueFrame(tuple(faces), occluders)


def find_shots(root: Path) -> dict[str, DoubleShot]:
    """Name -> shot, of every shot in `root/shots` with at least one whole frame; sorted."""
    found = {}
    for file in sorted((root / "shots").glob("*/shot.json")):
        told = json.loads(file.read_text(encoding="utf-8"))
        folder = file.parent
        numbers = sorted(
            int(path.name.split(".")[1])
            for path in folder.glob("plate.*.exr")
            if all((folder / path.name.replace("plate.", other, 1)).is_file() for other in ("true.", "truth."))
        )
        if not (folder / "truth.json").is_file():
            continue
        known = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
        numbers = [number for number in numbers if str(number) in known.get("frames", known)]
        if not numbers:
            continue
        occluders = (one if isinstance(one, str) else str(one.get("part") or one["name"]) for one in told["occluders"])
        found[told["name"]] = DoubleShot(
            folder=folder,
            name=told["name"],
            colour_space=told.get("colour_space", "lin_rec709_scene"),
            performers=tuple((one["name"], one.get("identity")) for one in told["performers"]),
            occluders=tuple(occluders),
            frames=tuple(numbers),
        )
    return found


def reference_pictures(root: Path, name: str) -> tuple[Path, ...]:
    """An identity's pictures; the front first, which also stands for the person in a casting."""
    pictures = sorted((root / "people" / name).glob("*.exr"), key=lambda path: (path.stem != "front", path.name))
    if not pictures:
        raise SystemExit(f"{root / 'people' / name} holds no pictures: run scripts/doubles")
    return tuple(pictures)


def _channels(path: Path) -> dict[str, FloatArray]:
    """Every matte of a file, of whatever part."""
    source = oiio.ImageInput.open(str(path))
    if source is None:
        raise OSError(f"{path} cannot be read: {oiio.geterror()}")
    found: dict[str, FloatArray] = {}
    part = 0
    while source.seek_subimage(part, 0):
        names = list(source.spec().channelnames)
        wanted = [index for index, name in enumerate(names) if name.startswith("matte.")]
        if wanted:
            pixels = source.read_image(part, 0, wanted[0], wanted[-1] + 1, oiio.FLOAT)
            if pixels is None:
                raise OSError(f"{path} cannot be read: {source.geterror()}")
            for index in wanted:
                found[names[index]] = np.ascontiguousarray(pixels[..., index - wanted[0]], dtype=np.float32)
        part += 1
    source.close()
    return found
