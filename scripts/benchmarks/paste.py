"""What it costs to put a face into a frame, the network apart: ours against a plain paste-back, in the same run.

The plain one is SimSwap's as it is described (`models.simswap_compat.paste`): 8-bit light, warps, erosion and blur of
the whole frame, the mix in float64. Ours is scene-linear float. Both align the face, cut its crop, make a matte of
regions that are known already, lay the answer back and mix it with the frame; reading, writing and networks are apart.

    scripts/bench paste [--rounds N] [--cpu-time] [--json]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from scripts.benchmarks.device import SIZES, Stage, stage_of
from vfx_swap.arrays import FloatArray
from vfx_swap.comp.over import comp_increment
from vfx_swap.geometry.warps import cut_crop, fit_similarity, footprint, increment_crop, lay_back, sampled, shown_part
from vfx_swap.models.cards import card_folder, read_cards
from vfx_swap.models.default import PARSE_ARCHITECTURES, load_model
from vfx_swap.models.region_matte import RegionMatte
from vfx_swap.models.registry import LoadOptions, load_registry
from vfx_swap.models.simswap_compat.align import align, crop_bgr
from vfx_swap.models.simswap_compat.parse import crop_mask
from vfx_swap.models.simswap_compat.paste import frame_mask, laid_back
from vfx_swap.models.templates import five_points, template_named
from vfx_swap.types import Crop, Face, ModelImage, Warp, Window

__all__ = ["Paste", "main", "open_paste", "ours", "plain"]

SIDE = 224
TEMPLATE = "arcface_112_v1"
FEATHER = 0.05
"""Of face height: what shots have by default."""
PARSER_SIDE = 512


@dataclass(frozen=True, eq=False)
class Paste:
    """A frame, a face in it, what a network painted of it and where its regions are."""

    plate: FloatArray
    """(height, width, 3) scene-linear."""
    frame: np.ndarray
    """The same as 8-bit BGR."""
    face: Face
    alphas: FloatArray
    """(19, 224, 224) coverage of regions in the crop."""
    labels: np.ndarray
    """(512, 512) the greatest of them."""
    picture: np.ndarray
    """(224, 224, 3) float32 RGB: the network's answer."""


class _Known:
    """A parser that has looked already."""

    id = "known"

    def __init__(self, alphas: FloatArray) -> None:
        self._alphas = alphas

    def warp_for(self, face: Face, /) -> Warp:
        return _fit(face)

    def parse(self, image: ModelImage, points: FloatArray, /, **_: Any) -> FloatArray:  # noqa: ARG002
        return self._alphas


def open_paste(stage: Stage) -> Paste:
    """The regions and an answer, of a stage's face."""
    card = next(one for one in read_cards(card_folder()) if one.id == "landmark-parser")
    registry = load_registry(architectures=PARSE_ARCHITECTURES)
    parser = load_model(card, registry=registry, options=LoadOptions())
    plate = stage.frame.rgb
    display = np.clip(np.clip(plate, 0.0, 1.0) ** (1.0 / 2.2), 0.0, 1.0)
    warp = _fit(stage.face)
    crop = cut_crop(display, data_window=stage.frame.data_window, warp=warp, colour_space="display")
    image = ModelImage(np.clip(crop.rgb, 0.0, 1.0).astype(np.float32))
    flat = stage.face.points[:, :2].astype(np.float64) @ warp.matrix[:, :2].T + warp.matrix[:, 2]
    deep = stage.face.points[:, 2:] * np.float32(np.hypot(*warp.matrix[:, 0]))
    alphas = parser.parse(image, np.column_stack([flat, deep]).astype(np.float32))
    labels = cv2.resize(alphas.argmax(axis=0).astype(np.uint8), (PARSER_SIDE,) * 2, interpolation=cv2.INTER_NEAREST)
    picture = np.ascontiguousarray(np.clip(image.rgb * np.float32(0.8) + np.float32(0.05), 0.0, 1.0))
    bgr = np.ascontiguousarray(np.rint(255.0 * display[..., ::-1]).astype(np.uint8))
    return Paste(plate, bgr, stage.face, alphas, labels.astype(np.int64), picture)


