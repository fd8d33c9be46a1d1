"""Light on a device: harmonic fits and the shot's grade. Twins: `light.harmonics` and `light.grade`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vfx_swap.light.harmonics import COLOUR_RIDGE, FLOOR, LEAST_WEIGHT, LUMA, RIDGE, TOLERANCE

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["TorchLight", "fit_light", "grade", "harmonic_basis"]


def harmonic_basis(normals: Tensor) -> Tensor:
    """(..., 9) polynomials at unit normals (..., 3). Twin: `light.harmonics.harmonic_basis`."""
    import torch

    x, y, z = normals.unbind(-1)
    terms = [torch.ones_like(x), x, y, z, x * y, y * z, z * x, x * x - y * y, 3.0 * z * z - 1.0]
    return torch.stack(terms, dim=-1).float()


@dataclass(frozen=True, eq=False)
class TorchLight:
    """Light times mean skin colour, by direction of the surface. Twin: `light.harmonics.HarmonicLight`."""

    brightness: Tensor
    colour: Tensor
    mean: Tensor
    """() mean luminance of the skin it was fitted to; kept on the device, so that nothing waits for it."""

    def shade(self, normals: Tensor) -> Tensor:
        """Scene-linear colour, (..., 3), of mean skin facing `normals` (..., 3)."""
        basis = harmonic_basis(normals)
        colour = (basis[..., :4] @ self.colour).clamp(min=0.02)
        return _soft_floor(basis @ self.brightness, FLOOR * self.mean)[..., None] * colour


def fit_light(colours: Tensor, normals: Tensor, weights: Tensor, *, rounds: int = 10) -> TorchLight:
    """Fit light to skin, robustly. Twin: `light.harmonics.fit_light`, where the arguments are described.

    Raises:
        ValueError: no sample has weight.
    """
    import torch

    most = weights.amax() if len(weights) else weights.new_zeros(())
    used = weights.where(weights > LEAST_WEIGHT * most, 0.0).double()
    total = used.sum()
    if float(total) <= 0.0:
        raise ValueError("no skin sample to fit light to")
    basis, rgb = harmonic_basis(normals).double(), colours.double()
    luma = rgb @ rgb.new_tensor(LUMA)
    prior = used / total
    mean = (prior @ luma).clamp(min=1e-6)
    chroma = rgb / luma.maximum(0.05 * mean)[:, None]
    ridge, colour_ridge = torch.diag(rgb.new_tensor(RIDGE)), torch.diag(rgb.new_tensor(COLOUR_RIDGE))
    first, robust = basis[:, :4], torch.ones_like(prior)
    for _ in range(rounds):
        w = prior * robust
        w = w / w.sum().clamp(min=1e-12)
        brightness = torch.linalg.solve(basis.T @ (basis * w[:, None]) + ridge, basis.T @ (luma / mean * w))
        colour = torch.linalg.solve(first.T @ (first * w[:, None]) + colour_ridge, first.T @ (chroma * w[:, None]))
        predicted = (basis @ brightness).clamp(min=FLOOR)
        error = (luma / mean / predicted - 1.0) ** 2 + 0.5 * ((chroma - first @ colour) ** 2).mean(dim=1)
        robust = 1.0 / (1.0 + error / TOLERANCE**2) ** 2
    return TorchLight(brightness=(brightness * mean).float(), colour=colour.float(), mean=mean.float())


def grade(rgb: Tensor, *, gain: np.ndarray, to_rec709: np.ndarray | None = None) -> Tensor:
    """Scene-linear values (..., 3) under factors of linear Rec.709, (3,). Twin: `light.grade.grade`."""
    import torch

    if to_rec709 is None or gain[0] == gain[1] == gain[2]:
        return rgb * rgb.new_tensor(gain.tolist())
    matrix = (np.linalg.inv(to_rec709) @ (gain[:, None] * to_rec709)).astype(np.float32).tolist()
    red, green, blue = rgb.unbind(-1)
    return torch.stack([row[0] * red + row[1] * green + row[2] * blue for row in matrix], dim=-1)


def _soft_floor(value: Tensor, least: Tensor) -> Tensor:
    """max(value, least) without a crease."""
    half = 0.5 * (value - least)
    return least + half + (half * half + (0.25 * least) ** 2).sqrt()
