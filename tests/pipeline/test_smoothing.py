"""Smoothing: still heads stop trembling, fast ones keep their peak, ends stay where they are."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from vfx_swap.pipeline.smoothing import SmoothRun, bridge, fit_similarities, smooth_run

Array = NDArray[np.float64]
_RNG = np.random.default_rng(3)
HEAD = np.column_stack([_RNG.uniform(-90, 90, 478), _RNG.uniform(-125, 125, 478), _RNG.uniform(-40, 40, 478)])
"""A head 250 pixels high."""
COUNT = 41
TIMES = np.arange(COUNT, dtype=np.float64)
BUMP = np.exp(-0.5 * ((TIMES - 20) / 3) ** 2)
"""A movement there and back within a dozen frames."""


def heads(*, shift: Array | float = 0.0, yaw: Array | float = 0.0, mouth: Array | float = 0.0) -> Array:
    """(frames, 478, 3) true landmarks: shift in x in pixels, yaw in radians, the lowest landmarks moved down."""
    shift, yaw, mouth = (np.broadcast_to(value, COUNT) for value in (shift, yaw, mouth))
    cos, sin = np.cos(yaw)[:, None], np.sin(yaw)[:, None]
    x, y, z = HEAD.T
    low = y > 60
    return np.stack(
        [cos * x + sin * z + shift[:, None] + 500, y + low * mouth[:, None] + 400, -sin * x + cos * z], axis=-1
    )


def jitter(seed: int, *, own: float = 0.2, shared: float = 0.25) -> Array:
    """What a landmarker adds: each landmark's own tremble and the whole face's, in pixels."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, own, (COUNT, 478, 3)) + rng.normal(0, shared, (COUNT, 1, 3)) * [1, 1, 0]


def smoothed(points: Array, confidence: Array | None = None, times: Array = TIMES) -> SmoothRun:
    count = len(times)
    return smooth_run(
        times,
        points,
        np.full((count, 52), 0.3),
        np.zeros((count, 3)),
        np.ones(count) if confidence is None else confidence,
    )


def rms(values: Array) -> float:
    return float(np.sqrt((values[..., :2] ** 2).mean()))


def test_jitter_of_a_still_head_is_more_than_halved() -> None:
    truth, noise = heads(), jitter(0)

    left = smoothed(truth + noise).points - truth

    assert rms(left[8:-8]) < 0.45 * rms(noise[8:-8])
    assert rms(np.diff(left, axis=0)) < 0.35 * rms(np.diff(noise, axis=0))


def test_the_ends_of_a_range_are_smoothed_and_do_not_shrink() -> None:
    truth = heads(shift=4.0 * TIMES)

    errors = np.stack([smoothed(truth + jitter(seed)).points - truth for seed in range(6)])

    assert rms(errors[:, [0, -1]]) < 0.85 * rms(np.stack([jitter(seed) for seed in range(6)]))
    assert abs(float(errors[:, 0, :, 0].mean())) < 0.15
    assert abs(float(errors[:, -1, :, 0].mean())) < 0.15


@pytest.mark.parametrize(
    ("motion", "limit"),
    [
        pytest.param({"shift": 80 * BUMP}, 0.25, id="a head thrown 80 px aside and back in 12 frames"),
        pytest.param({"yaw": 0.6 * BUMP}, 0.25, id="a turn by 34 degrees and back"),
        pytest.param({"mouth": 25 * BUMP}, 0.25, id="a mouth opened wide and shut"),
        pytest.param({"shift": 60 * BUMP, "yaw": 0.5 * BUMP}, 0.25, id="a throw with a turn"),
    ],
)
def test_a_fast_movement_keeps_its_peak(motion: dict[str, Array], limit: float) -> None:
    truth = heads(**motion)
    errors = [smoothed(truth + jitter(seed)).points - truth for seed in range(5)]

    # The mean over seeds: bias, and what is left of their tremble, 0.1 px.
    bias = np.mean(errors, axis=0)[20, :, :2]

    assert float(np.sqrt((bias**2).mean())) < limit
    assert float(np.abs(bias).max()) < 3 * limit


def test_a_fast_movement_without_noise_is_hardly_touched() -> None:
    truth = heads(shift=80 * BUMP, yaw=0.4 * BUMP, mouth=20 * BUMP)

    assert float(np.abs(smoothed(truth).points - truth).max()) < 0.15


def test_it_does_not_lag() -> None:
    """Run backwards in time, the result is the same backwards."""
    points = heads(shift=80 * BUMP) + jitter(1)

    forward, backward = smoothed(points).points, smoothed(points[::-1]).points[::-1]

    np.testing.assert_allclose(forward, backward, atol=1e-9)


def test_a_blurred_frame_gives_way_to_its_neighbours() -> None:
    truth = heads(shift=3.0 * TIMES)
    points = truth + jitter(2)
    points[20, :, 0] += 3.0
    confidence = np.ones(COUNT)
    confidence[20] = 0.1

    assert rms(smoothed(points, confidence).points[20] - truth[20]) < 0.5
    assert rms(smoothed(points).points[20] - truth[20]) > 1.0


def test_a_blink_stays_sharp_while_the_head_is_smoothed() -> None:
    blink = np.zeros(COUNT)
    blink[19:22] = (6.0, 10.0, 6.0)
    truth = heads(mouth=blink)
    noises = [jitter(seed) for seed in range(6)]
    left = [smoothed(truth + noise).points - truth for noise in noises]
    low = HEAD[:, 1] > 60

    assert abs(float(np.mean([one[20, low, 1].mean() for one in left]))) < 1.0
    assert rms(np.stack([one[18:23, ~low] for one in left])) < 0.7 * rms(np.stack([one[18:23, ~low] for one in noises]))


def test_roll_may_pass_180_degrees() -> None:
    roll = np.stack([np.zeros(COUNT), np.zeros(COUNT), 170.25 + 0.5 * TIMES], axis=1)
    wrapped = 180.0 - np.mod(180.0 - roll, 360.0)

    pose = smooth_run(TIMES, heads(), np.zeros((COUNT, 52)), wrapped, np.ones(COUNT)).pose

    np.testing.assert_allclose(pose, wrapped, atol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_short_runs_hold(count: int) -> None:
    truth = heads(shift=5.0 * TIMES)[:count]

    result = smoothed(truth, times=TIMES[:count])

    np.testing.assert_allclose(result.points, truth, atol=1e-6)
    assert result.expression.shape == (count, 52)


def test_gaps_in_time_are_respected() -> None:
    keep = np.array([n for n in range(COUNT) if n not in {10, 11, 12}])
    truth = heads(shift=6.0 * TIMES)[keep]

    assert float(np.abs(smoothed(truth, times=TIMES[keep]).points - truth).max()) < 1e-6


def test_a_bridge_follows_the_speeds_on_both_sides() -> None:
    times = np.array([0.0, 1.0, 5.0, 6.0])
    path = (times**2)[:, None]

    np.testing.assert_allclose(bridge(times, path, np.array([2.0, 3.0, 4.0])), [[4.0], [9.0], [16.0]], atol=1.5)
    np.testing.assert_allclose(bridge(times, 3 * times, np.array([2.0, 4.0])), [6.0, 12.0])
    assert bridge(times, path, np.array([])).shape == (0, 1)


def test_similarities_are_recovered() -> None:
    angle, scale, shift = 0.3, 1.7, np.array([12.0, -5.0])
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = HEAD[:, :2] @ turn.T + shift

    a, b, x, y = fit_similarities(moved[None], HEAD)[0]

    assert (a, b, x, y) == pytest.approx((turn[0, 0], turn[1, 0], *shift))
