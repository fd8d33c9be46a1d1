"""A camera that is knocked: blur of single frames beyond what the shutter makes of a face's way.

Read against the same face where the track shows it sharp, so that no swap has a say in what the plate is blurred by.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vfx_swap.comp.motion import NONE, SECTORS, Detail, MotionBlur, Spectra, Travel, find_blur, spectra_of

__all__ = ["FaceDetail", "knock_of", "lacking_of", "sharpest", "unblurred"]

FINEST = 8
"""Fine bands whose share of all detail says how sharp a frame is."""
LENGTH_DIGITS, ANGLE_DIGITS = 2, 1
"""Decimals of a knock that tracks keep."""
STEPS = 32
"""Parts of a known blur that a swap is tried at."""


@dataclass(frozen=True, eq=False)
class FaceDetail:
    """A face's detail in one frame."""

    frame: int
    detail: Detail
    confidence: float


def sharpest(details: Sequence[FaceDetail]) -> FaceDetail:
    """The frame with the largest share of fine detail, however fast the face goes in it."""
    return max(details, key=lambda one: float(one.detail.power[:, -FINEST:].sum() / max(one.detail.power.sum(), 1e-18)))


def unblurred(details: Sequence[FaceDetail], way_of: Callable[[int], Travel | None]) -> list[FaceDetail]:
    """The frames that have no motion blur beside the sharpest of them; never none.

    Args:
        details: of one track, at least one.
        way_of: a frame's travel in plate pixels.
    """
    best = sharpest(details)
    return [
        one
        for one in details
        if one is best or find_blur(spectra_of(one.detail, best.detail), travel=way_of(one.frame)).length_pixels <= 0.0
    ]


def knock_of(one: FaceDetail, best: FaceDetail, *, shutter: MotionBlur, travel: Travel | None) -> MotionBlur:
    """The blur that a frame has beyond its shutter's, plate pixels; of length 0 where none is sure.

    Args:
        one: the frame.
        best: the same face, sharp.
        shutter: the blur that the face's way and the shot's shutter give.
        travel: of the face.
    """
    if one is best:
        return NONE
    found = find_blur(_under(spectra_of(one.detail, best.detail), shutter), travel=travel)
    length = round(found.length_pixels, LENGTH_DIGITS)
    return NONE if length <= 0.0 else MotionBlur(length, round(found.angle_degrees, ANGLE_DIGITS) % 180.0)


def lacking_of(spectra: Spectra | None, known: MotionBlur) -> MotionBlur:
    """What a swap still lacks of a blur that the plate has: all of it, or less where it answered blurred itself.

    Args:
        spectra: of plate and swap; None: too small to tell, and all is laid on.
        known: of the plate, in the same pixels.
    """
    if known.length_pixels <= 0.0 or spectra is None:
        return known
    shares = np.linspace(0.0, 1.0, STEPS + 1)
    misfit = spectra.misfit(shares * known.length_pixels, np.full(len(shares), known.angle_degrees))
    at = int(np.argmin(misfit))
    share = float(shares[at])
    if 0 < at < STEPS:
        before, here, after = (float(misfit[at + step]) for step in (-1, 0, 1))
        bend = before - 2.0 * here + after
        share += (0.5 * (before - after) / bend if bend > 0.0 else 0.0) / STEPS
    return replace(known, length_pixels=share * known.length_pixels)


def _under(spectra: Spectra, blur: MotionBlur) -> Spectra:
    """The same with the face blurred: sinc^2 along the line on its power (`comp.motion.measure_motion_blur`)."""
    if blur.length_pixels <= 0.0:
        return spectra
    sector = np.arange(SECTORS)[:, None] + np.array([-1 / 3, 0.0, 1 / 3])
    turn = np.radians(sector * (180.0 / SECTORS) - blur.angle_degrees)
    kept = np.sinc(blur.length_pixels * np.cos(turn)[..., None] * spectra.frequencies) ** 2
    return replace(spectra, face=spectra.face * kept.mean(axis=1))
