"""One frame's swap: the whole journey, from plate to comp.

plate -> crop (warp_for, cut_crop) -> swapper -> plate's motion blur -> shot's light -> plate's grain
      -> laid back in the plate's pixels -> matte (expand, strength, what lies in front) -> comp_over
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vfx_swap.arrays import Array, FloatArray
from vfx_swap.comp.motion import Travel
from vfx_swap.geometry.warps import footprint, shown_part
from vfx_swap.light.grade import light_gain
from vfx_swap.light.harmonics import HarmonicLight
from vfx_swap.models.kernels import NUMPY, Kernels
from vfx_swap.models.protocols import Swapper
from vfx_swap.pipeline.drawn import Drawn, in_front_of, shown_by
from vfx_swap.pipeline.holdout import front_in_crop
from vfx_swap.pipeline.reflected import reflected_light
from vfx_swap.pipeline.relight import Relight, relit
from vfx_swap.settings import Lighting, Shot
from vfx_swap.settings.keys import lighting_at
from vfx_swap.types import Crop, Face, Frame, SwapResult, Warp, Window

__all__ = ["CastFace", "swap_frame"]

SOLID = 0.9
"""Matte from which the face is what is seen; a swapper's may stay under 1 by rounding alone."""


LEAST_MATTE = 2.0**-14
"""What is less is none: the smallest that a half file holds in full. Under it a pixel could change that no written
matte covers."""


@dataclass(frozen=True, eq=False)
class CastFace:
    """A face of this frame and who goes in."""

    track_id: int
    face: Face
    swapper: Swapper[Any]
    """What it prepares only itself knows."""
    prepared: Any
    strength: float
    """0 the plate, 1 the identity."""
    to_rec709: np.ndarray | None = None
    """(3, 3) from the plate's linear primaries to Rec.709, in which the shot's light is stated; None: they are that."""
    kernels: Kernels = NUMPY
    """What the swapper's crops are arrays of."""
    travel: Travel | None = None
    """How far the face goes in the plate from the frame before to the frame after; None: not known."""
    drawn: Drawn | None = None
    """The user's own mattes, over all of the frame; None: none."""
    relight: Relight | None = None
    """What lights its answer; None: a grade is all."""
    light: HarmonicLight | None = None
    """The plate's light on it, solved over the track, in linear Rec.709; None: not known."""


