from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.geometry.meshes import grid_mesh
from vfx_swap.geometry.raster import Raster, rasterise

HEIGHT, WIDTH = 12, 15


def plain(positions: np.ndarray, triangles: np.ndarray, *, front_only: bool) -> tuple[np.ndarray, np.ndarray]:
    """Pixel by pixel, triangle by triangle: nearest depth and its triangle (-1: none)."""
    depth = np.full((HEIGHT, WIDTH), np.inf)
    nearest = np.full((HEIGHT, WIDTH), -1)
    for index, corners in enumerate(triangles):
        a, b, c = positions[corners].astype(np.float64)
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if abs(area) <= 1e-9 or (front_only and area > 0.0):
            continue
        for y in range(HEIGHT):
            for x in range(WIDTH):
                wa = ((b[0] - x) * (c[1] - y) - (b[1] - y) * (c[0] - x)) / area
                wb = ((c[0] - x) * (a[1] - y) - (c[1] - y) * (a[0] - x)) / area
                wc = 1.0 - wa - wb
                z = wa * a[2] + wb * b[2] + wc * c[2]
                if min(wa, wb, wc) >= 0.0 and z <= depth[y, x]:
                    depth[y, x], nearest[y, x] = z, index
    return depth, nearest


def pictures(raster: Raster) -> tuple[np.ndarray, np.ndarray]:
    return raster.picture(raster.depth, fill=np.inf), raster.picture(raster.triangle.astype(np.float32), fill=-1.0)


# Corners off the pixel grid by an odd fraction: a centre on an edge may fall either way between the two.
corner = st.tuples(
    st.integers(-40, 160).map(lambda v: v / 10.0 + 0.0137),
    st.integers(-40, 160).map(lambda v: v / 10.0 + 0.0231),
    st.integers(-50, 50).map(lambda v: v / 10.0),
)


