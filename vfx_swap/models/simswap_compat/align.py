"""Alignment as SimSwap does it, and one choice of template for a whole track, as it should have been.

A crop is a similarity of five points onto a template. For 224 pixels SimSwap tries five templates, from one profile
to the other, and takes the one that fits best, frame by frame: where a head turns, the choice flips and the crop
jumps. `track_template` chooses once for all frames of a track.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import cv2
import numpy as np

from vfx_swap.errors import NoFaceError, UsageError

__all__ = ["FFHQ", "POSES", "AlignMode", "Alignment", "align", "crop_bgr", "nearest_indices", "track_template"]

AlignMode: TypeAlias = Literal["None", "newarc", "ffhq"]

POSES = np.array(
    [
        [[51.642, 50.115], [57.617, 49.990], [35.740, 69.007], [51.157, 89.050], [57.025, 89.702]],
        [[45.031, 50.118], [65.568, 50.872], [39.677, 68.111], [45.177, 86.190], [64.246, 86.758]],
        [[39.730, 51.138], [72.270, 51.138], [56.000, 68.493], [42.463, 87.010], [69.537, 87.010]],
        [[46.845, 50.872], [67.382, 50.118], [72.737, 68.111], [48.167, 86.758], [67.236, 86.190]],
        [[54.796, 49.990], [60.771, 50.115], [76.673, 69.007], [55.388, 89.702], [61.257, 89.050]],
    ]
)
"""(5, 5, 2) left profile, left, frontal, right, right profile, in pixels of a crop of 112: the older set of five poses
of insightface (MIT). Points: left eye, right eye, nose, left and right corner of the mouth; left is the image's."""
FFHQ = np.array(
    [
        [
            [192.98138, 239.94708],
            [318.90277, 240.1936],
            [256.63416, 314.01935],
            [201.26117, 371.41043],
            [313.08905, 371.15118],
        ]
    ]
)
"""(1, 5, 2) the one template of the mode `ffhq`, in pixels of a crop of 512."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """How a frame's five points lie on a template."""

    matrix: np.ndarray
    """(2, 3) float64, frame pixels to crop pixels."""
    template: int
    """Which of the mode's templates."""
    residual: float
    """Sum of the five distances that are left, crop pixels."""


def align(points: np.ndarray, *, size: int, mode: AlignMode = "None", template: int | None = None) -> Alignment:
    """The similarity of five points onto the template that they fit best.

    Args:
        points: (5, 2) frame pixels, in the order of `POSES`.
        size: side of the crop in pixels.
        mode: `ffhq` has one template; `None` and `newarc` are the same five.
        template: take this one and try no other; None: the one with the least residual, the first of equals.

    Raises:
        NoFaceError: the points fall together.
        UsageError: the mode has no such template.
    """
    templates = _templates(mode, size)
    if template is not None and not 0 <= template < len(templates):
        raise UsageError(f"mode {mode!r} has {len(templates)} templates, there is no number {template}")
    tried = range(len(templates)) if template is None else (template,)
    found = [_fitted(points, templates[index], index) for index in tried]
    return min(found, key=lambda one: one.residual)


def track_template(points: Sequence[np.ndarray], *, size: int, mode: AlignMode = "None") -> int:
    """The template for all frames of a track: the one with the least residual summed over them.

    With one template, a crop moves as its points do, and never jumps; a track's profile frames fit a frontal template
    less well than their own, which is what a network sees of heads that are turned in any case.

    Args:
        points: (5, 2) frame pixels of every frame of the track.
        size: side of the crop in pixels.
        mode: as in `align`.

    Raises:
        NoFaceError: there is no frame, or the points of one fall together.
    """
    if not points:
        raise NoFaceError("a track without a frame has no template")
    templates = _templates(mode, size)
    sums = [sum(_fitted(one, template, 0).residual for one in points) for template in templates]
    return int(np.argmin(sums))


def crop_bgr(frame: np.ndarray, matrix: np.ndarray, *, size: int) -> np.ndarray:
    """(size, size, 3) uint8 of a frame (h, w, 3) uint8, linear between pixels, black beyond the frame."""
    return np.asarray(cv2.warpAffine(frame, matrix, (size, size), flags=cv2.INTER_LINEAR, borderValue=0.0))


def nearest_indices(size: int, *, to: int) -> np.ndarray:
    """(to,) the rows, or columns, of `size` that a nearest-neighbour reduction takes: floor(i size / to).

    SimSwap brings its crop to the recogniser's 112 so: no antialiasing, every other pixel of 224 is not looked at.
    """
    return np.arange(to) * size // to


def _templates(mode: AlignMode, size: int) -> np.ndarray:
    return FFHQ * (size / 512.0) if mode == "ffhq" else POSES * (size / 112.0)


def _fitted(points: np.ndarray, template: np.ndarray, index: int) -> Alignment:
    matrix = _similarity(np.asarray(points, dtype=np.float64), template)
    left = points @ matrix[:, :2].T + matrix[:, 2] - template
    return Alignment(matrix, index, float(np.sqrt((left**2).sum(axis=1)).sum()))


def _similarity(points: np.ndarray, onto: np.ndarray) -> np.ndarray:
    """(2, 3) least squares, uniform scale, never a reflection (Umeyama, IEEE PAMI 13(4), 1991, equations 38 to 43)."""
    middle, aim = points.mean(axis=0), onto.mean(axis=0)
    centred, wanted = points - middle, onto - aim
    variance = float((centred**2).sum(axis=1).mean())
    if not np.isfinite(variance) or variance <= 1e-12:
        raise NoFaceError("the five points of a face fall together")
    u, strengths, vt = np.linalg.svd(wanted.T @ centred / len(points))
    sign = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    linear = float((strengths * sign).sum()) / variance * (u * sign) @ vt
    return np.column_stack([linear, aim - linear @ middle])
