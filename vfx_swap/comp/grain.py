"""Grain: measured on the plate where it is flat, laid on what has less of it.

Film and sensor noise grow with the square root of light, so grain is measured and added to the square root of
scene-linear values, where its strength is about the same at every brightness.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray, check_array

__all__ = ["Grain", "add_grain", "grain_from", "measure_grain", "response_of", "softness_of"]

OPERATOR = np.array([[1.0, -2.0, 1.0], [-2.0, 4.0, -2.0], [1.0, -2.0, 1.0]], dtype=np.float32)
"""Blind to planes and straight ramps (J. Immerkaer, "Fast Noise Variance Estimation", CVIU 64(2), 1996)."""
OPERATOR_NORM = 6.0
_SOFTNESS = (0.0, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
"""Blurs (sigma, px) of white noise that grain is compared with."""
_RESPONSE = (1.0, 0.990, 0.884, 0.658, 0.427, 0.174, 0.084)
"""What the operator reads of white noise blurred so and scaled back to deviation 1 (checked by a test)."""
_HALF_OVER_FULL = (0.500, 0.506, 0.581, 0.808, 1.246, 2.671, 4.280)
"""Its reading at half size (2x2 means) over its reading at full size, for the same (checked by a test)."""
BLOCK = 8
"""Side in pixels of the blocks that are read."""
FLATTEST = 0.25
"""Share of the blocks, the flattest, that count: in the others the operator reads texture."""
FLAT_BIAS = 0.88
"""What the flattest quarter of blocks reads of pure grain, over its true deviation (checked by a test)."""
LEAST_BLOCKS = 16
"""Fewer blocks than this tell nothing."""


@dataclass(frozen=True, eq=False)
class Grain:
    """Grain of a picture."""

    covariance: np.ndarray
    """(3, 3) float64 of red, green and blue in the square root of scene-linear."""
    softness: float
    """Sigma in pixels of the blur that gives white noise this grain's correlation."""

    @property
    def strength(self) -> np.ndarray:
        """(3,) standard deviation by channel."""
        return np.sqrt(np.diag(self.covariance))


