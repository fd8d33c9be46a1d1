"""A small plate, and quick stand-ins for models and swapper, for tests of whole shots."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio

from vfx_swap.errors import FrameFailure, InputError
from vfx_swap.models.kernels import NUMPY
from vfx_swap.pipeline.consent import public_domain_consent
from vfx_swap.pipeline.engines import Engine
from vfx_swap.pipeline.identity_file import save_identity
from vfx_swap.pipeline.render_log import RENDER_SCHEMA
from vfx_swap.pipeline.shot import Tools, render_shot
from vfx_swap.pipeline.tracks_file import Tracks
from vfx_swap.settings import Cast, Shot, Write
from vfx_swap.types import Consent, Embedding, Face, Identity, Pose, Reference, SkinTexture, SwapResult, Track, Warp

TODAY = date(2026, 6, 1)
WIDTH, HEIGHT = 64, 48
ALL = (1, 2, 3, 4, 5, 6)
"""Frames of `make_shot`."""
SHOT_FILE = """
schema = "vfx_swap/shot.1"
name = "sh010"
plate = "plates/plate.####.exr"
output = "out/swap.####.exr"
[[cast]]
position = "largest"
identity = "who.identity"
"""
"""What `make_shot` makes, as a shot file in that folder."""
EMBEDDING = Embedding("fake", np.ones(4, np.float32))


def write_plate(folder: Path, frames: Sequence[int], *, seed: int = 0) -> str:
    """EXR frames of noise, ACEScg half, with a NaN, an inf and values above 1; returns their pattern."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in frames:
        random = np.random.default_rng([seed, number])
        pixels = random.uniform(0.0, 2.0, (HEIGHT, WIDTH, 3)).astype(np.float16)
        pixels[0, 0], pixels[0, 1] = np.nan, np.inf
        write_exr(folder / f"plate.{number:04d}.exr", pixels)
    return str(folder / "plate.####.exr")


def write_exr(path: Path, pixels: np.ndarray) -> None:
    """One half EXR that says it is ACEScg."""
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], 3, "half")
    spec.attribute("colorInteropID", "lin_ap1_scene")
    spec.attribute("DateTime", "")  # else OpenImageIO writes the time, and two plates differ by it
    output: Any = oiio.ImageOutput.create("openexr")
    assert output.open(str(path), spec)
    assert output.write_image(pixels)
    assert output.close()


def write_png(path: Path, pixels: np.ndarray) -> None:
    """One 8-bit PNG of values in [0, 1]."""
    output: Any = oiio.ImageOutput.create("png")
    assert output.open(str(path), oiio.ImageSpec(pixels.shape[1], pixels.shape[0], 3, "uint8"))
    assert output.write_image(pixels.astype(np.float32))
    assert output.close()


def make_identity(
    path: Path, *, name: str = "somebody", consent: Consent | None = None, with_consent: bool = True, shade: float = 1.0
) -> str:
    """An identity pack of no particular face; returns its path."""
    record = consent or (public_domain_consent(performer=name, statement="made up") if with_consent else None)
    points = face_at(0, 20.0, 20.0).points
    reference = Reference(
        rgb=np.full((8, 8, 3), 0.2 * shade, np.float32),
        points=points,
        expression=np.zeros(52, np.float32),
        pose=Pose(0.0, 0.0, 0.0),
        source="photo.jpg",
        sha256="0" * 64,
    )
    size = 8
    texture = SkinTexture(
        rgb=np.full((size, size, 3), shade, np.float32),
        weight=np.ones((size, size), np.float32),
        skin_colour=np.full(3, 0.3, np.float32),
    )
    identity = Identity(name, (reference,), texture, {"fake": EMBEDDING}, record, "")
    save_identity(identity, path)
    return str(path)


def face_at(frame: int, x: float, y: float) -> Face:
    """A face of 478 points on a circle around (x, y)."""
    angle = np.linspace(0.0, 6.28, 478)
    points = np.stack([x + 8 * np.sin(angle), y - 8 * np.cos(angle), np.zeros(478)], axis=1).astype(np.float32)
    return Face(
        frame=frame, points=points, expression=np.zeros(52, np.float32), pose=Pose(0.0, 0.0, 0.0), confidence=0.9
    )


class FakeSwapper:
    """Prepares the identity's mean colour, and looks at a box around the face."""

    id = "fake"

    def prepare(self, identity: Identity, *, colour_space: str, performer: Any = None) -> Any:
        """A number that depends on the identity."""
        assert colour_space == "ACEScg"
        return float(identity.texture.rgb.mean())

    def warp_for(self, face: Face, /) -> Warp:
        """20 pixels a side."""
        left, top = np.round(face.points[:, :2].mean(axis=0).astype(np.float64)) - 10.0
        return Warp(np.array([[1.0, 0.0, -left], [0.0, 1.0, -top]]), 20, 20)


