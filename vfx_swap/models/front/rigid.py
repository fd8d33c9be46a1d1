"""Rims over a whole track: one rigid pair, mirrored, seen from every frame's side, so that no frame's line strays.

lines of each frame --affine fits, robust--> one template of a rim --laid back by each frame's fit--> its lines
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from vfx_swap.arrays import FloatArray
from vfx_swap.models.front.curves import normals_of, resampled
from vfx_swap.models.front.spectacles import Line

__all__ = ["Rims", "pooled_rims"]

POINTS = 120
"""Along a rim."""
WAVES = 8
"""Along a rim; a rectangular one needs them to turn its corners."""
ROUNDS = 12
FEWEST = 3
"""Frames from which there is a majority."""
STRAYS = 0.25
"""Distance, in half widths of a rim, at which a line counts a quarter: beside it runs a brow."""
WORST = 0.6
"""Half widths, in the middle, that a frame's own lines may stray from the template; else it keeps its lines."""

HINGE = 6.0
"""Half widths of a rim from which a bridge or an arm is carried on to it."""


@dataclass(frozen=True, eq=False)
class Rims:
    """The rims of one frame, drawn from its picture alone."""

    lines: tuple[Line, ...]
    """As drawn, in pixels: a rim that the face hides in part is open."""
    half: float
    """Half the width of a rim, pixels."""
    dark: bool
    """Darker than skin."""
    begin: np.ndarray
    """(3, 2) float64: about the affine map from UV to pixels, (u, v, 1) times it."""


def pooled_rims(template: Sequence[FloatArray], frames: Sequence[Rims | None]) -> list[Rims | None]:
    """The rims of every frame, as one pair of spectacles has them.

    The rims of a pair lie about in a plane, so a frame shows them under an affine map (weak perspective), and are each
    other's mirror image: a brow that a line took for the rim in one frame, or on one side, is voted down by the rest.

    Args:
        template: (n, 2) both rims in UV, mirror images in the same order of points; only where the fits begin.
        frames: of the track; None: no lines.

    Returns:
        The frames, with whole rims in the template's place; one that the template does not explain as it was.
    """
    first, second = (_even(ring) for ring in template)
    middle = 0.5 * (first[:, 0].mean() + second[:, 0].mean())
    shape = 0.5 * (first + _mirrored(second, middle))
    drawn = {index: cKDTree(_dense(frame)) for index, frame in enumerate(frames) if frame is not None}
    if len(drawn) < FEWEST:
        return list(frames)
    rims = {index: frame for index, frame in enumerate(frames) if frame is not None}
    maps = {index: frame.begin for index, frame in rims.items()}
    half = float(np.median([frame.half for frame in rims.values()]))
    strays = dict.fromkeys(drawn, np.inf)
    for step in range(ROUNDS):
        both = np.concatenate([shape, _mirrored(shape, middle)])
        votes, trusts = [], []
        for index, tree in drawn.items():
            scale = STRAYS * half * max(1.0, 8.0 * 0.6**step)
            maps[index], found, weight = _fit(both, tree, maps[index], scale=scale)
            strays[index] = float(np.median(np.linalg.norm(_laid(both, maps[index]) - found, axis=1)))
            back = (found - maps[index][2]) @ np.linalg.inv(maps[index][:2])
            votes += [back[:POINTS], _mirrored(back[POINTS:], middle)]
            trusts += [weight[:POINTS], weight[POINTS:]]
        shape = _smooth(_across(shape, np.stack(votes)), np.stack(trusts))
    both = np.concatenate([shape, _mirrored(shape, middle)])
    out: list[Rims | None] = []
    for index, frame in enumerate(frames):
        if frame is None or strays[index] > WORST * half:
            out.append(frame)
            continue
        placed = np.asarray(_laid(both, maps[index]), np.float32)
        lines = [Line(ring, closed=True, rim=True) for ring in (placed[:POINTS], placed[POINTS:])]
        rings = cKDTree(placed)
        lines += [_joined(line, rings, reach=HINGE * half) for line in frame.lines if not line.rim]
        out.append(replace(frame, lines=tuple(lines), half=half, begin=maps[index]))
    return out


