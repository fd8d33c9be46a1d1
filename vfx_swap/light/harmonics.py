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
    total = float(weights.sum())
    if total <= 0.0:
        raise ValueError("no skin sample to fit light to")
    basis = harmonic_basis(normals).astype(np.float64)
    rgb = colours.astype(np.float64)
    luma = rgb @ np.asarray(LUMA)
    prior = weights.astype(np.float64) / total
    mean = max(float(prior @ luma), 1e-6)
    chroma = rgb / np.maximum(luma, 0.05 * mean)[:, None]
    ridge, colour_ridge = np.diag(np.asarray(RIDGE)), np.diag(np.asarray(COLOUR_RIDGE))
    robust = np.ones(len(prior))
    for _ in range(rounds):
        w = prior * robust
        w /= max(float(w.sum()), 1e-12)
        brightness = np.linalg.solve(basis.T @ (basis * w[:, None]) + ridge, basis.T @ (luma / mean * w))
        first = basis[:, :4]
        colour = np.linalg.solve(first.T @ (first * w[:, None]) + colour_ridge, first.T @ (chroma * w[:, None]))
        predicted = np.maximum(basis @ brightness, FLOOR)
        error = (luma / mean / predicted - 1.0) ** 2 + 0.5 * ((chroma - first @ colour) ** 2).mean(axis=1)
        robust = 1.0 / (1.0 + error / TOLERANCE**2) ** 2
    return HarmonicLight(
        brightness=(brightness * mean).astype(np.float32),
        colour=colour.astype(np.float32),
        mean=mean,
    )


def _soft_floor(value: FloatArray, least: float) -> FloatArray:
    """max(value, least) without a crease: a hyperbola that meets both asymptotes."""
    half = 0.5 * (value - np.float32(least))
    return np.asarray(np.float32(least) + half + np.sqrt(half * half + np.float32(0.25 * least) ** 2), dtype=np.float32)
