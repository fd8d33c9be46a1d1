"""Grain by brightness: measured for each channel and level of light over a shot, taken off and laid back.

Shot noise, read noise and a film's stocks each go another way with light; one covariance at one brightness holds
nowhere else. All in the square root of scene-linear values, where grain is about as strong in shadow as in light.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray, check_array
from vfx_swap.comp.grain import (
    BLOCK,
    FLAT_BIAS,
    FLATTEST,
    LEAST_BLOCKS,
    OPERATOR,
    OPERATOR_NORM,
    response_of,
    softness_of,
)

__all__ = [
    "FLOOR",
    "LEVELS",
    "SCALES",
    "GrainReading",
    "LevelGrain",
    "blurred_deviation",
    "lay_grain",
    "mixing",
    "pooled_grain",
    "read_grain",
    "remove_grain",
    "scale_shares",
    "spline_kernel",
]

LEVELS = tuple(float(stop) for stop in np.arange(-9.0, 5.1, 1.0))
"""Logarithms (base 2) of mean brightness at which grain is known: from deep shadow to far above white."""
FLOOR = 2.0**-10
"""Brightness that counts as the darkest."""
SCALES = 3
"""Bands in which grain is told from detail: to about 8 pixels."""
SPLINE = (1.0 / 16.0, 4.0 / 16.0, 6.0 / 16.0, 4.0 / 16.0, 1.0 / 16.0)
"""B3 spline of the undecimated wavelet (J.-L. Starck and F. Murtagh, "Astronomical Image and Data Analysis", 2006)."""
AROUND = 7
"""Side in steps of the neighbourhood that detail is judged in."""
SURELY = 1.5
"""Times its expected power that grain may have in such a neighbourhood."""
LEAST_LIGHT = 1e-6
"""Reading under which a pixel is painted flat; a block with many such (a black bar, a clipped sky) says nothing."""


@dataclass(frozen=True, eq=False)
class GrainReading:
    """What one picture says."""

    covariance: np.ndarray
    """(levels, 3, 3) that the operator reads in the flattest blocks of each level."""
    half: np.ndarray
    """(levels, 3) variance that it reads there at half size."""
    blocks: np.ndarray
    """(levels,) number of blocks read; 0: nothing is known."""


@dataclass(frozen=True, eq=False)
class LevelGrain:
    """Grain of a shot."""

    covariance: np.ndarray
    """(levels, 3, 3) float64 of red, green and blue in the square root of scene-linear, at each of `LEVELS`."""
    softness: tuple[float, float, float]
    """Sigma in pixels, by channel, of the blur that gives white noise this grain's correlation."""

    @property
    def strength(self) -> np.ndarray:
        """(levels, 3) standard deviations."""
        return np.asarray(np.sqrt(np.einsum("ijj->ij", self.covariance)))


