"""Draws docs/images/light-*.jpg, a picture of each setting of `[lighting]`, on one frame of a shot.

    vfx-swap demo --out build/demo
    python -m scripts.light_pictures build/demo/demo.shot.toml --frame 1010 --out docs/images

Every cell is what `vfx-swap light SHOT.toml --preview FRAME` shows with those settings.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from vfx_swap.settings import Lighting, Shot

__all__ = ["ROWS", "Row", "draw", "main"]

SIDE = 240
"""Pixels of a cell."""
HDRI = "HDRI"
"""Stands for the latlong that is drawn for the purpose: a window to the picture's left."""


@dataclass(frozen=True)
class Row:
    """One setting at several values."""

    name: str
    cells: Mapping[str, Mapping[str, Any]]
    """What is written under a cell -> values of `[lighting]`."""


def _lamp(**more: float | list[float]) -> dict[str, Any]:
    return {"light": [{"azimuth_degrees": 60.0, "elevation_degrees": 15.0, "intensity": 1.0, **more}]}


def _plain(name: str, *values: float) -> Row:
    return Row(name, {f"{value:g}": {name: value} for value in values})


def _of_lamp(name: str, *values: float) -> Row:
    return Row(f"light.{name}", {f"{value:g}": _lamp(**{name: value}) for value in values})


_KEYS = {
    "light": [
        {
            "azimuth_degrees": -60.0,
            "elevation_degrees": 20.0,
            "intensity": 1.0,
            "key": [{"frame": 0, "azimuth_degrees": -60.0}, {"frame": 4, "azimuth_degrees": 60.0}],
        }
    ],
    "key": [{"frame": 0, "exposure_stops": 0.0}, {"frame": 4, "exposure_stops": 1.0}],
}
ROWS = (
    Row("match", {"plate": {"match": "plate"}, "none": {"match": "none"}}),
    _plain("exposure_stops", -1.0, -0.5, 0.0, 0.5, 1.0),
    _plain("temperature_mired", -120.0, -60.0, 0.0, 60.0, 120.0),
    _plain("tint", -0.5, -0.25, 0.0, 0.25, 0.5),
    _of_lamp("azimuth_degrees", -80.0, -40.0, 0.0, 40.0, 80.0),
    _of_lamp("elevation_degrees", -45.0, -20.0, 10.0, 40.0, 75.0),
    _of_lamp("intensity", 0.0, 0.5, 1.0, 1.5, 2.0),
    _of_lamp("softness", 0.0, 0.1, 0.2, 0.5, 1.0),
    Row(
        "light.colour",
        {
            text: _lamp(colour=colour)
            for text, colour in {
                "1, 1, 1": [1.0, 1.0, 1.0],
                "1, 0.6, 0.3": [1.0, 0.6, 0.3],
                "0.3, 0.6, 1": [0.3, 0.6, 1.0],
                "1, 0.2, 0.2": [1.0, 0.2, 0.2],
                "0.2, 1, 0.4": [0.2, 1.0, 0.4],
            }.items()
        },
    ),
    Row("environment", {"none": {}, "a window, left": {"environment": HDRI}}),
    Row(
        "environment_rotation_degrees",
        {f"{turn}": {"environment": HDRI, "environment_rotation_degrees": turn} for turn in (0, 45, 90, 135, 180)},
    ),
    Row("key", {f"frame {frame}": {**_KEYS, "now": frame} for frame in range(5)}),
)  # fmt: skip


def draw(shot: Shot, row: Row, *, frame: int, out: Path) -> Path:
    """Draw a row's strip.

    Args:
        shot: what is swapped.
        row: what is varied; `now` is the frame of its keys that is shown, moved to `frame`.
        frame: of the plate.
        out: folder for light-NAME.jpg.
    """
    import cv2
    from PIL import Image, ImageDraw, ImageFont

    from vfx_swap.pipeline.shot_light import preview_light

    font = ImageFont.load_default(size=16)
    sheet = Image.new("RGB", (SIDE * len(row.cells), SIDE + 26), (24, 24, 24))
    words = ImageDraw.Draw(sheet)
    seen: tuple[int, int, int, int] | None = None
    with tempfile.TemporaryDirectory() as scratch:
        hdri = Path(scratch) / "window.hdr"
        cv2.imwrite(str(hdri), _window())
        for number, (text, values) in enumerate(row.cells.items()):
            lighting = Lighting.model_validate(_settings(values, hdri=hdri, frame=frame))
            path = Path(scratch) / f"{number}.png"
            preview_light(shot.model_copy(update={"lighting": lighting}), frame, path, today=datetime.now(UTC).date())
            with Image.open(path) as opened:
                pair = opened.convert("RGB")
            seen = seen or _face_in(np.asarray(pair))
            cell = pair.crop(seen).resize((SIDE, SIDE))
            sheet.paste(cell, (number * SIDE, 0))
            words.text((number * SIDE + 8, SIDE + 4), text, font=font, fill=(230, 230, 230))
    made = out / f"light-{row.name.replace('.', '-').replace('_', '-')}.jpg"
    sheet.save(made, quality=88)
    return made


def _settings(values: Mapping[str, Any], *, hdri: Path, frame: int) -> dict[str, Any]:
    """Values of `[lighting]`, with the HDRI's path, and keys moved so that the frame wanted is the plate's."""
    shift = frame - int(values.get("now", 0))

    def moved(keys: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        return [{**key, "frame": key["frame"] + shift} for key in keys]

    found: dict[str, Any] = {key: value for key, value in values.items() if key != "now"}
    if found.get("environment") == HDRI:
        found["environment"] = str(hdri)
    found["light"] = [{**lamp, "key": moved(lamp.get("key", ()))} for lamp in found.get("light", ())]
    found["key"] = moved(found.get("key", ()))
    return found


def _face_in(pair: np.ndarray) -> tuple[int, int, int, int]:
    """A square about what differs between the halves, in the right one: left, top, right, bottom."""
    half = pair.shape[1] // 2
    off = np.abs(pair[:, :half].astype(int) - pair[:, half : 2 * half]).max(axis=2) > 8
    rows, columns = (np.flatnonzero(off.mean(axis=axis) > 0.02) for axis in (1, 0))
    if not rows.size or not columns.size:
        return half, 0, 2 * half, min(half, pair.shape[0])
    reach = round(0.65 * max(np.ptp(rows), np.ptp(columns)))
    across, down = (int(columns[0]) + int(columns[-1])) // 2 + half, (int(rows[0]) + int(rows[-1])) // 2
    return across - reach, down - reach, across + reach, down + reach


def _window() -> np.ndarray:
    """(64, 128, 3) BGR: dim grey all around, and a bright window 100 degrees to the left of where the camera looks."""
    latlong = np.full((64, 128, 3), 0.15, np.float32)
    latlong[20:34, 22:36] = (9.0, 8.0, 7.0)
    return latlong


def main() -> int:
    """Every row, or those named."""
    from vfx_swap.colour.ocio import load_config
    from vfx_swap.pipeline.validate import open_shot

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("shot", type=Path, metavar="SHOT.toml")
    parser.add_argument("--frame", type=int, required=True)
    parser.add_argument("--only", nargs="+", choices=[row.name for row in ROWS])
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    given = parser.parse_args()
    shot = open_shot(given.shot, config=load_config())
    for row in ROWS:
        if not given.only or row.name in given.only:
            print(draw(shot, row, frame=given.frame, out=given.out), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
