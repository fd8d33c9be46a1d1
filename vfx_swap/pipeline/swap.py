"""One frame's swap: the whole journey, from plate to comp.

plate -> crop (warp_for, cut_crop) -> swapper -> shot's light -> plate's grain
      -> laid back in the plate's pixels -> matte (expand, strength) -> comp_over
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.comp.grain import add_grain, measure_grain
from vfx_swap.comp.matte import expand_matte
from vfx_swap.comp.over import comp_increment, comp_over
from vfx_swap.geometry.warps import cut_crop, footprint, increment_crop, lay_back
from vfx_swap.light.grade import light_gain
from vfx_swap.models.protocols import Swapper
from vfx_swap.settings import Lighting, Shot
from vfx_swap.types import Crop, Face, Frame, SwapResult, Warp, Window

__all__ = ["CastFace", "swap_frame"]


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
    rgb, union = frame.rgb, np.zeros(frame.rgb.shape[:2], np.float32)
    mattes: dict[int, FloatArray] = {}
    patch = np.zeros((*union.shape, 4), np.float32) if want_patch else None
    for one in sorted(cast, key=lambda c: (c.face.height, c.track_id)):
        before = cut_crop(
            frame.rgb, data_window=window, warp=one.swapper.warp_for(one.face), colour_space=frame.colour_space
        )
        after = one.swapper.swap(before, one.face, one.prepared)
        after = _light(after, shot.lighting)
        if shot.grain.match == "plate":
            after = _grain(before, after, seed=_seed(shot.name, frame.number, one.track_id))

        part = footprint(before.warp, window)
        at = part.slices(window)
        laid, alpha = lay_back(after, data_window=part)
        matte = expand_matte(alpha, shot.matte.expand_pixels) * np.float32(one.strength)
        rgb = _comp(rgb, before, after, laid, matte, part=part, window=window)

        whole = np.zeros_like(union)
        whole[at] = matte
        mattes[one.track_id] = whole
        union = union + whole - union * whole
        if patch is not None:
            _lay_patch(patch[at], laid, matte)
    return SwapResult(
        frame=Frame(frame.number, rgb, window, frame.display_window, frame.colour_space),
        matte=np.asarray(union, np.float32),
        track_mattes=mattes,
        patch=patch,
    )


def _comp(
    rgb: FloatArray, before: Crop, after: Crop, laid: FloatArray, matte: FloatArray, *, part: Window, window: Window
) -> FloatArray:
    """The face over what is there, in the part of the frame that the crop covers.

    A crop of whole plate pixels says what each pixel is; a resampled one only how it changed.
    """
    at = part.slices(window)
    out = rgb.copy()
    if _is_whole(before.warp):
        out[at] = comp_over(np.ascontiguousarray(rgb[at]), laid, matte)
    else:
        increment, _ = lay_back(increment_crop(before, after), data_window=part)
        out[at] = comp_increment(np.ascontiguousarray(rgb[at]), increment, matte)
    return out


def _is_whole(warp: Warp) -> bool:
    """True when the crop's pixels are the plate's."""
    return bool(np.array_equal(warp.matrix[:, :2], np.eye(2)) and np.array_equal(warp.matrix, np.round(warp.matrix)))


def _light(crop: Crop, lighting: Lighting) -> Crop:
    """The shot's exposure, temperature and tint on the swapped face."""
    gain = light_gain(
        exposure_stops=lighting.exposure_stops,
        temperature_mired=lighting.temperature_mired,
        tint=lighting.tint,
    )
    if np.array_equal(gain, np.ones(3)):
        return crop
    lit = np.where(crop.alpha[..., None] > 0.0, crop.rgb * gain.astype(np.float32), crop.rgb)
    return Crop(np.asarray(lit, np.float32), crop.alpha, crop.warp, crop.colour_space)


def _grain(before: Crop, after: Crop, *, seed: int) -> Crop:
    """The plate's grain on the swapped face, as much as it lacks."""
    clean = [np.nan_to_num(c.rgb, nan=0.0, posinf=65504.0, neginf=0.0).astype(np.float32) for c in (before, after)]
    wanted, present = (measure_grain(rgb, after.alpha) for rgb in clean)
    grained = add_grain(clean[1], wanted=wanted, present=present, seed=seed)
    rgb = np.where(after.alpha[..., None] > 0.0, grained, after.rgb)
    return Crop(np.asarray(rgb, np.float32), after.alpha, after.warp, after.colour_space)


def _seed(name: str, frame: int, track: int) -> int:
    """The same on every machine and in every chunk."""
    return int.from_bytes(hashlib.sha256(f"{name}\0{frame}\0{track}".encode()).digest()[:8], "big")


def _lay_patch(patch: FloatArray, laid: FloatArray, matte: FloatArray) -> None:
    """A face over the patch so far, premultiplied (Porter and Duff, "Compositing Digital Images", 1984)."""
    keep = (1.0 - matte)[..., None]
    finite = np.nan_to_num(laid, nan=0.0, posinf=0.0, neginf=0.0)
    patch[..., :3] = np.where(matte[..., None] > 0.0, finite * matte[..., None] + patch[..., :3] * keep, patch[..., :3])
    patch[..., 3:] = matte[..., None] + patch[..., 3:] * keep
