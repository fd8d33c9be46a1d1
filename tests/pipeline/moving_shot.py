"""A short shot that has all that could tell one frame from another: it pans, whips, goes out of focus, is lit anew, and
has grain of its own in every frame.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tests.models import faces
from tests.pipeline.brought import followed, shot_of
from tests.pipeline.shot_fakes import TODAY, no_models, write_exr
from vfx_swap.comp.motion import MotionBlur, blur_along
from vfx_swap.pipeline.analyse import read_each
from vfx_swap.pipeline.camera_look import read_camera
from vfx_swap.pipeline.shot import Tools, render_shot
from vfx_swap.pipeline.tracks_file import Tracks
from vfx_swap.settings import Grain, Shot

__all__ = ["FRAMES", "PLACES", "make_plate", "moving_shot", "moving_tracks", "render_moving"]

FRAMES = (1, 2, 3, 4, 5, 6)
PLACES = (0, 2, 4, 16, 28, 30)
"""Pixels to the right: a whip in the middle."""
FOCUS = (0.0, 0.0, 0.0, 0.0, 1.0, 1.8)
"""Sigma of the plate's defocus."""


def make_plate(folder: Path) -> None:
    """The frames, half floats."""
    folder.mkdir(parents=True, exist_ok=True)
    picture = faces.collins().rgb
    for index, number in enumerate(FRAMES):
        rgb = np.roll(picture, PLACES[index], axis=1)
        way = PLACES[min(index + 1, len(FRAMES) - 1)] - PLACES[max(index - 1, 0)]
        rgb = blur_along(rgb, MotionBlur(0.25 * way, 0.0))
        if FOCUS[index]:
            rgb = np.asarray(cv2.GaussianBlur(rgb, (0, 0), FOCUS[index]), dtype=np.float32)
        rgb = rgb * np.float32(2.0 ** (0.1 * index))
        grain = np.random.default_rng(number).normal(0.0, 0.012, rgb.shape)
        root = np.maximum(np.sqrt(np.maximum(rgb, 0.0)) + grain, 0.0)
        write_exr(folder / f"plate.{number:04d}.exr", np.asarray(root**2, dtype=np.float16))


def moving_tracks(plate: Any, **_: Any) -> Tracks:
    """The portrait's own landmarks, moved as the plate moves them, and what the camera did, read off the plate."""
    tracks = followed(plate, places=PLACES)
    again = read_each(tracks.frames, read=plate.read)
    return replace(tracks, camera=read_camera(tracks.tracks, again, numbers=tracks.frames, cuts=()))


def moving_shot(folder: Path, *, engine: str, identity: str, plates: Path) -> Shot:
    """The shot, written to a folder."""
    shot = shot_of(folder, engine=engine, identity=identity, grain=Grain(detail=0.5))
    return shot.model_copy(update={"plate": str(plates / "plate.####.exr")})


def render_moving(shot: Shot, frames: tuple[int, ...] | None = None) -> Any:
    """Render with the real engines and journey; the analyse pass is quick."""
    quick = replace(Tools(), load_models=no_models, model_digests=lambda: {"fake": "1"}, analyse=moving_tracks)
    return render_shot(shot, frames=frames, today=TODAY, tools=quick, overwrite=True)


if __name__ == "__main__":
    # A worker: FOLDER ENGINE IDENTITY PLATES FRAMES.
    given = sys.argv[1:]
    chunk = tuple(int(number) for number in given[4].split(","))
    render_moving(moving_shot(Path(given[0]), engine=given[1], identity=given[2], plates=Path(given[3])), chunk)
