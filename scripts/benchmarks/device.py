"""What a device gains: one frame's swap and its parts, by numpy and on the device, in the same run.

Ratios travel between machines, seconds do not. Without a GPU torch's CPU is measured: how near it comes is as good
an answer there, how fast it is says nothing of a GPU.

    scripts/bench device [--device cuda] [--rounds N] [--json]
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from vfx_swap.arrays import FloatArray
from vfx_swap.colour.ocio import LINEAR_REC709, load_config
from vfx_swap.comp.grain_levels import LEVELS, LevelGrain
from vfx_swap.comp.motion import MotionBlur
from vfx_swap.errors import DeviceError, VfxSwapError
from vfx_swap.geometry.warps import footprint
from vfx_swap.models.devices import open_kernels
from vfx_swap.models.kernels import NUMPY, Kernels
from vfx_swap.models.torch_kernels.kernels import torch_kernels
from vfx_swap.pipeline.demo_light import srgb_to_linear
from vfx_swap.pipeline.demo_portraits import COLLINS, portrait_landmarks, read_portrait
from vfx_swap.pipeline.engines import open_engine, texture_builder
from vfx_swap.pipeline.swap import CastFace, swap_frame
from vfx_swap.settings import Cast, Lighting, Shot
from vfx_swap.types import Face, Frame, Identity, Pose, Reference, Warp, Window

SIZES = {"1080p": (1920, 1080, 400.0), "4K": (3840, 2160, 800.0)}
"""Plate width, plate height, height of the face, in pixels."""


@dataclass(frozen=True)
class Row:
    """One thing measured."""

    size: str
    part: str
    numpy_seconds: float
    device_seconds: float
    off: float
    """Greatest difference of the results: of the greatest value; of each value (at least 0.1) in a whole frame."""

    @property
    def ratio(self) -> float:
        """How many times as fast the device is."""
        return self.numpy_seconds / self.device_seconds


@dataclass(frozen=True, eq=False)
class Stage:
    """A frame, and a face in it that goes to somebody else."""

    frame: Frame
    face: Face
    identity: Identity
    shot: Shot


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench device", description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", help="cuda, cuda:N, torch (its CPU), or auto")
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many is taken")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    given = parser.parse_args()
    try:
        kernels = _open(given.device)
    except VfxSwapError as error:
        parser.exit(error.exit_code, f"scripts/bench device: {error}\n")
    rows: list[Row] = []
    for size, (width, height, face) in SIZES.items():
        stage = stage_of(width, height, face)
        rows.append(Row(size, "whole frame", *_whole_frame(stage, kernels, rounds=given.rounds)))
        rows += [Row(size, part, *found) for part, found in _parts(stage, kernels, rounds=given.rounds).items()]
    _print(rows, device=_name(kernels), as_json=given.json)


def _open(device: str) -> Kernels:
    if device not in ("auto", "torch"):
        return open_kernels(device)
    try:
        return torch_kernels(0 if device == "auto" else None)
    except DeviceError:
        return torch_kernels(None)


def _name(kernels: Kernels) -> str:
    import torch

    gpu = kernels.device.startswith("cuda")
    return f"{kernels.device}, {torch.cuda.get_device_name(kernels.device)}" if gpu else "torch on the CPU"


def stage_of(width: int, height: int, face_height: float) -> Stage:
    """The portrait of the tests, enlarged, with grain, in the middle of a plate."""
    points, small = portrait_landmarks(), srgb_to_linear(read_portrait(COLLINS))
    scale = face_height / float(np.linalg.norm(points[10, :2] - points[152, :2]))
    left, top = points[:, :2].mean(axis=0) * scale - np.array([width, height]) / 2.0
    matrix = np.array([[scale, 0.0, -left], [0.0, scale, -top]])
    rgb = cv2.warpAffine(small, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    grain = np.random.default_rng(0).normal(0.0, 0.01, rgb.shape).astype(np.float32)
    rgb = (np.maximum(np.sqrt(np.maximum(rgb, 0.0)) + grain, 0.0) ** 2).astype(np.float32)
    pose, expression, window = Pose(0.0, 0.0, 0.0), np.zeros(52, np.float32), Window(0, 0, width, height)
    moved = (points * np.float32(scale) - np.array([left, top, 0.0])).astype(np.float32)
    reference = Reference(small, points, expression, pose, "portrait", "0" * 64)
    shot = Shot(
        name="bench",
        plate="plate.####.exr",
        output="out.####.exr",
        cast=(Cast(identity="somebody.identity", position="largest"),),
        lighting=Lighting(exposure_stops=0.25, temperature_mired=10.0),
    )
    return Stage(
        frame=Frame(1, rgb, window, window, LINEAR_REC709),
        face=Face(1, moved, expression, pose, confidence=1.0),
        identity=Identity("somebody", (reference,), texture_builder()([reference]), {}, None, ""),
        shot=shot,
    )


def _whole_frame(stage: Stage, kernels: Kernels, *, rounds: int) -> tuple[float, float, float]:
    """Seconds by numpy and on the device, and how far the results are apart."""
    seconds, results = [], []
    config = load_config()
    for chosen in (NUMPY, kernels):
        engine = open_engine(stage.shot, config=config, kernels=chosen)
        swapper = engine.swapper_for(stage.shot.cast[0])
        prepared = swapper.prepare(stage.identity, colour_space=LINEAR_REC709, performer=stage.face.points)
        one = CastFace(0, stage.face, swapper, prepared, 1.0, kernels=chosen)

        def swap(one: CastFace = one) -> Any:
            return swap_frame(stage.frame, [one], shot=stage.shot, want_patch=False)

        seconds.append(_best(swap, rounds=rounds))
        results.append(swap().frame.rgb)
    wanted, got = results
    return seconds[0], seconds[1], float((np.abs(got - wanted) / np.maximum(np.abs(wanted), 0.1)).max())


def _parts(stage: Stage, kernels: Kernels, *, rounds: int) -> dict[str, tuple[float, float, float]]:
    """The same of the parts; arrays are there already, results stay there."""
    plain, other = _calls(stage, NUMPY), _calls(stage, kernels)
    found = {}
    for part, call in plain.items():
        seconds = [_best(one, rounds=rounds) for one in (call, other[part])]
        wanted, got = np.asarray(call()), np.asarray(kernels.plain(kernels.array(other[part]())))
        found[part] = (seconds[0], seconds[1], float(np.abs(got - wanted).max() / max(np.abs(wanted).max(), 1e-3)))
    return found


def _calls(stage: Stage, kernels: Kernels) -> dict[str, Callable[[], Any]]:
    frame, rng = stage.frame, np.random.default_rng(1)
    engine = open_engine(stage.shot, config=load_config())
    warp = engine.swapper_for(stage.shot.cast[0]).warp_for(stage.face)
    crop = kernels.cut_crop(frame.rgb, data_window=frame.data_window, warp=warp, colour_space=frame.colour_space)
    height, width = crop.alpha.shape
    disc = np.clip(1.5 - np.hypot(*np.mgrid[-1.2 : 1.2 : height * 1j, -1.2 : 1.2 : width * 1j]), 0.0, 1.0)
    plate, matte = crop.rgb, kernels.array(disc.astype(np.float32))
    other = kernels.array(np.asarray(kernels.plain(plate) * np.float32(0.8), np.float32))
    points = kernels.array((rng.random((height * width // 2, 2)) * 1000.0).astype(np.float32))
    texture = kernels.array(rng.random((1024, 1024, 3), dtype=np.float32))
    colours, normals, weights = _skin(rng)
    moved = kernels.blur_along(plate, MotionBlur(0.05 * height, 30.0))
    grain = LevelGrain(np.stack([np.eye(3) * 1e-4] * len(LEVELS)), (0.5, 0.5, 0.5))
    window = frame.data_window
    part, turned = footprint(warp, window), Warp(_turn(0.1) @ np.vstack([warp.matrix, [0.0, 0.0, 1.0]]), width, height)
    return {
        "crop: cut": lambda: kernels.cut_crop(frame.rgb, data_window=window, warp=warp, colour_space="").rgb,
        "crop: cut, turned": lambda: kernels.cut_crop(frame.rgb, data_window=window, warp=turned, colour_space="").rgb,
        "crop: laid back": lambda: kernels.lay_back(crop, data_window=part)[0],
        "texture: sampled": lambda: kernels.sample(texture, points),
        "picture: blurred": lambda: kernels.blur(plate, 3.0),
        "light: fitted": lambda: kernels.fit_light(colours, normals, weights).brightness,
        "motion: measured": lambda: getattr(kernels.compare_detail(moved, plate, matte), "plate", np.zeros(1)),
        "motion: laid on": lambda: kernels.blur_along(plate, MotionBlur(0.05 * height, 30.0)),
        "grain: laid on": lambda: kernels.lay_grain(other, grain=grain, seed=1),
        "matte: grown": lambda: kernels.expand_matte(matte, 12.5),
        "comp": lambda: kernels.comp_over(plate, other, matte),
        "there and back": lambda: kernels.plain(kernels.array(np.zeros((height, width, 3), np.float32))),
    }


def _turn(angle: float) -> FloatArray:
    """(2, 3) a turn that reads between pixels."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin, 3.3], [sin, cos, 1.7]])