def swap_frame(frame: Frame, cast: Sequence[CastFace], *, shot: Shot, want_patch: bool) -> SwapResult:
    """Swap every cast face of one frame.

    A pure function of its arguments: the same bits in one process, in chunks, or next year. Where every
    matte is 0 the result holds the plate's bits, NaN and inf included.

    Args:
        frame: the plate, scene-linear.
        cast: who goes in; smaller faces are taken to be farther away and are laid first.
        shot: light, grain and matte settings; its name seeds the grain.
        want_patch: also gather the swapped faces alone, premultiplied.
    """
    window, lighting = frame.data_window, lighting_at(shot.lighting, frame.number)
    rgb, union = frame.rgb.copy(), np.zeros(frame.rgb.shape[:2], np.float32)
    mattes: dict[int, FloatArray] = {}
    for one in sorted(cast, key=lambda c: (c.face.height, c.track_id)):
        kernels = one.kernels
        before = kernels.cut_crop(
            frame.rgb, data_window=window, warp=one.swapper.warp_for(one.face), colour_space=frame.colour_space
        )
        part = footprint(before.warp, window)
        at = part.slices(window)
        front = in_front_of(one, words=shot.matte.holdout, rgb=frame.rgb[at], window=part, at=at)
        if front is not None:
            before = replace(before, front=kernels.array(front_in_crop(front, part, before)))
        glare = reflected_light(one.face.front, words=shot.matte.holdout, crop=before, window=part, kernels=kernels)
        if glare is not None:
            # Skin is read, and a face laid, without what a lens adds to it.
            before = replace(before, rgb=before.rgb - glare)
        after = one.swapper.swap(before, one.face, one.prepared)
        after = _motion(before, after, kernels, travel=one.travel)
        after = _light(before, after, one, lighting)
        if shot.grain.match == "plate":
            after = _grain(before, after, kernels, seed=_seed(shot.name, frame.number, one.track_id))

        # A crop of whole plate pixels says what each pixel is; a resampled one only how it changed.
        exact = _is_whole(before.warp)
        if glare is not None and exact:
            after = replace(after, rgb=after.rgb + glare)
        shown = _shown(after, part, kernels, grown=shot.matte.expand_pixels)
        laid = after if exact else kernels.increment_crop(before, after)
        face, alpha = kernels.lay_back(laid, data_window=part, only=shown)
        matte = kernels.expand_matte(alpha, shot.matte.expand_pixels) * one.strength
        if front is not None:
            matte = matte * (1.0 - kernels.array(front[shown.slices(part)]))
        matte = shown_by(one.drawn, matte, at=shown.slices(window), kernels=kernels)
        matte = kernels.xp.where(matte >= LEAST_MATTE, matte, 0.0)
        at, comp = shown.slices(window), kernels.comp_over if exact else kernels.comp_increment
        rgb[at] = kernels.plain(comp(kernels.array(np.ascontiguousarray(rgb[at])), face, matte))

        whole, seen = np.zeros_like(union), kernels.plain(matte)
        whole[at], mattes[one.track_id] = seen, whole
        union[at] = union[at] + seen - union[at] * seen
    return SwapResult(
        frame=Frame(frame.number, rgb, window, frame.display_window, frame.colour_space),
        matte=np.asarray(union, np.float32),
        track_mattes=mattes,
        patch=_patch(frame.rgb, rgb, union) if want_patch else None,
    )


def _shown(after: Crop, part: Window, kernels: Kernels, *, grown: float) -> Window:
    """The plate pixels of a crop's part that its matte can reach: nothing is worked out for the rest."""
    rows, columns = _around(after.alpha > 0.0, kernels)
    return shown_part(after.warp, part, rows=rows, columns=columns, beyond=max(0.0, grown))


def _is_whole(warp: Warp) -> bool:
    """True when the crop's pixels are the plate's."""
    return bool(np.array_equal(warp.matrix[:, :2], np.eye(2)) and np.array_equal(warp.matrix, np.round(warp.matrix)))


def _motion(before: Crop, after: Crop, kernels: Kernels, *, travel: Travel | None) -> Crop:
    """The plate's motion blur on the swapped face and its matte, where the plate has any."""
    xp = kernels.xp
    solid = after.alpha >= SOLID
    # A hand that passes moves otherwise than the face behind it.
    solid = solid if before.front is None else solid & (before.front <= 0.0)
    at = _around(solid, kernels)
    plate, face = _finite(before.rgb[at], xp), _finite(after.rgb[at], xp)
    if travel is not None:
        x, y = (float(way) for way in before.warp.matrix[:, :2] @ (travel.x_pixels, travel.y_pixels))
        travel = Travel(x_pixels=x, y_pixels=y)
    blur = kernels.measure_motion_blur(plate, face, xp.float32(solid[at]), travel=travel)
    if blur.length_pixels < 1.0:
        return after
    face = _finite(after.rgb, xp)
    alpha = kernels.blur_along(after.alpha, blur)
    colour = kernels.blur_along(face * after.alpha[..., None], blur) / xp.maximum(alpha, 1e-4)[..., None]
    rgb = xp.where(alpha[..., None] > 1e-4, colour, after.rgb)
    return replace(after, rgb=rgb, alpha=xp.where(alpha > 1e-4, alpha, 0.0))


def _finite(rgb: Array, xp: Any) -> Array:
    # 0 for inf, too: what is measured by blurring must not glare.
    good = xp.isfinite(rgb)
    return rgb if bool(good.all()) else xp.where(good, rgb, 0.0)


