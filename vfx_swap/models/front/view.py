"""A face in a small piece of the picture: what each pixel of it is, in log light and on the face mesh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vfx_swap.arrays import FloatArray
from vfx_swap.geometry.raster import rasterise
from vfx_swap.light.harmonics import LUMA, harmonic_basis
from vfx_swap.models.reprojection.atlas import Atlas

__all__ = ["CHANNELS", "FaceView", "linear_light", "log_light", "look"]

CHANNELS = 3
"""Log luminance, log R/G, log B/G."""
DARKEST = 0.01
"""Added to display light before its logarithm: what is darker is noise."""
NORMAL_ROUNDS = 30
"""Smoothing of the normals that light is fitted to."""


@dataclass(frozen=True, eq=False)
class FaceView:
    """The pixels of a piece that the face mesh covers."""

    size: int
    """Side of the piece in pixels."""
    rows: NDArray[np.int32]
    columns: NDArray[np.int32]
    """(k,) which pixels."""
    uv: FloatArray
    """(k, 2) where on the face."""
    basis: FloatArray
    """(k, 9) harmonics of the smoothed normals."""
    facing: FloatArray
    """(k,) 1 towards the camera, 0 and less turned away."""
    log: FloatArray
    """(k, 3) see `CHANNELS`."""

    def picture(self, values: FloatArray, *, fill: float = 0.0) -> FloatArray:
        """Values (k[, c]) of the covered pixels as a (size, size[, c]) picture."""
        out = np.full((self.size, self.size, *values.shape[1:]), fill, dtype=np.float32)
        out[self.rows, self.columns] = values
        return out


def linear_light(rgb: FloatArray) -> FloatArray:
    """Display-referred sRGB values in [0, 1] as linear light (IEC 61966-2-1)."""
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4).astype(np.float32)


def log_light(rgb: FloatArray) -> FloatArray:
    """(..., 3) log luminance, log R/G and log B/G of display-referred sRGB values in [0, 1]."""
    linear = linear_light(rgb) + DARKEST
    logs = np.log(linear)
    luma = np.log(linear @ np.asarray(LUMA, np.float32))
    return np.stack([luma, logs[..., 0] - logs[..., 1], logs[..., 2] - logs[..., 1]], axis=-1).astype(np.float32)


def look(rgb: FloatArray, points: FloatArray, atlas: Atlas) -> FaceView:
    """What a piece shows of a face.

    Args:
        rgb: (size, size, 3) display-referred, [0, 1].
        points: (478, 3) landmarks in pixels of the piece.
        atlas: of the face mesh.
    """
    size = rgb.shape[0]
    positions = atlas.mesh.positions(points)
    raster = rasterise(positions, atlas.mesh.triangles, height=size, width=size)
    normals = raster.interpolate(atlas.mesh.normals(positions, rounds=NORMAL_ROUNDS), atlas.mesh.triangles)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-6)
    return FaceView(
        size=size,
        rows=raster.rows,
        columns=raster.columns,
        uv=raster.interpolate(atlas.mesh.uv, atlas.mesh.triangles),
        basis=harmonic_basis(normals),
        facing=raster.interpolate(atlas.mesh.normals(positions), atlas.mesh.triangles)[:, 2],
        log=log_light(rgb[raster.rows, raster.columns]),
    )