def _skin(rng: np.random.Generator) -> tuple[FloatArray, FloatArray, FloatArray]:
    normals = rng.normal(size=(50_000, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    colours = 0.2 + 0.3 * np.maximum(normals, 0.0)
    return colours.astype(np.float32), normals.astype(np.float32), np.ones(50_000, np.float32)


def _best(call: Callable[[], Any], *, rounds: int) -> float:
    """Seconds of the fastest round, after one that is not counted."""
    _finish(call())
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        _finish(call())
        best = min(best, time.perf_counter() - start)
    return best


def _finish(result: Any) -> None:
    """Wait until the device is done: a GPU returns before it has worked."""
    import torch

    if isinstance(result, torch.Tensor) and result.is_cuda:
        torch.cuda.synchronize(result.device)


def _print(rows: list[Row], *, device: str, as_json: bool) -> None:
    if as_json:
        found = {f"{row.size}: {row.part}": {"times_as_fast": round(row.ratio, 2), "off": row.off} for row in rows}
        print(json.dumps({"device": device, "parts": found}))
        return
    table = Table(title=f"numpy against {device}; a face 400 px high in 1080p, 800 px in 4K")
    for heading in ("plate", "part", "numpy s", "device s", "times as fast", "off by"):
        table.add_column(heading, justify="left" if heading in ("plate", "part") else "right")
    for row in rows:
        cells = (f"{row.numpy_seconds:.4f}", f"{row.device_seconds:.4f}", f"{row.ratio:.2f}", f"{row.off:.0e}")
        table.add_row(row.size, row.part, *cells, end_section=row.part == "there and back")
    console = Console()
    console.print(table)
    console.print("off by: of the greatest value; of each value, or of 0.1 in the dark, in a whole frame.")


if __name__ == "__main__":
    main()
