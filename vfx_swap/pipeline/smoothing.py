"""Zero-phase smoothing of a track: still heads stop trembling, fast turns keep their peak.

Every value at every frame is fitted by local polynomials over windows of growing width, centred on the
frame (so that nothing lags), weighted by confidence. The widest window is taken whose fit still agrees with
all narrower ones within the noise of the run: the rule of the intersection of confidence intervals
(Goldenshluger and Nemirovski, "On spatial adaptive estimation of nonparametric regression", 1997). Where a
movement bends faster than a window can follow, the fits disagree and the narrow one stays, down to the
measured value itself. At the ends of a run the windows are one-sided and the fit is still a polynomial, so
nothing shrinks there.

The rigid part (a similarity in the picture) and what is left of the face (turn of the head, expression) are
smoothed apart. The second decides its window per landmark, so that a blink stays sharp on a still head.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, lil_array

__all__ = [
    "Ladder",
    "SmoothRun",
    "bridge",
    "fit_similarities",
    "invert",
    "ladder_of",
    "lay",
    "mean_shape",
    "smooth_run",
    "smooth_series",
]

Array = NDArray[np.float64]

WINDOWS = ((2, 2), (2, 4), (2, 7), (1, 7), (1, 12))
"""(degree, half width in frames) of the fits, from the most faithful to the smoothest."""
AGREEMENT = 1.1
"""Fits agree when they differ by less than this times the sum of their standard errors, root mean square over
what is decided together. At 0.7 a still head keeps half its tremble, at 1.3 peaks begin to
lose (measured on the heads of tests/pipeline/test_smoothing.py)."""
NEIGHBOURHOOD = 0.07
"""Landmarks decide together over this Gaussian radius, as a fraction of face height."""
NOISE_FLOOR = 1e-4
NOISE_CEILING = 2e-3
"""Believed range of a landmarker's jitter, as a fraction of face height: what is above is taken for motion."""
LEAST_WEIGHT = 1e-4
"""Weight of a sample of confidence 0, against 1 of confidence 1."""
THIRD_DIFFERENCE_NORM = 20.0**0.5
"""Root of the sum of squares of (1, -3, 3, -1): what white noise of unit deviation gives."""


@dataclass(frozen=True, eq=False)
class SmoothRun:
    """A run of frames after smoothing."""

    points: Array
    """(frames, landmarks, 3) plate pixels."""
    expression: Array
    """(frames, weights), 0 to 1."""
    pose: Array
    """(frames, 3) yaw, pitch, roll in degrees; roll in (-180, 180]."""


@dataclass(frozen=True, eq=False)
class Ladder:
    """The fits of a run, shared by all its series."""

    times: Array
    """(frames,) ascending."""
    weights: Array
    """(frames,) inverse variance of the samples, relative; 1 is a clear one."""
    smoothers: tuple[csr_array, ...]
    """One (frames, frames) for each of `WINDOWS`."""
    errors: tuple[Array, ...]
    """(frames,) standard error of the measured values, then of each fit, for noise of deviation 1."""


def ladder_of(times: Array, weights: Array) -> Ladder:
    """The fits for frames at `times` (ascending) with `weights` (relative inverse variance; 1 is clear)."""
    smoothers = tuple(_smoother(times, weights, degree, half_width) for degree, half_width in WINDOWS)
    errors = (1.0 / np.sqrt(weights), *(np.sqrt(one.power(2) @ (1.0 / weights)) for one in smoothers))
    return Ladder(times=times, weights=weights, smoothers=smoothers, errors=errors)


def smooth_run(times: Array, points: Array, expression: Array, pose: Array, confidence: Array) -> SmoothRun:
    """Smooth one run: frames of one face without a cut, short gaps allowed.

    Args:
        times: (frames,) ascending positions in the shot, in frames.
        points: (frames, landmarks, 3) plate pixels.
        expression: (frames, weights).
        pose: (frames, 3) yaw, pitch, roll in degrees.
        confidence: (frames,) 0 to 1; a sample of low confidence gives way to its neighbours.

    Returns:
        The run at the same frames.
    """
    ladder = ladder_of(times, np.maximum(confidence.astype(np.float64) ** 3, LEAST_WEIGHT))
    return SmoothRun(
        points=_smooth_points(ladder, points.astype(np.float64)),
        expression=np.clip(
            smooth_series(ladder, expression[:, :, None].astype(np.float64), noise=(0.002, 0.03)), 0.0, 1.0
        )[:, :, 0],
        pose=_smooth_pose(ladder, pose.astype(np.float64)),
    )


