"""Small samples of drawn doubles, for tests that have no Blender: every second pixel of a few frames, by averaging.

The samples lie as `scripts/doubles` lays its own output (docs/doubles.md), at half its size.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scripts.digital_doubles.pictures import Picture, read_channels, write_exr
from scripts.digital_doubles.render import write_text

__all__ = ["GOLDEN_FRAMES", "GOLDEN_VIEWS", "halved", "halved_points", "short_half", "write_golden"]

GOLDEN_FRAMES: Mapping[str, Sequence[int]] = {
    "talk": (1002, 1006),
    "turn": (1003, 1012),
    "hand": (1006, 1014),
    "spectacles": (1002, 1008),
}
"""Frames of each shot that are kept. Turn: -45 and 22 degrees; hand: the hand, the microphone."""
GOLDEN_VIEWS: Mapping[str, Sequence[str]] = {
    "emre": ("front", "left45", "right45"),
    "anna": ("front", "right45"),
    "ben": ("front",),
    "fay": ("front",),
}
"""Pictures of each identity that are kept."""
_AVERAGED, _POINTWISE = "matte.", ("depth.", "uv.")
"""Passes that are kept. Depth and UV have no mean over an edge: of them one pixel of four is kept."""
_DATED = {"DateTime": "1980:01:01 00:00:00"}
"""A fixed date: the same pixels are the same file."""


def halved(picture: Picture) -> Picture:
    """(h // 2, w // 2, ...) means of 2 x 2 pixels."""
    height, width = (side // 2 * 2 for side in picture.shape[:2])
    even = picture[:height, :width]
    return np.asarray((even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4, np.float32)


def halved_points(points: Sequence[Sequence[float]]) -> list[list[float]]:
    """Rows of x, y (pixel centres at integers) and z, in the halved picture's pixels."""
    return [[round(x / 2 - 0.25, 3), round(y / 2 - 0.25, 3), round(z / 2, 3)] for x, y, z in points]


def short_half(picture: Picture) -> Picture:
    """The nearest half floats of 7 bits of mantissa, not 10 (steps of 0.8 % or less): grain packs much smaller."""
    bits = np.clip(picture, -65000.0, 65000.0).astype(np.float16).view(np.uint16)
    up = bits + np.uint16(3) + ((bits >> 3) & np.uint16(1))  # half a step; ties to even
    return np.asarray((up & np.uint16(0xFFF8)).view(np.float16), np.float32)


def write_golden(*, drawn: Path, out: Path) -> list[Path]:
    """Writes what `GOLDEN_FRAMES` and `GOLDEN_VIEWS` name and `drawn` holds; returns the EXR files written.

    Raises:
        FileNotFoundError: A frame or a picture has not been drawn.
        OSError: It could not be written.
    """
    written: list[Path] = []
    for name, frames in GOLDEN_FRAMES.items():
        written += _shot(drawn / "shots" / name, out / "shots" / name, frames)
    for name, views in GOLDEN_VIEWS.items():
        written += _person(drawn / "people" / name, out / "people" / name, views)
    return written


def _shot(drawn: Path, out: Path, frames: Sequence[int]) -> list[Path]:
    told = json.loads((drawn / "shot.json").read_text(encoding="utf-8"))
    truth = json.loads((drawn / "truth.json").read_text(encoding="utf-8"))
    written = [_picture(drawn / f"{kind}.{n}.exr", out) for kind in ("plate", "true") for n in frames]
    written += [_truth(drawn / f"truth.{n}.exr", out) for n in frames]
    told |= {"frames": list(frames), "width": told["width"] // 2, "height": told["height"] // 2}
    write_text(out / "shot.json", json.dumps(told, indent=1) + "\n")
    write_text(out / "truth.json", json.dumps({str(n): _smaller(truth[str(n)]) for n in frames}) + "\n")
    return written


def _person(drawn: Path, out: Path, views: Sequence[str]) -> list[Path]:
    told = json.loads((drawn / "references.json").read_text(encoding="utf-8"))
    written = [_picture(drawn / f"{view}.exr", out) for view in views]
    told["views"] = {view: _smaller(told["views"][view]) for view in views}
    for view in told["views"].values():
        del view["png"]
    write_text(out / "references.json", json.dumps(told) + "\n")
    return written


def _picture(file: Path, out: Path) -> Path:
    passes = _passes(file)
    pixels = short_half(halved(np.stack([passes[k] for k in "RGB"], 2)))
    write_exr(path=out / file.name, pixels=pixels, half=True, attributes={"oiio:ColorSpace": "lin_rec709", **_DATED})
    return out / file.name


def _truth(file: Path, out: Path) -> Path:
    passes = _passes(file)
    layers = {name: halved(layer) for name, layer in passes.items() if name.startswith(_AVERAGED)}
    layers |= {name: layer[:-1:2, :-1:2] for name, layer in passes.items() if name.startswith(_POINTWISE)}
    pixels = short_half(np.stack([*layers.values()], 2))
    write_exr(path=out / file.name, pixels=pixels, half=True, names=[*layers], attributes=_DATED)
    return out / file.name


def _passes(file: Path) -> dict[str, Picture]:
    if not file.is_file():
        raise FileNotFoundError(f"{file} has not been drawn: scripts/doubles draws it")
    return read_channels(file)


def _smaller(told: Mapping[str, Any]) -> dict[str, Any]:
    faces = [
        face | {key: halved_points(face[key]) for key in ("landmarks", "true_landmarks") if face.get(key)}
        for face in told["faces"]
    ]
    return {**told, "faces": faces}
