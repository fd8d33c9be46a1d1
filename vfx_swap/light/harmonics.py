"""Second-order spherical-harmonic light: the irradiance of distant light on a diffuse surface.

Nine coefficients carry over 99 % of diffuse irradiance (Ramamoorthi and Hanrahan, "An Efficient
Representation for Irradiance Environment Maps", SIGGRAPH 2001). Brightness is fitted to second order, the
colour of light to first: over half a sphere the higher orders of colour are noise. Fitted to skin in
scene-linear light, a fit holds light times mean skin colour; a ratio of two fits relights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vfx_swap.arrays import FloatArray, check_array

__all__ = ["LUMA", "HarmonicLight", "fit_light", "harmonic_basis"]

LUMA = (0.2126, 0.7152, 0.0722)
"""ITU-R BT.709 luminance weights; near enough for brightness in any of the linear spaces used."""
RIDGE = (0.0, 2e-4, 2e-4, 2e-4, 1e-2, 1e-2, 1e-2, 1e-2, 1e-2)
"""Pull towards 0 of each brightness coefficient, relative to the constant one. More on the first order bends a
light from the side until reweighting gives up the dark half of the face; less on the second runs wild where
nothing was seen, as under the nose."""
COLOUR_RIDGE = (0.0, 2e-2, 2e-2, 2e-2)
"""The same for the first-order colour of light."""
FLOOR = 0.15
"""Least light, as a fraction of the mean: keeps ratios finite where the fit runs dark."""
TOLERANCE = 0.15
"""Relative error at which a sample has lost three quarters of its weight."""
LEAST_WEIGHT = 1e-5
"""Part of the greatest weight under which a sample is left out."""
BLOCK = 1024
"""Samples summed at once: few enough that BLAS takes one thread, so that no bit depends on how many there are, and
that they stay in the cache."""


def harmonic_basis(normals: FloatArray) -> FloatArray:
    """The nine polynomials 1, x, y, z, xy, yz, zx, x2-y2, 3z2-1 at unit normals.

    Args:
        normals: (..., 3), light frame: x right, y up, z towards the camera.

    Returns:
        (..., 9), unnormalised: scale is left to the coefficients.
    """
    x, y, z = normals[..., 0], normals[..., 1], normals[..., 2]
    return np.stack(
        [np.ones_like(x), x, y, z, x * y, y * z, z * x, x * x - y * y, 3.0 * z * z - 1.0],
        axis=-1,
    ).astype(np.float32)


@dataclass(frozen=True, eq=False)
class HarmonicLight:
    """Light times mean skin colour, by direction of the surface."""

    brightness: FloatArray
    """(9,) scene-linear luminance."""
    colour: FloatArray
    """(4, 3) colour of unit luminance, constant and first order."""
    mean: float
    """Mean luminance of the skin it was fitted to."""

    def __post_init__(self) -> None:
        check_array("HarmonicLight.brightness", self.brightness, shape=(9,))
        check_array("HarmonicLight.colour", self.colour, shape=(4, 3))

    def shade(self, normals: FloatArray) -> FloatArray:
        """Scene-linear colour, (..., 3), of mean skin facing `normals` (..., 3); never under `FLOOR` of the mean."""
        basis = harmonic_basis(normals)
        colour = np.maximum(basis[..., :4] @ self.colour, 0.02)
        return np.asarray(_soft_floor(basis @ self.brightness, FLOOR * self.mean)[..., None] * colour, dtype=np.float32)


def fit_light(colours: FloatArray, normals: FloatArray, weights: FloatArray, *, rounds: int = 10) -> HarmonicLight:
    """Fit light to skin, robustly (iteratively reweighted least squares).

    Args:
        colours: (n, 3) scene-linear skin samples, finite and not negative.
        normals: (n, 3) in the light frame.
        weights: (n,) trust in each sample, 0 to 1.
        rounds: of reweighting; samples off the fit (make-up, shadows, speculars, hair) lose weight as
            1 / (1 + (relative error / TOLERANCE)^2)^2 (Geman and McClure).

    Raises:
        ValueError: no sample has weight.
    """
    used = weights > LEAST_WEIGHT * float(weights.max(initial=0.0))
    if not used.any():
        raise ValueError("no skin sample to fit light to")
    prior = weights[used].astype(np.float64)
    prior /= float(prior.sum())
    rgb = colours[used].astype(np.float64)
    luma = rgb[:, 0] * LUMA[0] + rgb[:, 1] * LUMA[1] + rgb[:, 2] * LUMA[2]
    mean = max(float((prior * luma).sum()), 1e-6)
    chroma = rgb / np.maximum(luma, 0.05 * mean)[:, None]
    known = _in_blocks(harmonic_basis(normals[used]), luma / mean, chroma)
    fitted = _reweighted(known, _block_rows(prior), rounds=rounds)
    return HarmonicLight(
        brightness=(fitted[0] * mean).astype(np.float32),
        colour=np.ascontiguousarray(fitted[1:, :4].T, dtype=np.float32),
        mean=mean,
    )


def _reweighted(known: np.ndarray, prior: np.ndarray, *, rounds: int) -> np.ndarray:
    """(4, 9) coefficients of brightness and, in their first four, of red, green and blue.

    Args:
        known: (blocks, 13, BLOCK) the basis, brightness over its mean, colour.
        prior: (blocks, BLOCK) weights.
        rounds: of reweighting.
    """
    basis, luma, chroma = known[:, :9], known[:, 9], known[:, 10:]
    ridge, colour_ridge = np.diag(np.asarray(RIDGE)), np.diag(np.asarray(COLOUR_RIDGE))
    fitted, robust = np.zeros((4, 9)), np.ones_like(prior)
    for _ in range(rounds):
        weight = prior * robust
        weight /= max(float(weight.sum()), 1e-12)
        sums = ((basis * weight[:, None]) @ known.swapaxes(1, 2)).sum(axis=0)
        fitted[0] = np.linalg.solve(sums[:, :9] + ridge, sums[:, 9])
        fitted[1:, :4] = np.linalg.solve(sums[:4, :4] + colour_ridge, sums[:4, 10:]).T
        predicted = fitted @ basis
        off = (predicted[:, 1:] - chroma) ** 2
        error = (luma / np.maximum(predicted[:, 0], FLOOR) - 1.0) ** 2 + (off[:, 0] + off[:, 1] + off[:, 2]) / 6.0
        robust = 1.0 / (1.0 + error / TOLERANCE**2) ** 2
    return fitted


def _in_blocks(*columns: np.ndarray) -> np.ndarray:
    """(blocks, rows, BLOCK) float64 of columns (n,) or (n, c), 0 behind the last sample."""
    count = len(columns[0])
    rows = np.zeros((sum(1 if column.ndim == 1 else column.shape[1] for column in columns), _padded(count)))
    first = 0
    for column in columns:
        for values in column.reshape(count, -1).T:
            rows[first, :count] = values
            first += 1
    return np.ascontiguousarray(rows.reshape(len(rows), -1, BLOCK).swapaxes(0, 1))


def _block_rows(values: np.ndarray) -> np.ndarray:
    """(n,) as (blocks, BLOCK)."""
    return _in_blocks(values)[:, 0]


def _padded(count: int) -> int:
    return -(-count // BLOCK) * BLOCK


def _soft_floor(value: FloatArray, least: float) -> FloatArray:
    """max(value, least) without a crease: a hyperbola that meets both asymptotes."""
    half = 0.5 * (value - np.float32(least))
    return np.asarray(np.float32(least) + half + np.sqrt(half * half + np.float32(0.25 * least) ** 2), dtype=np.float32)
