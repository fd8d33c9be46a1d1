from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from vfx_swap.geometry.shapes import fit_shape, neutral_shape, share_inside

angles = st.floats(-180.0, 180.0)


def cloud(seed: int, count: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, [30.0, 40.0, 12.0], (count, 3))


@given(st.integers(0, 1000), angles, angles, angles, st.floats(0.02, 50.0), st.floats(-1e3, 1e3))
@settings(max_examples=80, deadline=None)
def test_recovers_a_known_similarity(seed: int, a: float, b: float, c: float, scale: float, shift: float) -> None:
    points = cloud(seed)
    turn = Rotation.from_euler("xyz", [a, b, c], degrees=True).as_matrix()
    wanted = scale * points @ turn + np.array([shift, -shift, 2.0 * shift])
    weights = np.random.default_rng(seed).random(len(points)) + 0.01
    found = fit_shape(points, wanted, weights)
    assert np.allclose(found.rotation, turn, atol=1e-8)
    assert found.scale == pytest.approx(scale, rel=1e-9)
    assert np.allclose(found.place(points), wanted, atol=1e-7 * max(1.0, scale, abs(shift)))
    assert np.allclose(found.turn(points) + found.shift, found.place(points))


@given(st.integers(0, 1000), st.floats(0.0, 0.3))
@settings(max_examples=60, deadline=None)
def test_never_mirrors(seed: int, noise: float) -> None:
    points = cloud(seed)
    random = np.random.default_rng(seed)
    mirrored = points * [-1.0, 1.0, 1.0] + random.normal(0.0, 30.0 * noise, points.shape)
    found = fit_shape(points, mirrored, np.ones(len(points)))
    assert np.linalg.det(found.rotation) == pytest.approx(1.0)
    assert found.scale >= 0.0


def test_flat_shapes_are_not_mirrored_either() -> None:
    flat = cloud(5) * [1.0, 1.0, 0.0]
    found = fit_shape(flat, flat[:, [1, 0, 2]], np.ones(len(flat)))
    assert np.linalg.det(found.rotation) == pytest.approx(1.0)
    assert np.allclose(found.place(flat), flat[:, [1, 0, 2]], atol=1e-8)


def test_is_the_least_squares_one() -> None:
    random = np.random.default_rng(2)
    points = cloud(2)
    wanted = 2.0 * points + random.normal(0.0, 3.0, points.shape)
    weights = random.random(len(points))
    found = fit_shape(points, wanted, weights)

    def cost(scale: float, rotation: np.ndarray, shift: np.ndarray) -> float:
        return float((weights * ((scale * points @ rotation + shift - wanted) ** 2).sum(axis=1)).sum())

    best = cost(found.scale, found.rotation, found.shift)
    for _ in range(40):
        nudge = Rotation.from_rotvec(random.normal(0.0, 0.01, 3)).as_matrix()
        shift = found.shift + random.normal(0.0, 0.2, 3)
        assert cost(found.scale * float(random.uniform(0.99, 1.01)), found.rotation @ nudge, shift) > best


def test_points_without_weight_do_not_count() -> None:
    points = cloud(7)
    wanted = points + 4.0
    wanted[::4] += 1000.0
    weights = np.ones(len(points))
    weights[::4] = 0.0
    assert np.allclose(fit_shape(points, wanted, weights).place(points), points + 4.0, atol=1e-8)


def test_points_that_fall_together_do_not_divide_by_zero() -> None:
    found = fit_shape(np.ones((5, 3)), cloud(0, 5), np.ones(5))
    assert np.isfinite(found.place(np.ones((5, 3)))).all()


def test_neutral_shape_ignores_expressions_and_poses() -> None:
    random = np.random.default_rng(4)
    face = cloud(4, 478)
    mouth = np.argsort(face[:, 1])[-120:]
    shapes = []
    for frame in range(9):
        moved = face.copy()
        if frame % 3 == 1:  # a smile in a third of the frames
            moved[mouth] += [0.0, 8.0, 3.0]
        turn = Rotation.from_euler("xyz", random.uniform(-25.0, 25.0, 3), degrees=True).as_matrix()
        shapes.append((random.uniform(0.8, 1.3) * moved @ turn + random.uniform(-300, 300, 3)).astype(np.float32))
    neutral = neutral_shape(shapes)
    assert neutral.shape == (478, 3)
    assert neutral.dtype == np.float32
    laid = fit_shape(neutral, face, np.ones(478)).place(neutral)
    # Under 2 % of the smile is left.
    assert np.abs(laid - face).max() < 0.16


def test_neutral_shape_of_one_frame_is_that_frame() -> None:
    face = cloud(1, 478).astype(np.float32)
    assert np.allclose(neutral_shape([face]), face, atol=1e-4)
    # It is laid where the first frame has it.
    assert np.allclose(neutral_shape([face, face * 2.0 + 50.0]), face, atol=1e-3)


def test_points_on_the_outermost_pixels_count_and_those_beyond_do_not() -> None:
    points = np.array([[0.0, 0.0], [9.0, 4.0], [9.01, 2.0], [3.0, -0.01]], np.float32)
    assert share_inside(points, width=10, height=5) == 0.5
    assert share_inside(np.c_[points, np.zeros(4)].astype(np.float32), width=11, height=5) == 0.75
