"""One frame's swap: the whole journey, from plate to comp.

plate less its grain -> crop (warp_for, cut_crop) -> swapper -> camera's motion blur and focus -> shot's light
      -> texture, plate's grain
      -> laid back in the plate's pixels -> matte (expand, strength, what lies in front) -> comp_over
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from vfx_swap.arrays import Array, FloatArray
from vfx_swap.comp.grain_levels import LevelGrain
from vfx_swap.comp.motion import Travel
from vfx_swap.geometry.warps import footprint, sampled, shown_part
from vfx_swap.light.grade import light_gain
from vfx_swap.light.harmonics import HarmonicLight
from vfx_swap.models.kernels import NUMPY, Kernels
from vfx_swap.models.protocols import Swapper
from vfx_swap.pipeline.camera_match import (
    FaceCamera,
    around,
    as_the_camera_saw,
    grain_of,
    grained,
    is_whole,
    painted,
    seed_of,
    textured,
    without_grain,
)
from vfx_swap.pipeline.drawn import Drawn, in_front_of, shown_by
from vfx_swap.pipeline.holdout import front_in_crop
from vfx_swap.pipeline.reflected import reflected_light
from vfx_swap.pipeline.relight import Relight, relit
from vfx_swap.settings import Lighting, Shot
from vfx_swap.settings.keys import lighting_at
from vfx_swap.types import Crop, Face, Frame, SwapResult, Window

__all__ = ["CastFace", "swap_frame"]

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
    camera: FaceCamera = field(default_factory=FaceCamera)
    """What the camera does to it: shutter, focus, grain."""
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
    window = frame.data_window
    rgb, union = frame.rgb.copy(), np.zeros(frame.rgb.shape[:2], np.float32)
    mattes: dict[int, FloatArray] = {}
    for one in sorted(cast, key=lambda c: (c.face.height, c.track_id)):
        kernels = one.kernels
        before, plain, grain = _cut(frame, one, shot)
        part = footprint(before.warp, window)
        at = part.slices(window)
        front = in_front_of(one, words=shot.matte.holdout, rgb=frame.rgb[at], window=part, at=at)
        if front is not None:
            before = replace(before, front=kernels.array(front_in_crop(front, part, before)))
        glare = reflected_light(one.face.front, words=shot.matte.holdout, crop=before, window=part, kernels=kernels)
        if glare is not None:
            # Skin is read, and a face laid, without what a lens adds to it.
            before = replace(before, rgb=before.rgb - glare)
            plain = plain - glare
        # A crop of whole plate pixels says what each pixel is; a resampled one only how it changed, and the plate's
        # own grain stays.
        exact = is_whole(before.warp)
        after = _answer(before, plain, one, shot, frame.number)
        if exact:
            seed = seed_of(shot.name, frame.number, one.track_id)
            after = grained(before, after, kernels, grain=grain, seed=seed)
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


def _cut(frame: Frame, one: CastFace, shot: Shot) -> tuple[Crop, Array, LevelGrain | None]:
    """A face's crop without the plate's grain; (height, width, 3) the same with it; and the grain."""
    window, warp, grain, plate = frame.data_window, one.swapper.warp_for(one.face), None, frame.rgb
    if shot.grain.match == "plate":
        # What is carried over from the plate carries none of its grain: that is laid back at the end.
        read = sampled(warp, window)
        grain = grain_of(one.camera, plate, read, window)
        plate = without_grain(plate, read, window, grain=grain)
    cut = [
        one.kernels.cut_crop(rgb, data_window=window, warp=warp, colour_space=frame.colour_space)
        for rgb in ((plate,) if plate is frame.rgb else (plate, frame.rgb))
    ]
    return cut[0], cut[-1].rgb, grain


def _answer(before: Crop, plain: Array, one: CastFace, shot: Shot, number: int) -> Crop:
    """The swapper's answer as the camera would have seen it, in the shot's light, without grain."""
    after = as_the_camera_saw(
        # Blur is told from grain by what both are: it is read in the plate as it is.
        replace(before, rgb=plain),
        one.swapper.swap(before, one.face, one.prepared),
        one.kernels,
        camera=one.camera,
        travel=one.travel,
        motion=shot.motion,
        focus=shot.focus,
        height=one.face.height,
    )
    after = _light(before, after, one, lighting_at(shot.lighting, number))
    return textured(before, after, one.kernels, share=shot.grain.detail, height=one.face.height)


def _shown(after: Crop, part: Window, kernels: Kernels, *, grown: float) -> Window:
    """The plate pixels of a crop's part that its matte can reach: nothing is worked out for the rest."""
    rows, columns = around(after.alpha > 0.0, kernels)
    return shown_part(after.warp, part, rows=rows, columns=columns, beyond=max(0.0, grown))


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
        return replace(after, rgb=kernels.xp.where(painted(before, after)[..., None], graded, after.rgb))


def _patch(plate: FloatArray, comp: FloatArray, matte: FloatArray) -> FloatArray:
    """(height, width, 4) premultiplied: what "over" the plate gives the comp.

    `comp - plate * (1 - matte)`: the swapped face times its matte (Porter and Duff, "Compositing Digital
    Images", 1984). Where plate or comp is not finite it is 0: no sum would bring it back.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        colour = comp - plate * (1.0 - matte)[..., None]
    use = (matte[..., None] > 0.0) & np.isfinite(colour)
    return np.concatenate([np.where(use, colour, 0.0), matte[..., None]], axis=-1).astype(np.float32)
