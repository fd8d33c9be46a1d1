"""How skin moves from frame to frame, seen in the picture itself: a face's tremble is the landmarker's, not the head's.

A landmarker looks at each frame anew and is off by another half pixel every time; the plate's own detail shows how far
skin went to a tenth of that. Landmarks say where a face is, the flow says how it went from there: a chain of both is
solved over a run of frames, forwards and backwards at once, so that nothing lags.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

from vfx_swap.arrays import FloatArray
from vfx_swap.geometry.mesh import LIPS, LOOPS
from vfx_swap.models.facemesh.canonical import MESH_VERTEX_COUNT
from vfx_swap.pipeline.smoothing import fit_similarities, invert, lay, mean_shape

__all__ = ["Picture", "beside", "loose_landmarks", "skin_steps", "steadied"]

Array = NDArray[np.float64]

LARGEST = 320.0
"""Face height in pixels that pictures are shrunk to before they are compared."""
AROUND = 0.3
"""Of face height: plate about the landmarks that is looked at."""
LEAST = 16
"""Pixels of a picture's side below which nothing is found in it."""
BROAD = 0.03
"""Of face height: shading broader than this is taken out, so that light that changes is no motion."""
WINDOW = 0.12
"""Of face height: side of the patch around a landmark that is found again."""
LEVELS = 3
MEETS = 0.0025
"""Of face height: how far forth and back may miss each other; at this a step counts half."""
NEAR = 0.03
"""Of face height: a step further than this from the landmarks' own is a mistake."""
STEADY_FACE, STEADY_SKIN, STEADY_LOOSE = 3.0, 4.0, 0.5
"""Deviation of what is measured over that of the flow's steps: about so many frames on each side say where a face is,
where a landmark is on skin that holds together, and where one is on lids and lips. A talking double's brows, nose and
forehead step beside their skin by 0.04 to 0.13 % of face height so, and by 0.14 to 0.39 with 1.0 for all and a slide
that is always allowed: a landmarker takes an open mouth for a longer face, over many frames."""
LOOSE = 0.05
"""Of face height: Gaussian radius about lids and lips within which skin does not hold together."""
POOL, POOL_LOOSE = 0.06, 0.03
"""Of face height: Gaussian radius over which steps are pooled; a cheek has little to hold on to."""
CARRIED = 0.1
"""Of face height: Gaussian radius over which the skin about them carries lids and lips along."""
LEAST_TRUST = 20.0
"""Sum of the landmarks' trust below which a step says nothing."""
DRIFT_FRAMES = 4
"""Half width in frames over which landmarks and flow may part: outlines slide on skin as a head turns."""
SLIDES_DEGREES = 3.0
"""Turn of the head from frame to frame at which they may part by all that they do. A head that holds still lets none
slide: there it is the landmarker that is wrong."""
CLIP = 0.02
"""Of face height: more than this between a landmark's step and the flow's is no drift."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A frame as models see it."""

    rgb: FloatArray
    """(height, width, 3) display-referred, 0 to 1."""
    origin: FloatArray
    """(2,) plate pixel of its first pixel."""


