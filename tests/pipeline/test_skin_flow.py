"""Skin that is followed in the picture: a face stops trembling and goes where it goes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vfx_swap.arrays import FloatArray
from vfx_swap.pipeline.skin_flow import Picture, beside, skin_steps, steadied

COUNT = 14
HEIGHT = 150.0
ORIGIN = np.zeros(2, np.float32)
FIRM = np.zeros(200)
Array = NDArray[np.float64]


def _texture(seed: int) -> FloatArray:
    """(300, 300) 0 to 1, detail of a few pixels."""
    noise = np.random.default_rng(seed).standard_normal((300, 300)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return np.asarray(np.clip(0.5 + 0.15 * soft / soft.std(), 0.0, 1.0), dtype=np.float32)


def _way() -> Array:
    """(frames, 4) angle, scale, x and y of each frame: a nod that changes its mind, as no polynomial does."""
    time = np.arange(COUNT, dtype=np.float64)
    bump = np.abs((time % 6) - 3.0)
    return np.stack([0.02 * np.sin(time), 1.0 + 0.004 * time, 1.7 * bump, 0.8 * time - 2.0 * bump], axis=1)


def _matrix(way: Array) -> Array:
    angle, scale, x, y = way
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([150.0, 150.0])
    return np.column_stack([turn, middle + np.array([x, y]) - turn @ middle])


def _landmarks() -> Array:
    angle, reach = np.random.default_rng(1).uniform(0, 2 * np.pi, 200), np.random.default_rng(2).uniform(0, 1, 200)
    flat = 150.0 + HEIGHT / 2 * np.sqrt(reach)[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    return np.column_stack([flat, np.zeros(200)])


def _shot(*, light: float = 0.0) -> tuple[list[Picture], Array]:
    """Pictures of the moving texture, and the true landmarks (frames, n, 3)."""
    texture, spots, pictures, true = _texture(5), _landmarks(), [], []
    for number, way in enumerate(_way()):
        matrix = _matrix(way)
        moved = cv2.warpAffine(texture, matrix, (300, 300), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        ramp = 1.0 + light * np.sin(number + np.linspace(0.0, 2.0, 300))[None, :]
        shown = np.clip(np.repeat((moved * ramp)[..., None], 3, axis=2), 0.0, 1.0)
        pictures.append(Picture(shown.astype(np.float32), ORIGIN))
        true.append(np.column_stack([spots[:, :2] @ matrix[:, :2].T + matrix[:, 2], spots[:, 2]]))
    return pictures, np.stack(true)


def _steps(pictures: list[Picture], points: Array) -> Array:
    steps = [np.zeros((points.shape[1], 3), np.float32)]
    for index in range(1, len(pictures)):
        one, other = (np.asarray(points[at], dtype=np.float32) for at in (index - 1, index))
        steps.append(skin_steps(pictures[index - 1], pictures[index], one, other))
    return np.stack(steps).astype(np.float64)


def _tremble(points: Array, true: Array) -> float:
    """Mean change from frame to frame of how far landmarks are off."""
    return float(np.linalg.norm(np.diff((points - true)[..., :2], axis=0), axis=2).mean())


def _measured(true: Array) -> Array:
    """As a landmarker has it: the whole face off by another half pixel in every frame, each landmark by some more."""
    random = np.random.default_rng(9)
    whole, each = random.normal(0.0, 0.5, (len(true), 1, 2)), random.normal(0.0, 0.2, (*true.shape[:2], 2))
    out = true.copy()
    out[..., :2] += whole + each
    return out


@pytest.mark.parametrize("light", [0.0, 0.25])
def test_a_face_trembles_a_quarter_of_what_its_landmarks_do_and_keeps_its_peaks(light: float) -> None:
    pictures, true = _shot(light=light)
    measured = _measured(true)
    steps = _steps(pictures, measured)
    ones = np.ones(COUNT)
    steady = steadied(np.arange(float(COUNT)), measured, measured, steps, ones, turns=0.0 * ones, loose=FIRM)
    assert _tremble(steady, true) < 0.3 * _tremble(measured, true)
    # Where the nod turns round, and at both ends, the face is where it is.
    off = np.linalg.norm((steady - true)[..., :2].mean(axis=1), axis=1)
    assert off.max() < 0.9


def test_flow_finds_motion_to_a_tenth_of_a_pixel_where_it_is_trusted() -> None:
    pictures, true = _shot()
    steps = _steps(pictures, true)[1:]
    off = np.linalg.norm(steps[..., :2] - np.diff(true, axis=0)[..., :2], axis=2)
    sure = steps[..., 2] > 0.5
    assert sure.mean() > 0.7
    assert off[sure].mean() < 0.1


def test_another_picture_is_not_trusted() -> None:
    pictures, true = _shot()
    other = np.repeat(_texture(77)[..., None], 3, axis=2)
    points = np.asarray(true[0], dtype=np.float32)
    found = skin_steps(pictures[0], Picture(other, ORIGIN), points, points)
    assert found[:, 2].mean() < 0.2


def test_without_flow_landmarks_stay_as_they_were_smoothed() -> None:
    true = _shot()[1]
    smooth = true + 0.25
    nothing = np.zeros((*true.shape[:2], 3))
    still = np.zeros(COUNT)
    assert steadied(np.arange(float(COUNT)), true, smooth, nothing, still + 1.0, turns=still, loose=FIRM) is smooth


def _known(true: Array) -> Array:
    """Steps as the skin really goes."""
    steps = np.concatenate([np.zeros((1, 200, 3)), np.diff(true, axis=0)])
    steps[1:, :, 2] = 1.0
    return steps


def test_landmarks_that_slide_over_skin_as_a_head_turns_are_not_dragged_along() -> None:
    true = _shot()[1]
    sliding = true.copy()
    sliding[..., 0] += 1.5 * np.arange(COUNT)[:, None]  # an outline: the skin under it goes another way
    ones = np.ones(COUNT)
    steady = steadied(np.arange(float(COUNT)), sliding, sliding, _known(true), ones, turns=5.0 * ones, loose=FIRM)
    assert np.abs(steady - sliding).max() < 0.15


def test_on_a_head_that_does_not_turn_a_landmark_stays_on_its_skin_and_takes_lips_along() -> None:
    true = _shot()[1]
    measured = true.copy()
    # A mouth that opens and shuts is taken for a face that grows and shrinks: what lies low slides, and lips with it.
    low = np.clip((true[0, :, 1] - np.median(true[0, :, 1])) / np.ptp(true[0, :, 1]), 0.0, 1.0)
    measured[..., 1] += low * 2.0 * np.sin(np.arange(COUNT) * 2.0 * np.pi / 8.0)[:, None]
    loose = (np.arange(200) % 10 == 0).astype(np.float64)
    ones = np.ones(COUNT)
    steady = steadied(np.arange(float(COUNT)), measured, measured, _known(true), ones, turns=0.0 * ones, loose=loose)
    slid, left = (np.diff(one - true, axis=0)[..., 1] for one in (measured, steady))
    for some in (loose == 0.0, loose == 1.0):
        assert np.abs(left[:, some]).mean() < 0.4 * np.abs(slid[:, some]).mean()


def test_what_lies_beside_a_hand_is_not_asked_how_it_goes() -> None:
    points = np.stack([np.linspace(0.0, 100.0, 101), np.zeros(101), np.zeros(101)], axis=1).astype(np.float32)
    hidden = np.zeros(101, dtype=bool)
    assert not beside(points, hidden).any()
    hidden[50] = True
    found = np.flatnonzero(beside(points, hidden))
    assert (found[0], found[-1]) == (44, 56)


def test_a_face_at_the_border_of_the_picture_and_one_outside_it_are_no_error() -> None:
    pictures, true = _shot()
    at_border = np.asarray(true[0] - (120.0, 100.0, 0.0), dtype=np.float32)
    outside = np.asarray(true[0] + 900.0, dtype=np.float32)
    assert skin_steps(pictures[0], pictures[1], at_border, at_border).shape == (200, 3)
    assert not skin_steps(pictures[0], pictures[1], outside, outside).any()
