"""How a performer's own face looks through a shot, in UV and without its light: what is not so is something else.

views --light fitted in log, robustly--> what is left, in UV --median over views--> face, spread
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.geometry.sample import sample
from vfx_swap.models.front.view import CHANNELS, FaceView
from vfx_swap.models.reprojection.atlas import Atlas
from vfx_swap.models.reprojection.soft import blur, grow

__all__ = ["Appearance", "ViewLight", "fit_view_light", "learn", "left_over", "steady"]

FEWEST = 5
"""Views below which a texel's median says nothing of what passes in front."""
FACING = 0.25
"""Cosine to the camera below which a texel is not learnt."""
LEAST = (0.10, 0.035, 0.05)
"""Least spread of skin from frame to frame: log luminance, log R/G, log B/G. Shadows and pores move, grain is small."""
FEATURES = (0.22, 0.10, 0.12)
"""Added on eyes, brows and lips, which act."""
RIDGE = (1e-4, 1e-3, 1e-3, 1e-3, 1e-2, 1e-2, 1e-2, 1e-2, 1e-2)
"""Pull of the light towards even light."""
STEADY = 0.3
"""Pull of a hidden face's light towards that of the frames about it."""
MEMORY = 6.0
"""Frames over which light is taken to be much the same (standard deviation)."""
TOLERANCE = (0.2, 0.08, 0.08)
"""Misfit at which a pixel has lost three quarters of its say in the light."""
ROUNDS = 8
TERMS = (9, 4, 4)
"""Harmonics of each channel: luminance to second order, colour to first."""


@dataclass(frozen=True, eq=False)
class Appearance:
    """A performer's face in UV."""

    face: FloatArray
    """(size, size, 3) log luminance and colours, light taken out."""
    spread: FloatArray
    """(size, size, 3) robust spread over the views, never below `LEAST`."""
    known: FloatArray
    """(size, size) 0 to 1: how far what most views agree on is the face, and not what lies in front in some."""
    shown: FloatArray
    """(size, size) 0 to 1: where any view shows it."""


@dataclass(frozen=True, eq=False)
class ViewLight:
    """The light of a view, relative to the known face, in log."""

    terms: np.ndarray
    """(3, 9) float64, harmonics by channel."""
    shown: float
    """0 to 1: the share of the face that it was fitted to."""

    def at(self, basis: FloatArray) -> FloatArray:
        """(k, 3) at pixels of basis (k, 9)."""
        return np.asarray(basis @ self.terms.T.astype(np.float32), dtype=np.float32)


def fit_view_light(
    view: FaceView, appearance: Appearance, *, trust: FloatArray, expected: ViewLight | None = None
) -> ViewLight:
    """The smooth light that explains most of what a view shows otherwise than the known face.

    Args:
        view: of the face.
        appearance: of the same performer.
        trust: (k,) 0 where something is surely in front; the light is not fitted there.
        expected: light of the frames about this one; None: nothing is known of it.
    """
    at = _texels(view, appearance.face.shape[0])
    values = (view.log - sample(appearance.face, at)).astype(np.float64)
    calm = (LEAST[0] / sample(appearance.spread, at)[:, 0]) ** 2
    seen = sample(appearance.known, at) * np.clip((view.facing - 0.1) / 0.3, 0.0, 1.0) * calm
    prior = trust * seen + 1e-9
    shown = float(prior.sum()) / max(float(seen.sum()), 1e-9)
    pull = 0.0 if expected is None else STEADY * (1.0 - min(shown, 1.0)) ** 2
    terms = np.zeros((CHANNELS, 9)) if expected is None else expected.terms.copy()
    basis = view.basis.astype(np.float64)
    if expected is None:
        # Starting from the median, a hand over half a face does not lead.
        terms[:, 0] = [_weighted_median(values[:, channel], prior) for channel in range(CHANNELS)]
    for _ in range(ROUNDS):
        error = (((values - basis @ terms.T) / np.asarray(TOLERANCE)) ** 2).sum(axis=1)
        weight = prior / (1.0 + error / 3.0) ** 2
        weight /= weight.sum()
        for channel, count in enumerate(TERMS):
            part = basis[:, :count]
            system = part.T @ (part * weight[:, None]) + np.diag(RIDGE[:count]) + pull * np.eye(count)
            aim = part.T @ (values[:, channel] * weight)
            aim += 0.0 if expected is None else pull * expected.terms[channel, :count]
            terms[channel, :count] = np.linalg.solve(system, aim)
    return ViewLight(terms=terms, shown=min(shown, 1.0))


