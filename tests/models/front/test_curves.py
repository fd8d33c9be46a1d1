from __future__ import annotations

import cv2
import numpy as np
import pytest

from vfx_swap.models.front.curves import best_path, normals_of, resampled, ridge, strip


def test_a_dark_line_stands_out_of_what_is_about_it_and_a_bright_one_the_other_way() -> None:
    log = np.zeros((40, 60), np.float32)
    log[:, 28:32] = -1.0
    dark, bright = ridge(log, 4.0), ridge(-log, 4.0)
    assert dark[20].argmax() in (29, 30)
    assert dark[20, 29] > 0.3
    assert abs(dark[20, 5]) < 0.01
    np.testing.assert_allclose(bright, -dark, atol=1e-6)


def test_points_at_equal_steps() -> None:
    square = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], np.float32)
    closed = resampled(square, 40, closed=True)
    steps = np.linalg.norm(np.diff(np.concatenate([closed, closed[:1]]), axis=0), axis=1)
    np.testing.assert_allclose(steps, 1.0, atol=1e-4)
    opened = resampled(square, 31, closed=False)
    np.testing.assert_allclose(opened[[0, -1]], square[[0, -1]])


@pytest.mark.parametrize("closed", [True, False])
def test_normals_are_across(closed: bool) -> None:
    turn = np.linspace(0.0, 2.0 * np.pi, 90, endpoint=False)
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1).astype(np.float32)
    across = np.abs((normals_of(ring, closed=closed) * ring).sum(axis=1))
    assert across[5:-5].min() > 0.99


def test_the_best_closed_path_finds_a_wobbling_ring_and_meets_itself() -> None:
    turn = np.linspace(0.0, 2.0 * np.pi, 120, endpoint=False)
    radius = 20.0 + 3.0 * np.sin(3.0 * turn)
    picture = np.zeros((80, 80), np.float32)
    line = np.stack([40.0 + radius * np.cos(turn), 40.0 + radius * np.sin(turn)], axis=1)
    cv2.polylines(picture, [np.round(line * 16).astype(np.int32)], True, 1.0, 2, cv2.LINE_8, 4)
    ring = np.stack([40.0 + 20.0 * np.cos(turn), 40.0 + 20.0 * np.sin(turn)], axis=1).astype(np.float32)
    outward = np.stack([np.cos(turn), np.sin(turn)], axis=1).astype(np.float32)
    offsets = np.arange(-6.0, 6.5, 0.5).astype(np.float32)
    path, mean = best_path(strip(picture, ring, outward, offsets), closed=True, bend=0.02)
    assert np.abs(20.0 + offsets[path] - radius).max() < 1.6
    assert abs(int(path[0]) - int(path[-1])) <= 3
    assert mean > 0.7


def test_an_open_path_crosses_a_gap() -> None:
    gain = np.zeros((30, 11), np.float32)
    gain[:, 5] = 1.0
    gain[12:16] = 0.0
    path, _ = best_path(gain, closed=False, bend=0.1)
    assert (path == 5).all()