@given(st.lists(corner, min_size=4, max_size=7), st.data(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_agrees_with_the_plain_twin(corners: list[tuple[float, ...]], data: st.DataObject, front_only: bool) -> None:
    index = st.integers(0, len(corners) - 1)
    some = data.draw(st.lists(st.tuples(index, index, index), min_size=1, max_size=6))
    positions, triangles = np.array(corners, np.float32), np.array(some, np.int32)
    raster = rasterise(positions, triangles, height=HEIGHT, width=WIDTH, front_only=front_only)
    depth, _ = pictures(raster)
    wanted, _ = plain(positions, triangles, front_only=front_only)
    assert np.array_equal(np.isfinite(depth), np.isfinite(wanted))
    seen = np.isfinite(wanted)
    # Thin slivers carry depth with the rounding of their area.
    assert np.allclose(depth[seen], wanted[seen], atol=1e-3)
    pixels = raster.rows.astype(int) * WIDTH + raster.columns
    assert len(np.unique(pixels)) == len(pixels)


@given(st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_mesh_covers_without_gaps(seed: int, on_grid: bool) -> None:
    # Shared edges run through pixel centres when corners are whole numbers.
    random = np.random.default_rng(seed)
    points, triangles = grid_mesh(5, 4)
    placed = points * [WIDTH - 1, HEIGHT - 1]
    inner = np.all((points > 0.0) & (points < 1.0), axis=1)
    placed[inner] += random.uniform(-0.8, 0.8, (int(inner.sum()), 2))
    placed = np.round(placed) if on_grid else placed
    raster = rasterise(placed.astype(np.float32), triangles, height=HEIGHT, width=WIDTH, front_only=False)
    assert len(raster.rows) == HEIGHT * WIDTH
    assert len(np.unique(raster.rows.astype(int) * WIDTH + raster.columns)) == HEIGHT * WIDTH


def test_interpolation_is_exact_for_linear_functions() -> None:
    points, triangles = grid_mesh(3, 3)
    placed = (points * [9.3, 8.1] + [1.7, 1.2]).astype(np.float32)
    values = np.column_stack([placed, 2.0 * placed[:, 0] - 3.0 * placed[:, 1] + 1.0]).astype(np.float32)
    raster = rasterise(placed, triangles, height=HEIGHT, width=WIDTH)
    at = raster.interpolate(values, triangles)
    x, y = raster.columns.astype(float), raster.rows.astype(float)
    assert np.allclose(at, np.stack([x, y, 2.0 * x - 3.0 * y + 1.0], axis=1), atol=2e-5)
    assert np.allclose(raster.weights.sum(axis=1), 1.0, atol=1e-6)
    assert raster.weights.min() >= -1e-6


def test_the_nearer_triangle_hides_the_farther_whatever_their_order() -> None:
    near = np.array([[2, 2, -1], [2, 9, -1], [9, 2, -1]], np.float32)
    far = near + np.array([0.0, 0.0, 5.0], np.float32)
    for first, second, front in ((near, far, 0), (far, near, 1)):
        raster = rasterise(
            np.concatenate([first, second]), np.array([[0, 1, 2], [3, 4, 5]], np.int32), height=HEIGHT, width=WIDTH
        )
        assert set(raster.triangle) == {front}
        assert np.all(raster.depth == -1.0)


def test_of_equal_depths_the_later_triangle_wins() -> None:
    corners = np.array([[2, 2, 1], [2, 9, 1], [9, 2, 1]], np.float32)
    raster = rasterise(corners, np.array([[0, 1, 2]] * 3, np.int32), height=HEIGHT, width=WIDTH)
    assert set(raster.triangle) == {2}


def test_triangles_wound_away_are_dropped_unless_asked_for() -> None:
    corners = np.array([[2, 2, 0], [2, 9, 0], [9, 2, 0]], np.float32)
    front, back = np.array([[0, 1, 2]], np.int32), np.array([[0, 2, 1]], np.int32)
    covered = len(rasterise(corners, front, height=HEIGHT, width=WIDTH).rows)
    assert covered == 36  # the triangular number of its 8 columns
    assert len(rasterise(corners, back, height=HEIGHT, width=WIDTH).rows) == 0
    assert len(rasterise(corners, back, height=HEIGHT, width=WIDTH, front_only=False).rows) == covered


def test_a_mesh_beyond_the_picture_is_cut_and_one_outside_is_empty() -> None:
    corners = np.array([[-1e4, -1e4, 0], [-1e4, 3e4, 0], [3e4, -1e4, 0]], np.float32)
    triangles = np.array([[0, 1, 2]], np.int32)
    assert len(rasterise(corners, triangles, height=HEIGHT, width=WIDTH).rows) == HEIGHT * WIDTH
    outside = rasterise(corners + np.float32(5e4), triangles, height=HEIGHT, width=WIDTH)
    assert len(outside.rows) == 0
    assert outside.interpolate(np.ones((3, 2), np.float32), triangles).shape == (0, 2)
    assert np.all(outside.picture(outside.depth, fill=7.0) == 7.0)


def test_flat_positions_and_pictures_of_channels() -> None:
    corners = np.array([[0, 0], [0, 20], [20, 0]], np.float32)
    raster = rasterise(corners, np.array([[0, 1, 2]], np.int32), height=3, width=4)
    assert np.all(raster.depth == 0.0)
    assert raster.shape == (3, 4)
    picture = raster.picture(np.stack([raster.columns, raster.rows], axis=1).astype(np.float32))
    assert np.array_equal(picture[2, 3], [3.0, 2.0])


def test_bands_are_not_seen_in_any_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    points, triangles = grid_mesh(9, 7)
    positions = np.column_stack(
        [points * [70, 90] + random.normal(0, 6, points.shape), random.normal(0, 9, len(points))]
    )
    size = {"height": 83, "width": 64}
    whole = rasterise(positions.astype(np.float32), triangles, **size, front_only=False)
    for band in (1, 64 * 7, 64 * 40):
        monkeypatch.setattr("vfx_swap.geometry.raster.BAND", band)
        cut = rasterise(positions.astype(np.float32), triangles, **size, front_only=False)
        for name in ("rows", "columns", "triangle", "weights", "depth"):
            assert getattr(cut, name).tobytes() == getattr(whole, name).tobytes(), name
            assert getattr(cut, name).dtype.itemsize == 4


def test_a_large_face_takes_memory_of_the_result_s_order() -> None:
    points, triangles = grid_mesh(3, 3)
    height, width = 1500, 800
    positions = (points * [width, height]).astype(np.float32)
    tracemalloc.start()
    try:
        raster = rasterise(positions, triangles, height=height, width=width, front_only=False)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    arrays = (raster.rows, raster.columns, raster.triangle, raster.weights, raster.depth)
    assert len(raster.rows) == height * width
    assert peak < 3 * sum(array.nbytes for array in arrays)