def measure_grain(rgb: FloatArray, weight: FloatArray) -> Grain:
    """Grain in the flattest parts of where `weight` is at least one half.

    Args:
        rgb: (height, width, 3) scene-linear, finite.
        weight: (height, width) 0 to 1.
    """
    check_array("rgb", rgb, shape=(None, None, 3))
    check_array("weight", weight, shape=rgb.shape[:2])
    at = _read_part(weight)
    rgb, weight = rgb[at], weight[at]
    root = np.sqrt(np.maximum(rgb, np.float32(0.0)))
    full = _read(root, weight)
    even = root[: root.shape[0] // 2 * 2, : root.shape[1] // 2 * 2]
    half_size = (even.shape[1] // 2, even.shape[0] // 2)
    if full is None or min(half_size) < BLOCK:
        return grain_from(None, None)
    half = _read(
        cv2.resize(even, half_size, interpolation=cv2.INTER_AREA).astype(np.float32),
        cv2.resize(weight[: even.shape[0], : even.shape[1]], half_size, interpolation=cv2.INTER_AREA),
    )
    return grain_from(full, half)


def _read_part(weight: FloatArray) -> tuple[slice, slice]:
    """Rows and columns that decide what is read: blocks stand in them, at full size and at half, as in the whole."""
    shown, step = weight >= 0.5, 2 * BLOCK
    part = []
    for axis in (1, 0):
        used = np.flatnonzero(shown.any(axis=axis))
        first, last = (int(used[0]), int(used[-1])) if used.size else (0, -1)
        # One block more on each side: the operator reads across the border of a block.
        part.append(slice(max(0, (first // step - 1) * step), (last // step + 2) * step))
    return part[0], part[1]


def grain_from(full: np.ndarray | None, half: np.ndarray | None) -> Grain:
    """Grain from what the operator reads.

    Args:
        full: (3, 3) covariance read in the picture; None: too little was flat.
        half: (3, 3) the same at half size.
    """
    if full is None:
        return Grain(covariance=np.zeros((3, 3)), softness=0.0)
    softness = 0.0
    if half is not None:
        softness = softness_of(float(np.sqrt(np.trace(half) / max(float(np.trace(full)), 1e-18))))
    response = response_of(softness)
    return Grain(covariance=full / response**2, softness=softness)


def softness_of(ratio: float) -> float:
    """Sigma in pixels of grain, from what the operator reads of it at half size over what it reads at full size."""
    return float(np.interp(ratio, _HALF_OVER_FULL, _SOFTNESS))


def response_of(softness: float) -> float:
    """What the operator reads of grain of deviation 1 and a softness in pixels."""
    return float(np.interp(softness, _SOFTNESS, _RESPONSE))


def add_grain(rgb: FloatArray, *, wanted: Grain, present: Grain, seed: int) -> FloatArray:
    """Add what grain is lacking.

    Args:
        rgb: (height, width, 3) scene-linear.
        wanted: of the plate.
        present: of `rgb` itself.
        seed: the same seed and shape give the same grain.

    Returns:
        (height, width, 3); values at and under 0 are left as they are.
    """
    share = 1.0 - np.trace(present.covariance) / max(float(np.trace(wanted.covariance)), 1e-18)
    if share <= 0.0 or float(np.trace(wanted.covariance)) <= 0.0:
        return rgb
    values, vectors = np.linalg.eigh(wanted.covariance * share)
    mix = (vectors * np.sqrt(np.maximum(values, 0.0))).astype(np.float32)
    noise = np.random.Generator(np.random.PCG64(seed)).standard_normal(rgb.shape, dtype=np.float32)
    if wanted.softness > 0.05:
        noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), wanted.softness), dtype=np.float32)
        mix /= np.float32(max(_deviation(noise), 1e-6))
    # By OpenCV and not by BLAS: no bit depends on how many threads there are.
    root = np.sqrt(np.maximum(rgb, np.float32(0.0)))
    root += cv2.transform(noise, mix)
    np.maximum(root, np.float32(0.0), out=root)
    root *= root
    return np.where(rgb > 0.0, root, rgb)


def _deviation(noise: FloatArray) -> float:
    """Standard deviation over all channels."""
    mean, deviation = (np.ravel(values) for values in cv2.meanStdDev(noise))
    return float(np.sqrt(np.mean(deviation**2 + mean**2) - np.mean(mean) ** 2))


def _read(root: FloatArray, weight: FloatArray) -> np.ndarray | None:
    """(3, 3) covariance that the operator reads in the flattest blocks; None where there are too few blocks."""
    height, width = (side // BLOCK * BLOCK for side in root.shape[:2])
    if height == 0 or width == 0:
        return None
    used = _least_of_blocks(weight[:height, :width]) >= 0.5
    if np.count_nonzero(used) < LEAST_BLOCKS:
        return None
    answer = cv2.filter2D(root, -1, OPERATOR, borderType=cv2.BORDER_REFLECT)[:height, :width]
    blocks = answer.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK, 3).swapaxes(1, 2)[used]
    blocks = blocks.reshape(len(blocks), -1) / np.float32(OPERATOR_NORM)
    energy = np.einsum("ij,ij->i", blocks, blocks, dtype=np.float64)
    flat = blocks[energy <= np.quantile(energy, FLATTEST)].reshape(-1, 3).T.astype(np.float64)
    # Term by term: the sums of BLAS depend on how many threads there are.
    covariance: np.ndarray = np.array([[float((one * other).sum()) for other in flat] for one in flat])
    covariance /= flat.shape[1] * FLAT_BIAS**2
    return covariance


def _least_of_blocks(values: FloatArray) -> FloatArray:
    """The least of each block of (height, width), whole blocks: numpy's own reduction is slow along short axes."""
    for axis in (1, 0):
        across = np.moveaxis(values, axis, 0)
        least = across[::BLOCK].copy()
        for offset in range(1, BLOCK):
            np.minimum(least, across[offset::BLOCK], out=least)
        values = np.moveaxis(least, 0, axis)
    return values