def _fit(face: Face) -> Warp:
    return fit_similarity(five_points(face.points), template_named(TEMPLATE).pixels(SIDE), width=SIDE, height=SIDE)


def ours(paste: Paste) -> tuple[FloatArray, FloatArray]:
    """The part of the frame that the face touches, and its matte, as `pipeline.swap` makes them."""
    height, width = paste.plate.shape[:2]
    window, warp = Window(0, 0, width, height), _fit(paste.face)
    seen = sampled(warp, window)
    before = cut_crop(paste.plate[seen.slices(window)], data_window=seen, warp=warp, colour_space="x")
    matte = RegionMatte(parser=_Known(paste.alphas), any_size=True, feather=FEATHER)
    made = matte(ModelImage(paste.picture), paste.face, warp)
    if made is None:
        raise ValueError("the stage's face has no regions")
    after = Crop(paste.picture, made * before.alpha, warp, "x")
    part = footprint(warp, seen)
    rows, columns = (np.flatnonzero((after.alpha > 0.0).any(axis=axis)) for axis in (1, 0))
    across, down = slice(int(columns[0]), int(columns[-1]) + 1), slice(int(rows[0]), int(rows[-1]) + 1)
    only = shown_part(warp, part, rows=down, columns=across)
    change, alpha = lay_back(increment_crop(before, after), data_window=part, only=only)
    rgb, whole, at = (
        paste.plate[seen.slices(window)].copy(),
        np.zeros((seen.height, seen.width), np.float32),
        only.slices(seen),
    )
    rgb[at], whole[at] = comp_increment(np.ascontiguousarray(rgb[at]), change, alpha), alpha
    return rgb, whole


def plain(paste: Paste) -> np.ndarray:
    """The frame in 8 bits, BGR."""
    shape = paste.frame.shape[:2]
    matrix = align(five_points(paste.face.points), size=SIDE, mode="None").matrix
    crop = crop_bgr(paste.frame, matrix, size=SIDE)
    answer = paste.picture[..., ::-1]
    mask = crop_mask(paste.labels, size=SIDE)
    if mask is not None:
        under = crop.astype(np.float32) / np.float32(255.0)
        answer = answer * mask[..., None] + under * (np.float32(1.0) - mask[..., None])
    laid = 255.0 * laid_back(np.ascontiguousarray(answer), matrix, shape=shape)
    box = frame_mask(matrix, size=SIDE, shape=shape)[..., None]
    mixed: np.ndarray = (box * laid + (1.0 - box) * paste.frame.astype(np.float64)).astype(np.uint8)
    return mixed


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench paste", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="pairs; the middle of their ratios counts")
    parser.add_argument("--cpu-time", action="store_true", help="CPU time, steady on a busy machine")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    given = parser.parse_args()
    clock = time.process_time if given.cpu_time else time.perf_counter
    rows = []
    for size, (width, height, face) in SIZES.items():
        paste = open_paste(stage_of(width, height, face))
        pairs = [(_timed(plain, paste, clock), _timed(ours, paste, clock)) for _ in range(given.rounds + 1)][1:]
        ratios = sorted(pair[0] / pair[1] for pair in pairs)
        theirs, own = (statistics.median(pair[at] for pair in pairs) for at in (0, 1))
        rows.append((size, theirs, own, statistics.median(ratios), ratios[0], ratios[-1]))
    if given.json:
        names = ("plate", "plain_seconds", "seconds", "times_as_fast", "least", "most")
        print(json.dumps([dict(zip(names, row, strict=True)) for row in rows]))
        return
    table = Table(title="a face 400 px high in 1080p, 800 px in 4K: align, matte and comp")
    for heading in ("plate", "plain s", "ours s", "times as fast", "least", "most"):
        table.add_column(heading, justify="left" if heading == "plate" else "right")
    for plate, seconds, own, ratio, least, most in rows:
        table.add_row(plate, f"{seconds:.4f}", f"{own:.4f}", f"{ratio:.1f}", f"{least:.1f}", f"{most:.1f}")
    Console().print(table)


def _timed(work: Callable[[Paste], Any], paste: Paste, clock: Callable[[], float]) -> float:
    start = clock()
    work(paste)
    return clock() - start


if __name__ == "__main__":
    main()
