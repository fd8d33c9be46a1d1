"""Plates with real faces, and the real command line around them: nothing here is faked."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from tests.models.portraits import astronaut, hopper
from vfx_swap.arrays import FloatArray
from vfx_swap.cli.app import run
from vfx_swap.io.read import read_picture
from vfx_swap.pipeline.tracks_file import Tracks, load_tracks

__all__ = [
    "MATTE",
    "SIDE",
    "Outcome",
    "bits",
    "crossing",
    "face_box",
    "linear",
    "performer",
    "rendered",
    "tracks_of",
    "vfx",
    "write_exr",
    "write_plate",
    "write_still",
]

SIDE = 320
MATTE = "matte.1.A"


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    code: int
    events: list[dict[str, Any]]
    text: str
    """stderr."""

    @property
    def last(self) -> dict[str, Any]:
        """`done`, or `error`."""
        return self.events[-1]

    @property
    def warnings(self) -> list[str]:
        return [str(event["message"]) for event in self.events if event["event"] == "warning"]


def vfx(*arguments: object) -> Outcome:
    """Run a command with --json. Whatever becomes of it: one object a line, no traceback, a last word that agrees."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([*(str(one) for one in arguments), "--json"])
    events = [json.loads(line) for line in out.getvalue().splitlines()]
    assert events, err.getvalue()
    assert all(isinstance(event, dict) and isinstance(event["event"], str) for event in events)
    assert "Traceback" not in err.getvalue()
    last = events[-1]
    if last["event"] == "error":
        assert last["exit_code"] == code != 0, err.getvalue()
        assert last["kind"] != "Unexpected", last["what"]
        assert last["what"] in err.getvalue()
    else:
        assert last["event"] == "done"
        assert code == 0 or "broken" in last, err.getvalue()
    return Outcome(code, events, err.getvalue())


def linear(picture: NDArray[np.floating]) -> FloatArray:
    """SRGB to linear light (IEC 61966-2-1)."""
    return np.where(picture <= 0.04045, picture / 12.92, ((picture + 0.055) / 1.055) ** 2.4).astype(np.float32)


def performer(*, shift: int = 0) -> FloatArray:
    """The astronaut, sRGB 0 to 1, `SIDE` pixels square; shifted to the right."""
    small = cv2.resize(astronaut(), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.roll(np.asarray(small, np.float32), shift, axis=1)


def crossing(at: float) -> FloatArray:
    """Two people pass each other, the astronaut in front: 0 before, 1 after. Linear, 300x640."""
    scene = np.full((300, 640, 3), 0.25, np.float32)
    scene[20:240, round(420 - 400 * at) :][:, :196] = cv2.resize(hopper(), (256, 300), interpolation=cv2.INTER_AREA)[
        40:260, 60:256
    ]
    scene[60:280, round(10 + 380 * at) :][:, :230] = cv2.resize(astronaut(), (384, 384), interpolation=cv2.INTER_AREA)[
        20:240, 100:330
    ]
    return linear(scene)


def write_exr(
    path: Path,
    rgb: FloatArray,
    *,
    at: tuple[int, int] = (0, 0),
    display: tuple[int, int, int, int] | None = None,
) -> None:
    """A half EXR, linear Rec.709; `at` is the corner of its data window, `display` x, y, width, height."""
    spec = oiio.ImageSpec(rgb.shape[1], rgb.shape[0], 3, "half")
    spec.x, spec.y = at
    spec.full_x, spec.full_y, spec.full_width, spec.full_height = display or (0, 0, rgb.shape[1], rgb.shape[0])
    spec.attribute("colorInteropID", "lin_rec709_scene")
    spec.attribute("DateTime", "")
    _write(path, spec, rgb)


def write_still(path: Path, picture: FloatArray, dtype: str, **attributes: int) -> None:
    """An integer picture of values 0 to 1."""
    spec = oiio.ImageSpec(picture.shape[1], picture.shape[0], 3, dtype)
    for name, value in attributes.items():
        spec.attribute(name.replace("_", ":"), value)
    _write(path, spec, np.round(picture * np.iinfo(dtype).max).astype(dtype))


def _write(path: Path, spec: Any, pixels: NDArray[np.generic]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    output: Any = oiio.ImageOutput.create(f"x{path.suffix}")
    assert output.open(str(path), spec)
    assert output.write_image(np.ascontiguousarray(pixels))
    assert output.close()


def write_plate(folder: Path, count: int = 3, *, step: int = 3) -> str:
    """EXR frames of the astronaut moving to the right; returns their pattern."""
    for number in range(1, count + 1):
        write_exr(folder / f"plate.{number:04d}.exr", linear(performer(shift=step * number)))
    return str(folder / "plate.####.exr")


def bits(path: Path) -> NDArray[np.integer]:
    """(height, width, 3) colour of a file as whole numbers: NaNs compare."""
    native = np.ascontiguousarray(read_picture(path).native_rgb)
    return native.view(f"u{native.dtype.itemsize}")


def tracks_of(folder: Path, name: str = "swap") -> Tracks:
    return load_tracks(folder / f"{name}.tracks.json")


def face_box(tracks: Tracks, frame: int, *, reach: float = 0.6) -> tuple[slice, slice]:
    """Rows and columns of the first track's face and what a matte may reach around it."""
    points = tracks.tracks[0].faces[frame].points[:, :2]
    low, high = points.min(axis=0), points.max(axis=0)
    grow = reach * (high - low)
    (left, top), (right, bottom) = np.maximum(low - grow, 0).astype(int), (high + grow).astype(int)
    return slice(top, bottom), slice(left, right)


def rendered(folder: Path) -> dict[str, bytes]:
    """Name -> content of every rendered frame."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("swap.*")) if ".json" not in path.name}