def steady(lights: Sequence[ViewLight], times: Sequence[int]) -> list[ViewLight]:
    """The light that the frames about each frame lead to expect: their mean, those that show much of the face first."""
    at = np.asarray(times, dtype=np.float64)
    trust = np.array([light.shown for light in lights]) ** 6 + 1e-6
    stack = np.stack([light.terms for light in lights])
    expected = []
    for time, light in zip(at, lights, strict=True):
        # Far frames count when no near one shows the face.
        near = np.exp(-0.5 * ((at - time) / MEMORY) ** 2) + 1e-4
        weight = trust * near
        mean = np.tensordot(weight / weight.sum(), stack, axes=1)
        expected.append(ViewLight(terms=mean, shown=light.shown))
    return expected


def left_over(view: FaceView, appearance: Appearance, light: ViewLight) -> tuple[FloatArray, FloatArray, FloatArray]:
    """What neither the known face nor its light explains.

    Returns:
        (k, 3) in log; (k, 3) in spreads; (k,) how well the face is known there.
    """
    at = _texels(view, appearance.face.shape[0])
    left = view.log - sample(appearance.face, at) - light.at(view.basis)
    return left, left / sample(appearance.spread, at), sample(appearance.known, at)


def learn(views: Sequence[FaceView], trusts: Sequence[FloatArray], atlas: Atlas) -> Appearance:
    """The face that most views agree on.

    Args:
        views: of one performer, spread over the shot.
        trusts: (k,) of each, as in `fit_view_light`.
        atlas: of the face mesh; its size is the result's.
    """
    size = atlas.size
    least = np.asarray(LEAST, np.float32) + _acting(atlas)[..., None] * np.asarray(FEATURES, np.float32)
    shape = (size, size, CHANNELS)
    every = np.ones((size, size), np.float32)
    found = Appearance(np.zeros(shape, np.float32), least, known=every, shown=every)
    for _ in range(2):
        stack = np.full((len(views), *shape), np.nan, dtype=np.float32)
        for row, (view, trust) in enumerate(zip(views, trusts, strict=True)):
            light = fit_view_light(view, found, trust=trust)
            _lay(stack[row], view, view.log - light.at(view.basis), (trust > 0.5) & (view.facing > FACING))
        face = _median(stack)
        spread = 1.4826 * _median(np.abs(stack - face))
        seen = np.isfinite(stack[..., 0]).sum(axis=0)
        found = Appearance(
            face=np.nan_to_num(face).astype(np.float32),
            spread=np.maximum(np.nan_to_num(spread), least).astype(np.float32),
            known=np.clip((seen - FEWEST + 1.0) / 3.0, 0.0, 1.0).astype(np.float32),
            shown=np.minimum(seen, 1.0).astype(np.float32),
        )
    return found


def _median(stack: np.ndarray) -> np.ndarray:
    """Median over the first axis of what is not NaN; NaN where nothing is."""
    ordered = np.sort(stack, axis=0)  # NaN last
    count = np.isfinite(stack).sum(axis=0)
    low, high = np.maximum((count - 1) // 2, 0), np.minimum(count // 2, len(stack) - 1)
    middle = (np.take_along_axis(ordered, place[None], axis=0)[0] for place in (low, high))
    return np.asarray(sum(middle) / 2.0)


def _texels(view: FaceView, size: int) -> FloatArray:
    return np.asarray(view.uv * np.float32(size) - np.float32(0.5), dtype=np.float32)


def _lay(into: np.ndarray, view: FaceView, values: FloatArray, use: np.ndarray) -> None:
    """Values at a view's pixels into a UV picture: means of the pixels that fall on a texel or beside it."""
    size = into.shape[0]
    texel = np.clip(np.round(_texels(view, size)).astype(np.int64), 0, size - 1)[use]
    flat = texel[:, 1] * size + texel[:, 0]
    count = np.bincount(flat, minlength=size * size).reshape(size, size).astype(np.float32)
    sums = [np.bincount(flat, weights=values[use, c], minlength=size * size) for c in range(CHANNELS)]
    total = np.stack(sums, axis=-1).reshape(size, size, CHANNELS).astype(np.float32)
    near, about = cv2.blur(count, (3, 3)), cv2.blur(total, (3, 3))
    own = total / np.maximum(count, 1.0)[..., None]
    mean = np.where((count > 0.0)[..., None], own, about / np.maximum(near, 1e-6)[..., None])
    into[...] = np.where((near > 1.0 / 30.0)[..., None], mean, np.nan)


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(total, 0.5 * total[-1])]])


def _acting(atlas: Atlas) -> FloatArray:
    """(size, size) 1 on eyes, brows and lips and a little around them."""
    total = np.zeros((atlas.size, atlas.size), dtype=np.float32)
    for name in ("eyes", "brows", "lips", "nostrils"):
        total = np.maximum(total, atlas.regions[name])
    return np.asarray(np.clip(1.5 * blur(grow(total, 0.012 * atlas.size), 0.01 * atlas.size), 0.0, 1.0), np.float32)