def smooth_series(ladder: Ladder, values: Array, *, noise: tuple[float, float], together: Array | None = None) -> Array:
    """Smooth series that share their frames; each decides its own window.

    Args:
        ladder: the fits of the frames.
        values: (frames, series, channels); the channels of a series are decided together.
        noise: believed range of the standard deviation of a clear sample, in the unit of `values`.
        together: (series, series) rows summing to 1: whose disagreement counts for whom; None: each its own.

    Returns:
        (frames, series, channels).
    """
    sigma = np.clip(_noise(ladder.times, values, ladder.weights), *noise)
    estimates = [values]
    chosen = np.zeros(values.shape[:2])
    alive = np.ones(values.shape[:2], dtype=bool)
    for smoother, error in zip(ladder.smoothers, ladder.errors[1:], strict=True):
        estimate = (smoother @ values.reshape(len(values), -1)).reshape(values.shape)
        for other, other_error in zip(estimates, ladder.errors, strict=False):
            gap = ((estimate - other) ** 2).mean(axis=2)
            gap = gap if together is None else gap @ together.T
            alive &= gap <= (AGREEMENT * sigma * (error + other_error)[:, None]) ** 2
        estimates.append(estimate)
        chosen += alive
    return _blend(estimates, _calm(chosen, together))


def fit_similarities(points: Array, shape: Array, *, robust: bool = False) -> Array:
    """Similarity of the picture plane that lays `shape` best on each frame's points, least squares.

    Args:
        points: (frames, landmarks, 2 or 3); x and y are used.
        shape: (landmarks, 2 or 3).
        robust: landmarks that move by themselves (a mouth that opens, an eye that blinks) count less: Cauchy
            weights at twice the median residual, reweighted twice.

    Returns:
        (frames, 4) a, b, x, y: `(a X - b Y + x, b X + a Y + y)`.
    """
    weights = np.ones(points.shape[:2])
    motions = _fit_weighted(points, shape, weights)
    for _ in range(2 if robust else 0):
        off = np.linalg.norm(
            lay(motions, np.broadcast_to(_deep(shape), (len(points), len(shape), 3))) - _deep(points), axis=-1
        )
        scale = np.maximum(2 * np.median(off, axis=1, keepdims=True), 1e-9)
        motions = _fit_weighted(points, shape, 1.0 / (1.0 + (off / scale) ** 2))
    return motions


def _fit_weighted(points: Array, shape: Array, weights: Array) -> Array:
    """(frames, 4) similarities with (frames, landmarks) weights."""
    share = (weights / weights.sum(axis=1, keepdims=True))[:, :, None]
    middle, centre = (share * shape[None, :, :2]).sum(axis=1), (share * points[:, :, :2]).sum(axis=1)
    flat, spread = shape[None, :, :2] - middle[:, None], points[:, :, :2] - centre[:, None]
    power = np.maximum((share * flat**2).sum(axis=(1, 2)), 1e-12)
    a = (share * spread * flat).sum(axis=(1, 2)) / power
    b = (share[..., 0] * (spread[..., 1] * flat[..., 0] - spread[..., 0] * flat[..., 1])).sum(axis=1) / power
    x = centre[:, 0] - (a * middle[:, 0] - b * middle[:, 1])
    y = centre[:, 1] - (b * middle[:, 0] + a * middle[:, 1])
    return np.stack([a, b, x, y], axis=1)


def _deep(points: Array) -> Array:
    """Points with z = 0."""
    return np.concatenate([points[..., :2], np.zeros_like(points[..., :1])], axis=-1)


def bridge(times: Array, values: Array, missing: Array) -> Array:
    """Values at missing frames, by a cubic through their neighbours with the speeds on either side (Hermite).

    Args:
        times: (frames,) ascending, of the values.
        values: (frames, ...).
        missing: (gaps,) positions strictly inside the range of `times`.

    Returns:
        (gaps, ...).
    """
    bridged = []
    for time in missing:
        after = int(np.searchsorted(times, time))
        before = after - 1
        span = times[after] - times[before]
        part = (time - times[before]) / span
        chord = (values[after] - values[before]) / span
        into = _speed(times, values, before - 1, before, chord)
        out = _speed(times, values, after, after + 1, chord)
        bridged.append(
            (1 + 2 * part) * (1 - part) ** 2 * values[before]
            + part * (1 - part) ** 2 * span * into
            + part**2 * (3 - 2 * part) * values[after]
            + part**2 * (part - 1) * span * out
        )
    return np.stack(bridged) if bridged else values[:0]


def _speed(times: Array, values: Array, first: int, second: int, chord: Array) -> Array:
    """Speed on one side of a gap; the gap's own mean speed where that side has no neighbouring frame."""
    if first < 0 or second >= len(times) or times[second] - times[first] > 2:
        return chord
    speed: Array = (values[second] - values[first]) / (times[second] - times[first])
    return speed


