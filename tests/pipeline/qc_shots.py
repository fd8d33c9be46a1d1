"""A small plate with a face, results with every kind of fault, and quick stand-ins for the models that see faces."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import OpenImageIO as oiio
from scipy import ndimage

from tests.pipeline.shot_fakes import EMBEDDING, make_identity
from vfx_swap.arrays import FloatArray
from vfx_swap.pipeline.demo_portraits import portrait_landmarks
from vfx_swap.pipeline.qc_run import QcReport, QcRequest, run_qc
from vfx_swap.pipeline.tracks_file import Tracks, save_tracks
from vfx_swap.types import Detection, Embedding, Face, Landmarks, ModelImage, Pose, Track

SIZE = 160
FRAMES = (1, 2, 3, 4, 5, 6)
BOX = np.array([40, 30, 120, 130], np.float32)
SHOT = """\
schema = "vfx_swap/shot.1"
name = "sh010"
plate = "plate/plate.####.exr"
output = "out/swap.####.exr"
frames = "{frames}"
engine = "not-on-this-machine"
[[cast]]
track = 1
identity = "who.identity"
{more}
"""
Change = Callable[[int, FloatArray, FloatArray], FloatArray]
"""Frame, plate and matte to the result."""


def points() -> FloatArray:
    """(478, 3) landmarks of the face in the picture; 100 pixels high."""
    found = portrait_landmarks()
    low, high = found[:, :2].min(axis=0), found[:, :2].max(axis=0)
    scaled = (found - np.array([*low, 0.0])) * np.float32(90.0 / (high - low).max()) + np.array([42.0, 35.0, 0.0])
    placed: FloatArray = scaled.astype(np.float32)
    return placed


class Models:
    """Stands in for FaceModels: a face where a box is, its vector the picture's colour there."""

    def __init__(self, *, blind: bool = False) -> None:
        five = np.zeros((5, 2), np.float32)
        self.detector = SimpleNamespace(detect=lambda _: [] if blind else [Detection(BOX, five, 0.9)])
        self.landmarker = SimpleNamespace(landmarks=self._landmarks)
        self.recogniser = SimpleNamespace(id="fake", embed=self._embed, same_person_below=0.6)

    @staticmethod
    def _landmarks(image: ModelImage, detection: Detection) -> Landmarks | None:
        del detection
        if image.rgb[60:90, 60:90].max() < 0.02:  # a black face is none
            return None
        return Landmarks(points(), np.zeros(52, np.float32), Pose(0.0, 0.0, 0.0), 1.0)

    @staticmethod
    def _embed(image: ModelImage, detection: Detection) -> Embedding:
        del detection
        colour = image.rgb[50:100, 50:100].mean(axis=(0, 1)) - 0.5
        return Embedding("fake", (EMBEDDING.vector + np.r_[0.5 * colour, 0.0]).astype(np.float32))


@contextlib.contextmanager
def fake_models(*, blind: bool = False) -> Iterator[Any]:
    """As `load_face_models`."""
    yield Models(blind=blind)


def plate_picture(frame: int) -> FloatArray:
    """(SIZE, SIZE, 3) scene-linear: soft shapes that drift a pixel a frame, and grain of each frame's own."""
    shapes = ndimage.gaussian_filter(np.random.default_rng(4).normal(0.0, 1.0, (SIZE + 40, SIZE + 40)), 5.0)
    drift = shapes[20 + frame : 20 + frame + SIZE, 20 : 20 + SIZE]
    grain = np.random.default_rng([9, frame]).normal(0.0, 0.004, (SIZE, SIZE, 3))
    return np.asarray(np.clip(0.3 + 1.6 * drift[..., None], 0.05, 0.9) + grain, dtype=np.float32)


def matte_picture() -> FloatArray:
    """(SIZE, SIZE) a soft ellipse over the face."""
    y, x = np.mgrid[:SIZE, :SIZE]
    away = np.hypot((x - 80) / 38.0, (y - 80) / 46.0)
    soft = np.clip((1.0 - away) / 0.2, 0.0, 1.0)
    return np.where(soft < 0.001, 0.0, soft).astype(np.float16).astype(np.float32)


