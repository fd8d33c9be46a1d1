"""Rasterising on a device, all triangles at once. Twin: `geometry.raster`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vfx_swap.models.torch_kernels.device import to_device

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["TorchRaster", "rasterise"]


@dataclass(frozen=True, eq=False)
class TorchRaster:
    """What each covered pixel sees of a mesh. Twin: `geometry.raster.Raster`, whose fields these are."""

    rows: Tensor
    """(k,) int64, as `columns` and `triangle`: what torch indexes with."""
    columns: Tensor
    triangle: Tensor
    weights: Tensor
    depth: Tensor
    shape: tuple[int, int]

    def interpolate(self, values: Tensor | np.ndarray, triangles: Tensor | np.ndarray) -> Tensor:
        """Per-vertex `values` (n, c) at the covered pixels: (k, c). What is numpy's is moved to the device."""
        device = self.weights.device
        values = to_device(values, device) if isinstance(values, np.ndarray) else values
        triangles = to_device(triangles, device) if isinstance(triangles, np.ndarray) else triangles
        corners = triangles[self.triangle].long()
        out = values[corners[:, 0]] * self.weights[:, :1]
        out += values[corners[:, 1]] * self.weights[:, 1:2]
        out += values[corners[:, 2]] * self.weights[:, 2:]
        return out

    def picture(self, values: Tensor, *, fill: float = 0.0) -> Tensor:
        """Values (k,) or (k, c) of the covered pixels laid into a full picture, `fill` elsewhere."""
        out = values.new_full((*self.shape, *values.shape[1:]), fill)
        out[self.rows, self.columns] = values
        return out


def rasterise(positions: Tensor, triangles: Tensor, *, height: int, width: int, front_only: bool = True) -> TorchRaster:
    """Rasterise a mesh with a depth test. Twin: `geometry.raster.rasterise`.

    Args:
        positions: (n, 3) float32 pixels; z smaller is nearer. (n, 2) is taken as flat.
        triangles: (m, 3) int64.
        height: of the picture.
        width: of the picture.
        front_only: drop triangles wound away from the camera.

    Returns:
        The nearest triangle at each covered pixel. Deterministic: of equal depths the later triangle wins.
    """
    import torch

    corners = positions.double()
    tri, x, y, weights = _samples(corners[:, :2], triangles, height, width, front_only=front_only)
    depth = (
        (weights * corners[:, 2][triangles[tri]]).sum(dim=1) if positions.shape[1] > 2 else weights.new_zeros(len(tri))
    )

    # Least depth of each pixel, then the last sample that has it: minima and maxima do not depend on an order.
    pixel = y * width + x
    nearest = depth.new_full((height * width,), torch.inf).scatter_reduce(0, pixel, depth, "amin")
    order = torch.arange(len(tri), device=tri.device).where(depth == nearest[pixel], -1)
    last = order.new_full((height * width,), -1).scatter_reduce(0, pixel, order, "amax")
    covered = (last >= 0).nonzero()[:, 0]
    pick = last[covered]
    return TorchRaster(
        rows=covered // width,
        columns=covered % width,
        triangle=tri[pick],
        weights=weights[pick].float(),
        depth=depth[pick].float(),
        shape=(height, width),
    )


def _samples(
    xy: Tensor, triangles: Tensor, height: int, width: int, *, front_only: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Every pixel centre in every triangle: triangle, column, row, (n, 3) barycentric weights."""
    import torch

    a, b, c = (xy[triangles[:, k]] for k in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    most = torch.tensor([width - 1, height - 1], device=xy.device)
    low = a.minimum(b).minimum(c).ceil().long().clamp(min=0)
    high = a.maximum(b).maximum(c).floor().long().minimum(most)
    spans = high - low + 1
    use = (area < -1e-9) if front_only else (area.abs() > 1e-9)
    chosen = (use & (spans > 0).all(dim=1)).nonzero()[:, 0]

    counts = spans[chosen, 0] * spans[chosen, 1]
    owner = torch.repeat_interleave(counts)
    offset = torch.arange(len(owner), device=xy.device) - (counts.cumsum(0) - counts)[owner]
    tri = chosen[owner]
    x = low[tri, 0] + offset % spans[tri, 0]
    y = low[tri, 1] + offset // spans[tri, 0]

    inverse = 1.0 / area[tri]
    wb = ((x - a[tri, 0]) * (c[tri, 1] - a[tri, 1]) - (y - a[tri, 1]) * (c[tri, 0] - a[tri, 0])) * inverse
    wc = ((b[tri, 0] - a[tri, 0]) * (y - a[tri, 1]) - (b[tri, 1] - a[tri, 1]) * (x - a[tri, 0])) * inverse
    wa = 1.0 - wb - wc
    # Shared edges must not leave gaps: a centre on an edge is in both triangles.
    inside = ((wa >= -1e-7) & (wb >= -1e-7) & (wc >= -1e-7)).nonzero()[:, 0]
    return tri[inside], x[inside], y[inside], torch.stack([wa[inside], wb[inside], wc[inside]], dim=1)
