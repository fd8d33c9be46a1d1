"""What the camera did to the plate's face, done to the swapped one: motion blur, focus, texture, grain.

    plate -> without its grain -> crop -> swapper -> the shutter's blur along the track -> what blur and focus it still
    lacks -> (light) -> texture of the plate's skin -> grain, laid back

Shutter, focus, knocks and grain come from the tracks, so that they are one for the shot, or continuous along a track.
What is measured in a frame that the tracks say nothing of comes in by degrees, never by a threshold.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vfx_swap.arrays import Array, FloatArray
from vfx_swap.comp.grain_levels import LevelGrain, pooled_grain, read_grain, remove_grain
from vfx_swap.comp.motion import NONE, MotionBlur, Travel, find_blur
from vfx_swap.light.harmonics import LUMA
from vfx_swap.models.kernels import Kernels
from vfx_swap.pipeline.camera_knock import lacking_of
from vfx_swap.settings import Focus, Motion
from vfx_swap.types import Crop, Warp, Window

__all__ = [
    "FaceCamera",
    "around",
    "as_the_camera_saw",
    "finite",
    "grain_of",
    "grained",
    "is_whole",
    "lacking",
    "painted",
    "seed_of",
    "shutter_blur",
    "textured",
    "without_grain",
]

SOLID = 0.9
"""Matte from which the face is what is seen; a swapper's may stay under 1 by rounding alone."""
SPARE = 0.006
"""Sigma, of face height, that a swap may seem sharper than a plate that is in focus all along: another skin."""
PIXEL = 0.7
"""Sigma, of the plate's pixels or the crop's if they are larger, that it may seem sharper besides: a plate came through
a lens and its sampling, a swap's texture through a resampling alone."""
TEXTURE = (0.006, 0.15)
"""Sigma, of face height, under which detail is skin's texture, and its bound in log luminance: no brow, no lid."""


@dataclass(frozen=True, eq=False)
class FaceCamera:
    """What the camera does to a face in a frame."""

    blur: MotionBlur = NONE
    """Of the shutter, along the track; plate pixels."""
    focus: float = 0.0
    """Square of the sigma by which the plate's face is softer than where it is sharpest; plate pixels."""
    knock: MotionBlur | None = None
    """Blur beyond the shutter's, plate pixels; None: it was not read, and is measured against the swap."""
    grain: LevelGrain | None = None
    """Of the shot; None: it is read in the frame."""


def shutter_blur(camera: FaceCamera, travel: Travel | None, motion: Motion) -> MotionBlur:
    """The blur of the shutter: as it was measured, or as the shot's settings say."""
    if motion.match == "none":
        return NONE
    if motion.shutter_degrees is None:
        return camera.blur
    if travel is None:
        return NONE
    angle = float(np.degrees(np.arctan2(travel.y_pixels, travel.x_pixels))) % 180.0
    return MotionBlur(length_pixels=0.5 * travel.pixels * motion.shutter_degrees / 360.0, angle_degrees=angle)


def as_the_camera_saw(
    before: Crop,
    after: Crop,
    kernels: Kernels,
    *,
    camera: FaceCamera,
    travel: Travel | None,
    motion: Motion,
    focus: Focus,
    height: float,
) -> Crop:
    """The swapped face and its matte with the plate's motion blur and focus.

    Args:
        before: the plate's crop.
        after: the swapper's answer.
        kernels: of the device they lie on.
        camera: what it did.
        travel: of the face, plate pixels, frame before to frame after; None: not known.
        motion: settings.
        focus: settings.
        height: of the face, plate pixels.
    """
    xp, to_crop = kernels.xp, before.warp.matrix[:, :2]
    scale = float(np.sqrt(abs(np.linalg.det(to_crop))))
    after = _blurred(after, _in_crop(shutter_blur(camera, travel, motion), to_crop), kernels)
    if motion.match == "none" and focus.match == "none":
        return after
    solid = after.alpha >= SOLID
    # A hand that passes moves otherwise than the face behind it.
    solid = solid if before.front is None else solid & (before.front <= 0.0)
    at = around(solid, kernels)
    spectra = kernels.compare_detail(finite(before.rgb[at], xp), finite(after.rgb[at], xp), xp.float32(solid[at]))
    known, rest = camera.focus * scale**2, NONE
    if camera.knock is not None:
        rest = lacking_of(spectra, _in_crop(camera.knock, to_crop))
    elif spectra is not None:
        if travel is not None:
            x, y = (float(way) for way in to_crop @ (travel.x_pixels, travel.y_pixels))
            travel = Travel(x_pixels=x, y_pixels=y)
        rest = find_blur(spectra, travel=travel)
    lacks = None if spectra is None else spectra.softer(rest)
    # A shutter that somebody set is all there is.
    if motion.match == "plate" and motion.shutter_degrees is None:
        after = _blurred(after, rest, kernels)
    if focus.match == "none":
        return after
    spare = (SPARE * height * scale) ** 2 + (PIXEL * max(scale, 1.0)) ** 2
    return _defocused(after, known if lacks is None else lacking(lacks, known=known, spare=spare), kernels)


def lacking(lacks: float, *, known: float, spare: float) -> float:
    """Square of the sigma that a swap is blurred by.

    Args:
        lacks: what it is sharper than the plate, squared; a swapper that sees a soft plate may answer softly.
        known: what the plate's face is softer than where it is sharpest: that it lacks surely.
        spare: what two people's skins may differ by; only beyond is a plate taken to be soft in every frame.
    """
    return min(max(lacks, 0.0), known) + max(lacks - known - spare, 0.0)