def write_exr(path: Path, rgb: FloatArray, *, matte: FloatArray | None = None) -> None:
    """Float RGB, ACEScg, with a matte layer of track 1 where one is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = ["R", "G", "B", *(() if matte is None else ("matte.1.A",))]
    pixels = rgb if matte is None else np.concatenate([rgb, matte[..., None]], axis=-1)
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], len(names), "float")
    spec.channelnames = tuple(names)
    spec.attribute("colorInteropID", "lin_ap1_scene")
    output: Any = oiio.ImageOutput.create("openexr")
    assert output.open(str(path), spec)
    assert output.write_image(np.ascontiguousarray(pixels, dtype=np.float32))
    assert output.close()


def write_png(path: Path, rgb: FloatArray) -> None:
    """Eight bits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.round(255.0 * np.clip(rgb[..., ::-1], 0.0, 1.0)).astype(np.uint8))


def other_face(frame: int, plate: FloatArray, matte: FloatArray) -> FloatArray:
    """A result that is well: other features in the middle of the face, as steady and as grainy as the plate."""
    y, x = np.mgrid[:SIZE, :SIZE]
    drift = 0.06 * np.exp(-((x - 80) ** 2 + (y - 80 + frame) ** 2) / 300.0)
    return np.where(matte[..., None] > 0.0, plate + (drift * matte)[..., None], plate).astype(np.float32)


def make_files(
    folder: Path,
    *,
    frames: Sequence[int] = FRAMES,
    change: Change = other_face,
    layers: bool = True,
    tracks: bool = True,
    log: Mapping[int, str | None] | None = None,
    more: str = "",
    name: str = "sh010",
) -> Path:
    """A shot's files as a render leaves them; returns the shot file.

    Args:
        folder: for all of it.
        frames: of the shot.
        change: makes a result.
        layers: whether the result keeps its matte.
        tracks: whether there is a tracks file.
        log: frame -> error; None: a log that says all went well.
        more: tables that the shot file has beside.
        name: of the shot.
    """
    matte = matte_picture()
    for frame in frames:
        plate = plate_picture(frame)
        write_exr(folder / f"plate/plate.{frame:04d}.exr", plate)
        write_exr(folder / f"out/swap.{frame:04d}.exr", change(frame, plate, matte), matte=matte if layers else None)
    if tracks:
        save_tracks(track_of(frames, plate=str(folder / "plate/plate.####.exr")), folder / f"out/{name}.tracks.json")
    write_log(folder / "out", dict.fromkeys(frames) if log is None else log, name=name)
    make_identity(folder / "who.identity")
    path = folder / "sh010.toml"
    text = SHOT.format(frames=f"{frames[0]}-{frames[-1]}", more=more).replace('"sh010"', json.dumps(name))
    path.write_text(text, encoding="utf-8")
    return path


def track_of(frames: Sequence[int], *, plate: str) -> Tracks:
    """One face that stays where it is."""
    faces = {
        frame: Face(frame, points(), np.zeros(52, np.float32), Pose(0.0, 0.0, 0.0), confidence=0.9) for frame in frames
    }
    return Tracks(tracks=(Track(1, faces, EMBEDDING),), frames=tuple(frames), plate=plate)


def write_log(folder: Path, errors: Mapping[int, str | None], *, name: str = "sh010") -> None:
    """A render log without digests."""
    rows = [
        {
            "frame": frame,
            "output": f"swap.{frame:04d}.exr",
            "input_digest": "a",
            "settings_digest": "b",
            "output_digest": None,
            "finished": "2026-11-23T10:00:00+00:00",
            "metrics": {"faces": 1},
            "error": error,
        }
        for frame, error in errors.items()
    ]
    document = {"schema": "vfx_swap/render.1", "name": name, "rows": rows}
    (folder / f"{name}.render.json").write_text(json.dumps(document), encoding="utf-8")


def check(what: Path | str, out: Path, *, blind: bool = False, **more: Any) -> QcReport:
    """Quality control with the quick models."""
    request = QcRequest(str(what), out, **more)
    return run_qc(request, load_models=lambda: fake_models(blind=blind))
