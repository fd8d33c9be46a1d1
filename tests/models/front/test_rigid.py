"""Rims pooled over a track: what one frame, or one side, draws wrongly is voted down."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from vfx_swap.models.front.rigid import Rims, pooled_rims
from vfx_swap.models.front.spectacles import Line

TURN = np.linspace(0.0, 2.0 * np.pi, 200, endpoint=False)


def ring(side: float, *, wide: float = 0.12, high: float = 0.09) -> np.ndarray:
    """(200, 2) a rim in UV, mirror image of the other side's in the same order of points."""
    return np.stack([0.5 + side * (0.16 + wide * np.cos(TURN)), 0.36 + high * np.sin(TURN)], axis=1)


def seen(index: int) -> np.ndarray:
    """(3, 2) the map of a frame: turned, shortened, nodding, drifting."""
    angle, short = 0.06 * np.sin(index), 1.0 - 0.05 * (index % 4)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.vstack([np.diag([300.0 * short, 310.0]) @ turn, [3.0 * index, -2.0 * index]])


def laid(points: np.ndarray, affine: np.ndarray) -> np.ndarray:
    return np.asarray(points @ affine[:2] + affine[2])


def drawn(index: int, *, stray: float = 0.0, hidden: bool = False) -> Rims:
    """A frame's lines.

    `stray`: pixels by which the top of one rim follows a brow; `hidden`: half of the other is not seen.
    """
    lines = []
    for side in (-1.0, 1.0):
        points = laid(ring(side), seen(index))
        if side < 0.0:
            points[:, 1] -= stray * np.clip(-np.sin(TURN - 0.4), 0.0, None) ** 2
        if side > 0.0 and hidden:
            lines.append(Line(points[40:140].astype(np.float32), closed=False, rim=True))
        else:
            lines.append(Line(points.astype(np.float32), closed=True, rim=True))
    bridge = laid(np.array([[0.47, 0.35], [0.53, 0.35]]), seen(index))
    lines.append(Line(bridge.astype(np.float32), closed=False))
    return Rims(lines=tuple(lines), half=3.0, dark=True, begin=seen(index) + np.array([[0.0], [0.0], [4.0]]))


def farthest(rims: Rims | None, index: int) -> float:
    """Pixels from the true rims to those found."""
    assert rims is not None
    found = cKDTree(np.concatenate([line.uv for line in rims.lines if line.rim]))
    truth = np.concatenate([laid(ring(side), seen(index)) for side in (-1.0, 1.0)])
    return float(np.max(found.query(truth)[0]))


def test_a_brow_beside_one_rim_moves_none() -> None:
    given = [drawn(index, stray=6.0 if index % 2 == 0 else 0.0) for index in range(6)]
    assert farthest(given[0], 0) > 5.0
    pooled = pooled_rims([ring(-1.0, wide=0.11), ring(1.0, wide=0.11)], given)
    # Points of a rim lie 1.7 pixels apart: half of that is the least that there is between them.
    assert max(farthest(one, index) for index, one in enumerate(pooled)) < 1.2


def test_two_frames_have_no_majority() -> None:
    given = [drawn(0), drawn(1, stray=6.0)]
    assert all(one is own for one, own in zip(pooled_rims([ring(-1.0), ring(1.0)], given), given, strict=True))


def test_a_rim_that_the_face_hides_in_part_is_whole_again() -> None:
    pooled = pooled_rims([ring(-1.0), ring(1.0)], [drawn(0), drawn(1, hidden=True), drawn(2)])
    assert pooled[1] is not None
    assert [line.closed for line in pooled[1].lines if line.rim] == [True, True]
    assert farthest(drawn(1, hidden=True), 1) > 20.0
    assert farthest(pooled[1], 1) < 1.2


def test_a_bridge_reaches_the_rims_and_frames_without_lines_stay() -> None:
    given = [drawn(0), None, drawn(2), drawn(3)]
    pooled = pooled_rims([ring(-1.0), ring(1.0)], given)
    assert pooled[1] is None
    assert pooled[0] is not None
    rims = cKDTree(np.concatenate([line.uv for line in pooled[0].lines if line.rim]))
    assert np.max(rims.query(drawn(0).lines[-1].uv[[0, -1]])[0]) > 1.0
    assert np.max(rims.query(pooled[0].lines[-1].uv[[0, -1]])[0]) == 0.0
    assert pooled_rims([ring(-1.0), ring(1.0)], [None, None]) == [None, None]


def test_what_the_template_does_not_explain_keeps_its_lines() -> None:
    strange = drawn(1)
    star = (1.0 + 0.5 * np.sin(5.0 * TURN))[:, None]
    lines = tuple(
        Line(((line.uv - line.uv.mean(axis=0)) * star + line.uv.mean(axis=0)).astype(np.float32), closed=True, rim=True)
        for line in strange.lines[:2]
    )
    given = Rims(lines=lines, half=3.0, dark=True, begin=strange.begin)
    pooled = pooled_rims([ring(-1.0), ring(1.0)], [drawn(0), given, drawn(2), drawn(3)])
    assert pooled[1] is given