def skin_steps(before: Picture, after: Picture, points: FloatArray, guess: FloatArray) -> FloatArray:
    """How far the skin under each landmark goes from one frame to the next.

    Pyramids of Lucas and Kanade's (J.-Y. Bouguet, "Pyramidal Implementation of the Lucas Kanade Feature Tracker",
    2001), from the landmarks' own step, forth and back.

    Args:
        before: the first frame.
        after: the next.
        points: (n, 2 or 3) landmarks in the first, plate pixels.
        guess: (n, 2 or 3) landmarks in the next.

    Returns:
        (n, 3): x and y in plate pixels, and 0 to 1 how far each can be trusted.
    """
    nothing = np.zeros((len(points), 3), np.float32)
    if not (np.isfinite(points).all() and np.isfinite(guess).all()):
        return nothing
    high = max(float(np.ptp(points[:, :2], axis=0).max()), float(np.ptp(guess[:, :2], axis=0).max()), 4.0)
    scale = min(1.0, LARGEST / high)
    window = _shared((before, after), np.concatenate([points[:, :2], guess[:, :2]]), AROUND * high)
    if window is None:
        return nothing
    one, other = (_shown(seen, window, high, scale) for seen in (before, after))
    start, ahead = (
        np.asarray((at[:, :2] - window[:2] + 0.5) * scale - 0.5, dtype=np.float32) for at in (points, guess)
    )
    side = max(7, round(WINDOW * high * scale) // 2 * 2 + 1)
    there, found = _followed(one, other, start, ahead, side)
    back, kept = _followed(other, one, there, start, side)
    misses = np.linalg.norm(back - start, axis=1) / (MEETS * high * scale)
    off = np.linalg.norm(there - ahead, axis=1) / (NEAR * high * scale)
    trust = np.where(found & kept & (off < 1.0), 1.0 / (1.0 + misses**2), 0.0)
    moved = (there - start) / scale
    return np.concatenate([moved, trust[:, None]], axis=1).astype(np.float32)


def _shared(pictures: Sequence[Picture], points: FloatArray, margin: float) -> NDArray[np.int64] | None:
    """(4,) left, top, right, bottom in plate pixels: what all pictures hold about the points; None: too little."""
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    for one in pictures:
        low = np.maximum(low, one.origin)
        high = np.minimum(high, one.origin + one.rgb.shape[1::-1])
    window = np.concatenate([np.floor(low), np.ceil(high)]).astype(np.int64)
    return None if min(window[2] - window[0], window[3] - window[1]) < LEAST else window


def _shown(picture: Picture, window: NDArray[np.int64], height: float, scale: float) -> np.ndarray:
    """(h, w) 8 bits of a window, shading taken out, shrunk."""
    left, top, right, bottom = (int(at) for at in window - np.tile(np.round(picture.origin).astype(np.int64), 2))
    grey = picture.rgb[top:bottom, left:right].mean(axis=2, dtype=np.float32)
    if scale < 1.0:
        matrix = np.array([[scale, 0.0, 0.5 * scale - 0.5], [0.0, scale, 0.5 * scale - 0.5]])
        size = (max(LEAST, int(grey.shape[1] * scale)), max(LEAST, int(grey.shape[0] * scale)))
        soft = cv2.GaussianBlur(grey, (0, 0), 0.4 / scale)
        grey = np.asarray(cv2.warpAffine(soft, matrix, size, borderMode=cv2.BORDER_REPLICATE), dtype=np.float32)
    broad = cv2.GaussianBlur(grey, (0, 0), max(2.0, BROAD * height * scale))
    flat = np.clip(127.5 * grey / (broad + np.float32(0.02)), 0.0, 255.0)
    return np.asarray(flat, dtype=np.uint8)


def _followed(
    one: np.ndarray, other: np.ndarray, start: FloatArray, guess: FloatArray, side: int
) -> tuple[FloatArray, np.ndarray]:
    """(n, 2) where points of a picture are in another, and (n,) whether they were found."""
    there, found, _ = cv2.calcOpticalFlowPyrLK(
        one,
        other,
        start,
        guess.copy(),
        winSize=(side, side),
        maxLevel=LEVELS,
        criteria=(cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 0.005),
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
        minEigThreshold=1e-4,
    )
    return np.asarray(there, dtype=np.float32), np.asarray(found)[:, 0] > 0


def beside(points: FloatArray, hidden: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(n,) landmarks whose patch shows some of what hides others: how it goes is not how skin goes.

    Args:
        points: (n, 2 or 3) plate pixels.
        hidden: (n,) those that something hides.
    """
    if not hidden.any():
        return hidden
    near = 0.5 * WINDOW * max(float(np.ptp(points[:, :2], axis=0).max()), 4.0)
    apart = np.linalg.norm(points[:, None, :2] - points[None, hidden, :2], axis=2)
    found: NDArray[np.bool_] = apart.min(axis=1) <= near
    return found


def loose_landmarks(shape: Array) -> Array:
    """(n,) how freely each landmark moves beside the skin about it: 1 on lids, irises and lips, 0 elsewhere.

    Args:
        shape: (478, 3) mean landmarks of a run, any unit.
    """
    moving = sorted({*LOOPS["eye_image_left"], *LOOPS["eye_image_right"], *LIPS, *range(MESH_VERTEX_COUNT, len(shape))})
    apart = np.linalg.norm(shape[:, None, :2] - shape[None, moving, :2], axis=2).min(axis=1)
    radius = LOOSE * max(float(np.ptp(shape[:, 1])), 1e-6)
    return np.asarray(np.exp(-0.5 * (apart / radius) ** 2))


def steadied(
    times: Array, points: Array, smooth: Array, steps: Array, confidence: Array, *, turns: Array, loose: Array
) -> Array:
    """Landmarks of a run that go from frame to frame as the skin under them does.

    First the face as a whole (a similarity in the picture): measured places and the flow's steps in one chain, laid
    under the smoothed landmarks. Then each landmark by the flow of the skin around it. What moves beside that skin is
    carried along by it, and goes a little by its own flow.

    Args:
        times: (frames,) ascending positions.
        points: (frames, n, 3) as measured, plate pixels.
        smooth: (frames, n, 3) the same smoothed, by `smoothing.smooth_run`.
        steps: (frames, n, 3) as `skin_steps` gives them, from the frame before; 0 in the last column where not known.
        confidence: (frames,) 0 to 1 of the landmarks.
        turns: (frames,) degrees by which the head turned since the frame before.
        loose: (n,) 0 to 1 as `loose_landmarks` gives it.

    Returns:
        (frames, n, 3); `smooth` where nothing is known of the flow.
    """
    trust = steps[1:, :, 2] * (np.diff(times) == 1)[:, None]
    if len(times) < 3 or not trust.any():
        return smooth
    weight = np.maximum(confidence.astype(np.float64), 0.05) ** 3
    shape = mean_shape(points)
    shape = shape - shape.mean(axis=0)
    half = max(float(np.ptp(shape[:, 1])) / 2.0, 0.5)
    clip, slides = CLIP * 2 * half, np.clip(turns[1:] / SLIDES_DEGREES, 0.0, 1.0)
    everywhere = np.ones(len(slides))
    places = _places(fit_similarities(points, shape, robust=True), half)
    went = np.stack([_went(points[i], steps[i + 1, :, :2], trust[i], half, places[i]) for i in range(len(times) - 1)])
    sure = np.minimum(1.0, 2.0 * trust.mean(axis=1))[:, None]
    whole = _chained(places[:, None], went[:, None], STEADY_FACE**2 * sure, weight, clip, everywhere)
    laid = lay(_motions(whole, half), lay(invert(fit_similarities(smooth, shape, robust=True)), smooth))
    flat, firm = laid[..., :2], 1.0 - loose
    moves = _pooled(steps[1:, :, :2], trust * firm, _near(shape, POOL * 2 * half))
    skin = _chained(flat, moves, STEADY_SKIN**2 * trust, weight, clip, slides)
    known = np.maximum(np.pad(trust, ((1, 0), (0, 0))), np.pad(trust, ((0, 1), (0, 0))))
    held = known * firm
    carried = flat + _pooled(skin - flat, held**2, _near(shape, CARRIED * 2 * half))
    moves = _pooled(steps[1:, :, :2], trust, _near(shape, POOL_LOOSE * 2 * half))
    own = _chained(carried, moves, STEADY_LOOSE**2 * trust, weight, clip, everywhere)
    out = laid.copy()
    out[..., :2] = own + held[..., None] * (skin - own)
    return out


def _places(motions: Array, half: float) -> Array:
    """(frames, 4) similarities (a, b, x, y) as x, y, logarithm of scale and angle, all in pixels at the face's edge."""
    a, b = motions[:, 0], motions[:, 1]
    return np.stack(
        [motions[:, 2], motions[:, 3], half * np.log(np.hypot(a, b)), half * np.unwrap(np.arctan2(b, a))], 1
    )


def _motions(places: Array, half: float) -> Array:
    """The inverse of `_places`; takes (frames, 1, 4)."""
    x, y, scale, angle = places[:, 0].T
    scale, angle = np.exp(scale / half), angle / half
    return np.stack([scale * np.cos(angle), scale * np.sin(angle), x, y], axis=1)


def _went(points: Array, step: Array, trust: Array, half: float, place: Array) -> Array:
    """(4,) how the face as a whole goes by the flow, as `_places` says it: a robust similarity of its steps."""
    if float(trust.sum()) < LEAST_TRUST:
        return np.zeros(4)
    one = points[:, 0] + 1j * points[:, 1]
    other = one + step[:, 0] + 1j * step[:, 1]
    weight = trust.copy()
    for _ in range(4):
        share = weight / weight.sum()
        first, second = (share * one).sum(), (share * other).sum()
        power = max(float((share * np.abs(one - first) ** 2).sum()), 1e-9)
        turn = (share * np.conj(one - first) * (other - second)).sum() / power
        left = np.abs(other - second - turn * (one - first))
        weight = trust / (1.0 + (left / max(2.0 * float(np.median(left[trust > 0.05])), 1e-6)) ** 2)
    centre = place[0] + 1j * place[1]
    moved = second + turn * (centre - first) - centre
    return np.array([moved.real, moved.imag, half * np.log(np.abs(turn)), half * np.angle(turn)])


def _near(shape: Array, radius: float) -> Array:
    """(n, n) Gaussian nearness of landmarks."""
    distance = np.linalg.norm(shape[:, None, :2] - shape[None, :, :2], axis=2)
    return np.asarray(np.exp(-0.5 * (distance / radius) ** 2))


def _pooled(values: Array, weight: Array, near: Array) -> Array:
    """(frames, n, channels) means over landmarks about each; 0 where all weight is.

    Args:
        values: (frames, n, channels).
        weight: (frames, n).
        near: (n, n).
    """
    share = weight @ near.T
    total = np.einsum("ij,tjk->tik", near, weight[..., None] * values)
    return np.asarray(total / np.maximum(share, 1e-9)[..., None])


def _chained(values: Array, went: Array, bond: Array, weight: Array, clip: float, slides: Array) -> Array:
    """Series that stay near measured values and go as they are said to go: least squares over all frames at once.

    What the two part by steadily, over a few frames, is added to the steps first: outlines slide over skin.

    Args:
        values: (frames, n, channels).
        went: (frames - 1, n, channels) their steps.
        bond: (frames - 1, n) weight of a step.
        weight: (frames,) weight of a value.
        clip: more than this between a step of `values` and of `went` is no drift.
        slides: (frames - 1,) 0 to 1, how much of it is added.
    """
    parted = _drift(np.clip(np.diff(values, axis=0) - went, -clip, clip), bond)
    wanted = went + slides[:, None, None] * parted
    out = np.empty_like(values)
    for index in range(values.shape[1]):
        link = bond[:, index]
        band = np.zeros((2, len(values)))
        band[0] = weight
        band[0, :-1] += link
        band[0, 1:] += link
        band[1, :-1] = -link
        pull = weight[:, None] * values[:, index]
        pull[1:] += link[:, None] * wanted[:, index]
        pull[:-1] -= link[:, None] * wanted[:, index]
        out[:, index] = solveh_banded(band, pull, lower=True)
    return out


def _drift(apart: Array, bond: Array) -> Array:
    """(steps, n, channels) mean over a few frames about each step, weighted by bond and nearness."""
    total, share = np.zeros_like(apart), np.full(bond.shape, 1e-9)
    for offset in range(-DRIFT_FRAMES, DRIFT_FRAMES + 1):
        near = (1.0 - (abs(offset) / (DRIFT_FRAMES + 1)) ** 3) ** 3
        low, high = max(0, -offset), min(len(apart), len(apart) - offset)
        if high <= low:
            continue
        other = slice(low + offset, high + offset)
        total[low:high] += near * bond[other, :, None] * apart[other]
        share[low:high] += near * bond[other]
    return np.asarray(total / share[..., None])