def _smooth_points(ladder: Ladder, points: Array) -> Array:
    """Rigid part and the rest apart; see the module's head."""
    shape = mean_shape(points)
    height = float(np.ptp(shape[:, 1])) or 1.0
    noise = (NOISE_FLOOR * height, NOISE_CEILING * height)
    middle = shape.mean(axis=0)
    motions = fit_similarities(points, shape - middle, robust=True)
    # Half a face height away from the middle, a and b move a point by so many pixels: all four in pixels.
    unit = np.array([height / 2, height / 2, 1.0, 1.0])
    smooth = smooth_series(ladder, (motions * unit)[:, None, :], noise=noise)[:, 0] / unit
    rest = lay(invert(motions), points) - (shape - middle)
    distance = np.linalg.norm(shape[:, None, :2] - shape[None, :, :2], axis=2)
    together = np.exp(-0.5 * (distance / (NEIGHBOURHOOD * height)) ** 2)
    together /= together.sum(axis=1, keepdims=True)
    rest = smooth_series(ladder, rest, noise=noise, together=together)
    return lay(smooth, rest + (shape - middle))


def mean_shape(points: Array) -> Array:
    """Mean face of the run after taking out each frame's similarity to its middle frame."""
    shape: Array = points[len(points) // 2]
    for _ in range(2):
        shape = np.asarray(lay(invert(fit_similarities(points, shape)), points).mean(axis=0), dtype=np.float64)
    return shape


def lay(motions: Array, points: Array) -> Array:
    """Apply (frames, 4) similarities to (frames, landmarks, 3); z takes the scale only."""
    a, b = motions[:, 0, None], motions[:, 1, None]
    x, y = points[..., 0], points[..., 1]
    right, down = motions[:, 2, None], motions[:, 3, None]
    return np.stack([a * x - b * y + right, b * x + a * y + down, np.hypot(a, b) * points[..., 2]], axis=-1)


def invert(motions: Array) -> Array:
    """Inverse similarities, (frames, 4)."""
    power = np.maximum(motions[:, 0] ** 2 + motions[:, 1] ** 2, 1e-12)
    a, b = motions[:, 0] / power, -motions[:, 1] / power
    x, y = motions[:, 2], motions[:, 3]
    return np.stack([a, b, -(a * x - b * y), -(b * x + a * y)], axis=1)


def _smooth_pose(ladder: Ladder, pose: Array) -> Array:
    """Angles without their jump at 180 degrees, decided together."""
    whole = np.unwrap(pose, axis=0, period=360.0)
    smooth = smooth_series(ladder, whole[:, None, :], noise=(0.02, 1.0))[:, 0]
    wrapped: Array = 180.0 - np.mod(180.0 - smooth, 360.0)
    return wrapped


def _noise(times: Array, values: Array, weights: Array) -> Array:
    """(1, series) standard deviation of a clear sample, from third differences, which no quadratic survives.

    Median over frames, so that a few fast ones do not count as noise. 0 where the run is too short to tell.
    """
    if len(times) < 6:
        return np.zeros((1, values.shape[1]))
    steady = (np.diff(times, n=1)[:-2] == 1) & (np.diff(times)[1:-1] == 1) & (np.diff(times)[2:] == 1)
    if steady.sum() < 3:
        return np.zeros((1, values.shape[1]))
    certainty = 1.0 / weights
    spread = np.sqrt((certainty[:-3] + 9 * certainty[1:-2] + 9 * certainty[2:-1] + certainty[3:]) / 20.0)
    third = np.diff(values, n=3, axis=0)[steady] / (THIRD_DIFFERENCE_NORM * spread[steady, None, None])
    power = (third**2).mean(axis=2)
    # The median of a squared normal (chi-square, k degrees of freedom) is about k (1 - 2/(9k))^3 / k of its mean.
    channels = values.shape[2]
    ratio = (1 - 2 / (9 * channels)) ** 3
    noise: Array = np.sqrt(np.median(power, axis=0) / ratio)[None, :]
    return noise


def _smoother(times: Array, weights: Array, degree: int, half_width: int) -> csr_array:
    """(frames, frames) rows of the local polynomial fit at each frame, tricube in time times weight."""
    count = len(times)
    smoother = lil_array((count, count))
    for row, time in enumerate(times):
        first = int(np.searchsorted(times, time - half_width, side="left"))
        last = int(np.searchsorted(times, time + half_width, side="right"))
        away = times[first:last] - time
        share = (1 - np.abs(away / (half_width + 1)) ** 3) ** 3 * weights[first:last]
        terms = np.vander(away / half_width, min(degree, last - first - 1) + 1, increasing=True)
        root = np.sqrt(share)[:, None]
        smoother[row, first:last] = np.linalg.pinv(terms * root)[0] * root[:, 0]
    return csr_array(smoother)


def _calm(chosen: Array, together: Array | None) -> Array:
    """The chosen step of the ladder, without sudden jumps in time or over the face, and never above the choice."""
    padded = np.pad(chosen, ((1, 1), (0, 0)), mode="edge")
    soft = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    soft = soft if together is None else soft @ together.T
    return np.minimum(soft, chosen)


def _blend(estimates: list[Array], step: Array) -> Array:
    """Linear between the two estimates around each fractional step."""
    result = np.zeros_like(estimates[0])
    for index, estimate in enumerate(estimates):
        result += np.clip(1 - np.abs(step - index), 0.0, 1.0)[..., None] * estimate
    return result
