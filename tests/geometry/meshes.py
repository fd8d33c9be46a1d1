"""Small meshes for tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vfx_swap.arrays import FloatArray

__all__ = ["grid_mesh"]


def grid_mesh(columns: int, rows: int) -> tuple[FloatArray, NDArray[np.int32]]:
    """A flat grid over the unit square, y down, wound to face the camera: vertices (n, 2) and triangles."""
    y, x = np.mgrid[: rows + 1, : columns + 1].astype(np.float32)
    vertices = np.stack([x.ravel() / columns, y.ravel() / rows], axis=1).astype(np.float32)
    index = np.arange((rows + 1) * (columns + 1)).reshape(rows + 1, columns + 1)
    a, b, c, d = (part.ravel() for part in (index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]))
    triangles = np.concatenate([np.stack([a, d, c], axis=1), np.stack([a, c, b], axis=1)])
    return vertices, triangles.astype(np.int32)
