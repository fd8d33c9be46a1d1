"""Rasterising on a device agrees with geometry's: the same triangle at every pixel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.geometry.meshes import grid_mesh
from tests.models.torch_kernels.agreement import assert_near, on
from vfx_swap.geometry import raster as plain
from vfx_swap.models.torch_kernels.raster import rasterise

TOLERANCE = 1e-6
"""Of the largest value; measured: 0 on the CPU."""


@pytest.mark.parametrize("front_only", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_random_triangles(seed: int, front_only: bool, device: Any) -> None:
    """Over one another, through one another, over the border, and some of no area."""
    rng = np.random.default_rng(seed)
    positions = (rng.random((60, 3)) * [120.0, 100.0, 50.0] - [10.0, 10.0, 0.0]).astype(np.float32)
    triangles = rng.integers(0, 60, (90, 3)).astype(np.int32)
    wanted = plain.rasterise(positions, triangles, height=80, width=90, front_only=front_only)
    points, corners = on(device, positions, triangles.astype(np.int64))
    got = rasterise(points, corners, height=80, width=90, front_only=front_only)
    np.testing.assert_array_equal(got.rows.cpu(), wanted.rows)
    np.testing.assert_array_equal(got.columns.cpu(), wanted.columns)
    np.testing.assert_array_equal(got.triangle.cpu(), wanted.triangle)
    assert_near(got.weights, wanted.weights, tolerance=TOLERANCE)
    assert_near(got.depth, wanted.depth, tolerance=TOLERANCE)
    values = rng.random((60, 2)).astype(np.float32)
    laid = got.picture(got.interpolate(on(device, values), corners), fill=0.5)
    assert_near(laid, wanted.picture(wanted.interpolate(values, triangles), fill=0.5), tolerance=TOLERANCE)


def test_of_equal_depths_the_later_triangle_wins(device: Any) -> None:
    """On whole pixels every inner edge is shared, and so is every depth of a flat mesh."""
    vertices, triangles = grid_mesh(8, 6)
    positions = vertices * np.array([32.0, 24.0], np.float32)
    wanted = plain.rasterise(positions, triangles, height=30, width=40)
    got = rasterise(*on(device, positions, triangles.astype(np.int64)), height=30, width=40)
    np.testing.assert_array_equal(got.triangle.cpu(), wanted.triangle)


def test_nothing_in_sight(device: Any) -> None:
    vertices, triangles = grid_mesh(2, 2)
    got = rasterise(*on(device, vertices - np.float32(9.0), triangles.astype(np.int64)), height=4, width=5)
    assert len(got.rows) == 0
    assert got.picture(got.depth).shape == (4, 5)