def read_grain(rgb: FloatArray) -> GrainReading:
    """Grain in the flattest blocks of each level of brightness.

    Args:
        rgb: (height, width, 3) scene-linear; blocks that hold what is not finite say nothing.
    """
    check_array("rgb", rgb, shape=(None, None, 3))
    count = len(LEVELS)
    nothing = GrainReading(np.zeros((count, 3, 3)), np.zeros((count, 3)), np.zeros(count))
    height, width = (side // (2 * BLOCK) * (2 * BLOCK) for side in rgb.shape[:2])
    if min(height, width) < 4 * BLOCK:
        return nothing
    good = np.asarray(np.isfinite(rgb[:height, :width]).all(axis=2))
    root = np.sqrt(np.maximum(np.where(good[..., None], rgb[:height, :width], np.float32(0.0)), np.float32(0.0)))
    half_root = cv2.resize(root, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    full, half = _blocks(root, BLOCK), _blocks(np.asarray(half_root, np.float32), BLOCK // 2)
    rows, columns = height // BLOCK, width // BLOCK
    bright = np.asarray((root * root).mean(axis=2), dtype=np.float32)
    mean = bright.reshape(rows, BLOCK, columns, BLOCK).mean(axis=(1, 3)).ravel()
    energy = np.einsum("bpc,bpc->b", full, full, dtype=np.float64)
    painted = (np.abs(full).max(axis=2) < LEAST_LIGHT).mean(axis=1) > 0.25
    whole = good.reshape(rows, BLOCK, columns, BLOCK).all(axis=(1, 3)).ravel() & ~painted
    level = np.round(np.log2(np.maximum(mean, FLOOR))).clip(LEVELS[0], LEVELS[-1]) - LEVELS[0]
    for index in range(count):
        here = np.flatnonzero(whole & (level == index))
        if len(here) < LEAST_BLOCKS:
            continue
        flat = here[energy[here] <= np.quantile(energy[here], FLATTEST)]
        values = full[flat].reshape(-1, 3).T.astype(np.float64)
        # Term by term: the sums of BLAS depend on how many threads there are.
        nothing.covariance[index] = [[float((one * other).mean()) for other in values] for one in values]
        nothing.half[index] = (half[flat].reshape(-1, 3).astype(np.float64) ** 2).mean(axis=0)
        nothing.blocks[index] = len(here)
    return nothing


def pooled_grain(readings: Sequence[GrainReading]) -> LevelGrain | None:
    """Grain from what several pictures of a shot say; between levels that were seen by a line, beyond them as there.

    Returns:
        None where nothing was flat enough to tell.
    """
    weight = sum((one.blocks for one in readings), np.zeros(len(LEVELS)))
    seen = np.flatnonzero(weight > 0.0)
    if not seen.size:
        return None
    shares = [one.blocks / np.maximum(weight, 1.0) for one in readings]
    read = sum((s[:, None, None] * one.covariance for s, one in zip(shares, readings, strict=True)), np.zeros(()))
    half = sum((s[:, None] * one.half for s, one in zip(shares, readings, strict=True)), np.zeros(()))
    read = np.asarray(read) / FLAT_BIAS**2
    # One correlation for all levels: where there is the most to read, it is the surest.
    # Blocks that are flat at full size are less surely so at half size: of white noise half the bias is theirs.
    own = np.einsum("ijj,i->j", read, weight) * FLAT_BIAS
    ratio = np.sqrt(np.einsum("ij,i->j", np.asarray(half), weight) / np.maximum(own, 1e-18))
    softness = [softness_of(value * FLAT_BIAS ** (-0.5 * _shared_bias(value))) for value in ratio.tolist()]
    response = np.array([response_of(one) for one in softness])
    known = read / (response[:, None] * response[None, :])
    levels = np.asarray(LEVELS)
    covariance = np.empty_like(known)
    for i in range(3):
        for j in range(3):
            covariance[:, i, j] = np.interp(levels, levels[seen], known[seen, i, j])
    return LevelGrain(covariance=covariance, softness=(softness[0], softness[1], softness[2]))


def lay_grain(rgb: FloatArray, *, grain: LevelGrain, seed: int) -> FloatArray:
    """Lay grain on a picture that has none.

    Args:
        rgb: (height, width, 3) scene-linear.
        grain: of the shot.
        seed: the same seed and shape give the same grain.

    Returns:
        (height, width, 3); values at and under 0 are left as they are.
    """
    mix = mixing(grain)
    if not mix.any():
        return rgb
    noise = np.random.Generator(np.random.PCG64(seed)).standard_normal(rgb.shape, dtype=np.float32)
    for channel, sigma in enumerate(grain.softness):
        if sigma > 0.05:
            soft = cv2.GaussianBlur(np.ascontiguousarray(noise[..., channel]), (0, 0), sigma)
            noise[..., channel] = soft / np.float32(blurred_deviation(sigma))
    root = np.sqrt(np.maximum(rgb, np.float32(0.0)))
    low, share = _level_of(root)
    table = mix.reshape(len(LEVELS), 9)
    for i in range(3):
        for j in range(3):
            of_pair = np.ascontiguousarray(table[:, 3 * i + j])
            at = of_pair[low] * (np.float32(1.0) - share) + of_pair[low + 1] * share
            root[..., i] += at * noise[..., j]
    np.maximum(root, np.float32(0.0), out=root)
    return np.where(rgb > 0.0, root * root, rgb)


def remove_grain(rgb: FloatArray, *, grain: LevelGrain) -> FloatArray:
    """A picture without its grain: detail that is no stronger than grain of its level, band by band, goes.

    An undecimated wavelet's coefficients times `1 - grain's power / power around them` (the empirical Wiener filter
    of M. Mihcak et al., "Low-complexity image denoising based on statistical modeling of wavelet coefficients", 1999).

    Args:
        rgb: (height, width, 3) scene-linear, finite.
        grain: of the shot.

    Returns:
        (height, width, 3); values at and under 0 are left as they are.
    """
    strength = grain.strength
    if not strength.any():
        return rgb
    root = np.sqrt(np.maximum(rgb, np.float32(0.0)))
    low, share = _level_of(root)
    variance = np.empty_like(root)
    for channel in range(3):
        of_level = np.asarray(strength[:, channel] ** 2, dtype=np.float32)
        variance[..., channel] = of_level[low] * (np.float32(1.0) - share) + of_level[low + 1] * share
    expected = scale_shares(grain.softness)
    rest, out = root, np.zeros_like(root)
    for scale in range(SCALES):
        smooth = _spline(rest, scale)
        detail = rest - smooth
        side = (AROUND - 1) * 2**scale + 1
        power = cv2.blur(detail * detail, (side, side), borderType=cv2.BORDER_REFLECT)
        noise = np.float32(SURELY) * variance * np.asarray(expected[scale], dtype=np.float32)
        # What goes together in all channels is detail: they are judged by their sum.
        total, of_noise = power.sum(axis=2), noise.sum(axis=2)
        kept = np.maximum(np.float32(1.0) - of_noise / np.maximum(total, np.float32(1e-12)), np.float32(0.0))
        out += detail * kept[..., None]
        rest = smooth
    root = np.maximum(rest + out, np.float32(0.0))
    return np.where(rgb > 0.0, root * root, rgb)


def _shared_bias(ratio: float) -> float:
    """0 for white noise to 1 for soft: how far the half picture is flat where the full one is (checked by a test)."""
    return min(max((softness_of(ratio) - 0.3) / 0.3, 0.0), 1.0)


def mixing(grain: LevelGrain) -> FloatArray:
    """(levels, 3, 3) float32: times white noise of three channels, it has the covariance of each level."""
    values, vectors = np.linalg.eigh(grain.covariance)
    root = np.sqrt(np.maximum(values, 0.0))
    # The symmetric root: from level to level it changes as little as the covariance does.
    return np.asarray(np.einsum("lij,lj,lkj->lik", vectors, root, vectors), dtype=np.float32)


def blurred_deviation(sigma: float) -> float:
    """Deviation of white noise of deviation 1 after OpenCV's Gaussian blur of `sigma` pixels, whole in float."""
    return float(np.sqrt((_gaussian(sigma) ** 2).sum()))


def scale_shares(softness: Sequence[float]) -> np.ndarray:
    """(SCALES, 3) power of grain of variance 1 in each band, by channel."""
    shares = np.empty((SCALES, len(softness)))
    for channel, sigma in enumerate(softness):
        spot = np.zeros((65, 65), np.float32)
        spot[32, 32] = 1.0
        if sigma > 0.05:
            spot = np.asarray(cv2.GaussianBlur(spot, (0, 0), sigma), np.float32) / np.float32(blurred_deviation(sigma))
        for scale in range(SCALES):
            smooth = _spline(spot, scale)
            shares[scale, channel] = float(((spot - smooth).astype(np.float64) ** 2).sum())
            spot = smooth
    return shares


def spline_kernel(scale: int) -> FloatArray:
    """(n,) the spline with holes between its taps, for band `scale`."""
    kernel = np.zeros(4 * 2**scale + 1, np.float32)
    kernel[:: 2**scale] = SPLINE
    return kernel


def _spline(picture: FloatArray, scale: int) -> FloatArray:
    kernel = spline_kernel(scale)
    smooth = cv2.sepFilter2D(picture, -1, kernel, kernel, borderType=cv2.BORDER_REFLECT)
    return np.asarray(smooth, dtype=np.float32)


def _gaussian(sigma: float) -> np.ndarray:
    """(n, n) impulse response of the blur."""
    spot = np.zeros((65, 65), np.float32)
    spot[32, 32] = 1.0
    return np.asarray(cv2.GaussianBlur(spot, (0, 0), sigma), dtype=np.float64)


def _level_of(root: FloatArray) -> tuple[np.ndarray, FloatArray]:
    """(height, width) index of the level under each pixel, and how far it is on the way to the next, 0 to 1."""
    # Of the surroundings: by its own grain a pixel would be taken for another level.
    soft = cv2.GaussianBlur(root, (0, 0), 1.5, borderType=cv2.BORDER_REFLECT)
    bright = np.maximum((soft * soft).mean(axis=2), np.float32(FLOOR))
    at = np.clip(np.log2(bright) - np.float32(LEVELS[0]), 0.0, len(LEVELS) - 1.001)
    low = np.floor(at).astype(np.intp)
    return low, np.asarray(at - low, dtype=np.float32)


def _blocks(root: FloatArray, side: int) -> FloatArray:
    """(blocks, pixels, 3) what the operator reads, by blocks of a side."""
    answer = cv2.filter2D(root, -1, OPERATOR, borderType=cv2.BORDER_REFLECT) / np.float32(OPERATOR_NORM)
    rows, columns = root.shape[0] // side, root.shape[1] // side
    blocks = answer[: rows * side, : columns * side].reshape(rows, side, columns, side, 3).swapaxes(1, 2)
    return np.asarray(blocks.reshape(rows * columns, side * side, 3), dtype=np.float32)