def without_grain(rgb: FloatArray, part: Window, window: Window, *, grain: LevelGrain | None) -> FloatArray:
    """The plate with the grain taken off a part of it.

    Args:
        rgb: (height, width, 3) of `window`.
        part: what is read.
        window: of the plate.
        grain: of the shot.
    """
    if grain is None or part.is_empty:
        return rgb
    at = part.slices(window)
    plate = rgb[at]
    good = np.isfinite(plate)
    found = remove_grain(np.where(good, plate, np.float32(0.0)), grain=grain)
    clean = rgb.copy()
    clean[at] = np.where(good, found, plate)
    return clean


def grain_of(camera: FaceCamera, rgb: FloatArray, part: Window, window: Window) -> LevelGrain | None:
    """The shot's grain, or what the frame itself says of it."""
    if camera.grain is not None or part.is_empty:
        return camera.grain
    return pooled_grain([read_grain(rgb[part.slices(window)])])


def textured(before: Crop, after: Crop, kernels: Kernels, *, share: float, height: float) -> Crop:
    """The fine texture of the plate's skin on the swapped face.

    Args:
        before: the plate's crop, without grain.
        after: the swapper's answer.
        kernels: of the device they lie on.
        share: 0 none to 1 all of it.
        height: of the face, plate pixels.
    """
    if share <= 0.0:
        return after
    xp = kernels.xp
    scale = float(np.sqrt(abs(np.linalg.det(before.warp.matrix[:, :2]))))
    sigma, bound = max(0.5, TEXTURE[0] * height * scale), TEXTURE[1]
    plate = xp.maximum(finite(before.rgb, xp) @ kernels.array(np.asarray(LUMA, dtype=np.float32)), 1e-4)
    bright = xp.log(plate)
    fine = bound * xp.tanh((bright - kernels.blur(bright, sigma)) / bound)
    # Where the plate is in front, or nothing was painted, there is nothing to carry.
    on_face = after.alpha if before.front is None else after.alpha * (1.0 - before.front)
    return replace(after, rgb=after.rgb * xp.exp(share * fine * on_face)[..., None])


def grained(before: Crop, after: Crop, kernels: Kernels, *, grain: LevelGrain | None, seed: int) -> Crop:
    """The plate's grain on the swapped face.

    Args:
        before: the plate's crop, without grain.
        after: the face, without grain.
        kernels: of the device they lie on.
        grain: of the shot.
        seed: of this shot, frame and track.
    """
    if grain is None:
        return after
    xp = kernels.xp
    shown = painted(before, after)
    at = around(shown, kernels)
    if at[0].start == at[0].stop:
        return after
    laid = kernels.lay_grain(finite(after.rgb[at], xp), grain=grain, seed=seed)
    rgb = xp.copy(after.rgb)
    rgb[at] = xp.where(shown[at][..., None], laid, rgb[at])
    return replace(after, rgb=rgb)


def seed_of(name: str, frame: int, track: int) -> int:
    """The same on every machine and in every chunk."""
    return int.from_bytes(hashlib.sha256(f"{name}\0{frame}\0{track}".encode()).digest()[:8], "big")


def finite(rgb: Array, xp: Any) -> Array:
    """0 for what is not finite, inf too: what is measured by blurring must not glare."""
    good = xp.isfinite(rgb)
    return rgb if bool(good.all()) else xp.where(good, rgb, 0.0)


def around(shown: Array, kernels: Kernels) -> tuple[slice, slice]:
    """Rows and columns that hold all that is shown, (height, width) bool."""
    rows, columns = (np.flatnonzero(kernels.plain(shown.any(axis=axis))) for axis in (1, 0))
    if not rows.size:
        return slice(0, 0), slice(0, 0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def painted(before: Crop, after: Crop) -> Array:
    """(height, width) True where the swapper put anything: under its matte, and where a grown one may show it."""
    changed = after.rgb != before.rgb
    return (after.alpha > 0.0) | changed[..., 0] | changed[..., 1] | changed[..., 2]


def _in_crop(blur: MotionBlur, to_crop: np.ndarray) -> MotionBlur:
    angle = np.radians(blur.angle_degrees)
    x, y = to_crop @ (blur.length_pixels * np.cos(angle), blur.length_pixels * np.sin(angle))
    return MotionBlur(length_pixels=float(np.hypot(x, y)), angle_degrees=float(np.degrees(np.arctan2(y, x))) % 180.0)


def _blurred(after: Crop, blur: MotionBlur, kernels: Kernels) -> Crop:
    if blur.length_pixels < 0.05:
        return after
    return _spread(after, kernels, lambda picture: kernels.blur_along(picture, blur))


def _defocused(after: Crop, square: float, kernels: Kernels) -> Crop:
    if square < 0.01:
        return after
    sigma = float(np.sqrt(square))
    return _spread(after, kernels, lambda picture: kernels.blur(picture, sigma))


def _spread(after: Crop, kernels: Kernels, blur: Callable[[Array], Array]) -> Crop:
    """Face and matte blurred together, premultiplied: nothing from beyond the matte comes in."""
    xp = kernels.xp
    face = finite(after.rgb, xp)
    alpha = blur(after.alpha)
    colour = blur(face * after.alpha[..., None]) / xp.maximum(alpha, 1e-4)[..., None]
    rgb = xp.where(alpha[..., None] > 1e-4, colour, after.rgb)
    return replace(after, rgb=rgb, alpha=xp.where(alpha > 1e-4, alpha, 0.0))


def is_whole(warp: Warp) -> bool:
    """True when the crop's pixels are the plate's."""
    return bool(np.array_equal(warp.matrix[:, :2], np.eye(2)) and np.array_equal(warp.matrix, np.round(warp.matrix)))