def fake_engine(digests: Mapping[str, str]) -> Callable[..., Engine]:
    """An engine whose swapper only prepares."""
    swapper: Any = FakeSwapper()
    return lambda shot, *, kernels=NUMPY, **_: Engine(
        id=shot.engine, swapper_for=lambda _: swapper, digests=digests, kernels=kernels
    )


def fake_swap(frame: Any, cast: Sequence[Any], *, shot: Shot, want_patch: bool) -> SwapResult:
    """Halve the light in a box around each face, times what was prepared."""
    rgb, matte = frame.rgb.copy(), np.zeros(frame.rgb.shape[:2], np.float32)
    mattes = {}
    for one in cast:
        x, y = np.round(one.face.points[:, :2].mean(axis=0)).astype(int) - (frame.data_window.x, frame.data_window.y)
        own = np.zeros_like(matte)
        own[max(0, y - 6) : y + 6, max(0, x - 6) : x + 6] = one.strength
        rgb = np.where(own[..., None] > 0, rgb * np.float32(0.5 * one.prepared), rgb)
        mattes[one.track_id] = own
        matte = np.maximum(matte, own)
    patch = np.dstack([np.where(matte[..., None] > 0, rgb, 0), matte]).astype(np.float32) if want_patch else None
    result = type(frame)(frame.number, rgb, frame.data_window, frame.display_window, frame.colour_space)
    return SwapResult(frame=result, matte=matte, track_mattes=mattes, patch=patch)


def slow_swap(seconds: float) -> Callable[..., SwapResult]:
    """`fake_swap`, but each frame takes its time."""

    def swap(frame: Any, cast: Sequence[Any], *, shot: Shot, want_patch: bool) -> SwapResult:
        time.sleep(seconds)
        return fake_swap(frame, cast, shot=shot, want_patch=want_patch)

    return swap


def fake_analyse(
    *, absent: Sequence[int] = (), faces: bool = True, calls: list[int] | None = None
) -> Callable[..., Tracks]:
    """An analyse pass that finds one face, moving a pixel a frame, in every frame it can read but `absent`."""

    def run(plate: Any, **_: Any) -> Tracks:
        if calls is not None:
            calls.append(1)
        found, failures = {}, []
        for index, number in enumerate(plate.shot_frames):
            try:
                plate.read(number)
            except InputError as error:
                failures.append(FrameFailure(number, str(error)))
                continue
            if number not in absent:
                found[number] = face_at(number, 20.0 + index + 0.00012, 20.0)  # more digits than the file keeps
        track = Track(1, found, EMBEDDING)
        return Tracks(
            tracks=(track,) if faces and found else (),
            frames=tuple(plate.shot_frames),
            failures=tuple(failures),
        )

    return run


@contextlib.contextmanager
def no_models() -> Iterator[Any]:
    """Models that nobody may use."""
    yield None


def tools(**changes: Any) -> Tools:
    """Quick tools."""
    quick: dict[str, Any] = {
        "swap_frame": fake_swap,
        "open_engine": fake_engine({"fake/x": "1"}),
        "load_models": no_models,
        "model_digests": lambda: {"fake": "1"},
        "analyse": fake_analyse(),
    }
    return Tools(**{**quick, **changes})


def make_shot(
    folder: Path,
    *,
    frames: Sequence[int] = ALL,
    out: str = "out/swap.####.exr",
    layers: Sequence[Any] = (),
    **more: Any,
) -> Shot:
    """A shot in a folder: plate and identity are made where they are not there yet."""
    pattern = folder / "plates" / "plate.####.exr"
    if not pattern.parent.exists():
        write_plate(pattern.parent, list(frames))
    pack = folder / "who.identity"
    if not pack.exists():
        make_identity(pack)
    return Shot(
        name="sh010",
        plate=str(pattern),
        output=str(folder / out),
        cast=(Cast(position="largest", identity=str(pack), reshape=0.0),),
        write=Write(layers=tuple(layers)),
        **more,
    )


def digests_of(folder: Path) -> dict[str, bytes]:
    """Name -> content of every rendered frame."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("swap*.exr"))}


def render(shot: Shot, **more: Any) -> Any:
    """Render with quick tools."""
    more.setdefault("tools", tools())
    return render_shot(shot, today=more.pop("today", TODAY), **more)


def rows_of(folder: Path) -> dict[int, dict[str, Any]]:
    """Rows of the merged log, by frame."""
    document = json.loads((folder / "sh010.render.json").read_text())
    assert document["schema"] == RENDER_SCHEMA
    return {row["frame"]: row for row in document["rows"]}


def leftovers(folder: Path) -> list[str]:
    """Hidden and temporary files."""
    return sorted(path.name for path in folder.rglob("*") if path.name.startswith(".") or ".tmp" in path.name)