def _even(ring: np.ndarray) -> np.ndarray:
    return resampled(np.asarray(ring, np.float32), POINTS, closed=True).astype(np.float64)


def _mirrored(points: np.ndarray, middle: float) -> np.ndarray:
    return np.asarray(points * (-1.0, 1.0) + (2.0 * middle, 0.0))


def _dense(frame: Rims) -> np.ndarray:
    """(n, 2) points along the rims as drawn, a quarter of a pixel apart."""
    found = []
    for line in [line for line in frame.lines if line.rim] or frame.lines:
        length = float(np.linalg.norm(np.diff(line.uv, axis=0), axis=1).sum())
        found.append(resampled(line.uv, max(8, round(4.0 * length)), closed=line.closed))
    return np.concatenate(found).astype(np.float64)


def _laid(points: np.ndarray, affine: np.ndarray) -> np.ndarray:
    return np.asarray(points @ affine[:2] + affine[2])


def _fit(
    points: np.ndarray, tree: cKDTree, begin: np.ndarray, *, scale: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An affine map of points onto drawn lines, nearest to nearest; what lies farther than `scale` counts less.

    Returns:
        (3, 2) the map; (n, 2) the nearest drawn points; (n,) their weights.
    """
    affine = begin
    whole = np.column_stack([points, np.ones(len(points))])
    for _ in range(4):
        away, nearest = (np.asarray(one) for one in tree.query(_laid(points, affine)))
        found = np.asarray(tree.data[nearest])
        weight = 1.0 / (1.0 + (away / scale) ** 2) ** 2
        root = np.sqrt(weight)[:, None]
        affine = np.linalg.lstsq(whole * root, found * root, rcond=None)[0]
    return affine, found, weight


def _joined(line: Line, rings: cKDTree, *, reach: float) -> Line:
    """A bridge or an arm, carried on to the rims at the ends that lie near them."""
    away, nearest = (np.asarray(one) for one in rings.query(line.uv[[0, -1]]))
    points = line.uv
    if away[0] <= reach:
        points = np.concatenate([rings.data[nearest[:1]], points])
    if away[1] <= reach:
        points = np.concatenate([points, rings.data[nearest[1:]]])
    return replace(line, uv=np.asarray(points, np.float32))


def _across(shape: np.ndarray, votes: np.ndarray) -> np.ndarray:
    """Votes (m, n, 2) for where a line (n, 2) runs, without what they say along it: nearest points gather in places."""
    normals = normals_of(np.asarray(shape, np.float32), closed=True).astype(np.float64)
    off = ((votes - shape) * normals).sum(axis=2, keepdims=True)
    return np.asarray(shape + off * normals)


def _smooth(votes: np.ndarray, trusts: np.ndarray) -> np.ndarray:
    """(n, 2) the rim that most votes (m, n, 2), trusted by (m, n), speak for: a sum of few waves."""
    median = np.median(votes, axis=0)
    away = np.linalg.norm(votes - median, axis=2)
    spread = 1.4826 * np.median(away) + 1e-9
    weight = trusts / (1.0 + (away / spread) ** 2) ** 2
    total = weight.sum(axis=0) + 1e-9
    mean = (votes * weight[..., None]).sum(axis=0) / total[:, None]
    turn = np.linspace(0.0, 2.0 * np.pi, len(median), endpoint=False)
    waves = np.stack([np.cos(k * turn) for k in range(WAVES + 1)] + [np.sin(k * turn) for k in range(1, WAVES + 1)], 1)
    part = waves.T * total
    return np.asarray(waves @ np.linalg.solve(part @ waves + 1e-9 * np.eye(waves.shape[1]), part @ mean))