def _around(shown: Array, kernels: Kernels) -> tuple[slice, slice]:
    """Rows and columns that hold all that is shown, (height, width) bool."""
    rows, columns = (np.flatnonzero(kernels.plain(shown.any(axis=axis))) for axis in (1, 0))
    if not rows.size:
        return slice(0, 0), slice(0, 0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _painted(before: Crop, after: Crop) -> Array:
    """(height, width) True where the swapper put anything: under its matte, and where a grown one may show it."""
    changed = after.rgb != before.rgb
    return (after.alpha > 0.0) | changed[..., 0] | changed[..., 1] | changed[..., 2]


def _light(before: Crop, after: Crop, one: CastFace, lighting: Lighting) -> Crop:
    """The shot's light on the swapped face: the plate's, lamps and environment, then exposure, temperature and tint."""
    kernels = one.kernels
    if one.relight is not None:
        after = relit(
            before,
            after,
            one.face,
            kernels=kernels,
            lighting=lighting,
            relight=one.relight,
            light=one.light,
            to_rec709=one.to_rec709,
        )
    gain = light_gain(
        exposure_stops=lighting.exposure_stops,
        temperature_mired=lighting.temperature_mired,
        tint=lighting.tint,
    )
    if np.array_equal(gain, np.ones(3)):
        return after
    with np.errstate(invalid="ignore", over="ignore"):
        graded = kernels.grade(after.rgb, gain=gain, to_rec709=one.to_rec709)
        return replace(after, rgb=kernels.xp.where(_painted(before, after)[..., None], graded, after.rgb))


def _grain(before: Crop, after: Crop, kernels: Kernels, *, seed: int) -> Crop:
    """The plate's grain on the swapped face, as much as it lacks.

    The plate is read wherever it is about as bright as the face: skin alone has pores that pass for grain.
    """
    xp = kernels.xp
    plate = _finite(before.rgb, xp)
    brightness = (plate[..., 0] + plate[..., 1] + plate[..., 2]) / 3.0
    on_face = after.alpha >= 0.5
    if not on_face.any():
        return after
    middle = float(xp.median(brightness[on_face]))
    bare = before.alpha if before.front is None else before.alpha * (before.front <= 0.0)
    alike = (bare >= 1.0) & (brightness > 0.25 * middle) & (brightness < 4.0 * middle)
    # A hot pixel is no grain, and would be blurred into what is alike.
    plate = xp.minimum(plate, 8.0 * middle)
    wanted = kernels.measure_grain(plate, xp.float32(alike))
    # Pores and creases of the face pass for grain: at least half of what is wanted is laid on.
    painted = _painted(before, after)
    at = _around(painted, kernels)
    face = _finite(after.rgb[at], xp)
    read = kernels.measure_grain(face, after.alpha[at])
    most = 0.5 * float(np.trace(wanted.covariance)) / max(float(np.trace(read.covariance)), 1e-18)
    present = replace(read, covariance=read.covariance * min(1.0, most))
    grained = kernels.add_grain(face, wanted=wanted, present=present, seed=seed)
    rgb = xp.copy(after.rgb)
    rgb[at] = xp.where(painted[at][..., None], grained, rgb[at])
    return replace(after, rgb=rgb)


def _seed(name: str, frame: int, track: int) -> int:
    """The same on every machine and in every chunk."""
    return int.from_bytes(hashlib.sha256(f"{name}\0{frame}\0{track}".encode()).digest()[:8], "big")


def _patch(plate: FloatArray, comp: FloatArray, matte: FloatArray) -> FloatArray:
    """(height, width, 4) premultiplied: what "over" the plate gives the comp.

    `comp - plate * (1 - matte)`: the swapped face times its matte (Porter and Duff, "Compositing Digital
    Images", 1984). Where plate or comp is not finite it is 0: no sum would bring it back.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        colour = comp - plate * (1.0 - matte)[..., None]
    use = (matte[..., None] > 0.0) & np.isfinite(colour)
    return np.concatenate([np.where(use, colour, 0.0), matte[..., None]], axis=-1).astype(np.float32)
