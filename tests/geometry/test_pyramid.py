"""A texture finer than the picture is read at the size of its pixels."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tests.models.faces import canonical_mesh
from vfx_swap.geometry.mesh import subdivide
from vfx_swap.geometry.pyramid import make_pyramid, sample_pyramid, texels_per_pixel


def _noise(size: int) -> np.ndarray:
    return np.random.default_rng(3).random((size, size, 3), dtype=np.float32)


def _grid(count: int) -> np.ndarray:
    steps = (np.arange(count, dtype=np.float32) + 0.5) / count
    return np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)


def test_levels_halve_and_keep_the_mean() -> None:
    texture = _noise(256)
    pyramid = make_pyramid(texture)
    assert [level.shape[0] for level in pyramid.levels] == [256, 128, 64, 32, 16]
    for level in pyramid.levels:
        np.testing.assert_allclose(level.mean(axis=(0, 1)), texture.mean(axis=(0, 1)), atol=1e-5)


def test_one_texel_a_pixel_reads_the_texture_itself() -> None:
    texture = _noise(64)
    read = sample_pyramid(make_pyramid(texture), _grid(64), np.ones(64 * 64, np.float32))
    np.testing.assert_allclose(read.reshape(64, 64, 3), texture, atol=1e-6)


@pytest.mark.parametrize("factor", [4, 8])
def test_a_fine_texture_does_not_crackle(factor: int) -> None:
    texture = _noise(256)
    count = 256 // factor
    # Half a texel off the middle of a texel, where plain sampling still sees one texel's noise.
    uv = _grid(count) + np.float32(0.25 / 256)
    footprint = np.full(count * count, factor, np.float32)
    read = sample_pyramid(make_pyramid(texture), uv, footprint).std()
    plain = sample_pyramid(make_pyramid(texture), uv, np.ones_like(footprint)).std()
    assert read < 0.55 * plain


def test_reading_is_continuous_in_size() -> None:
    pyramid, uv = make_pyramid(_noise(256)), _grid(40)
    sizes = np.geomspace(0.5, 60.0, 300)
    reads = [sample_pyramid(pyramid, uv, np.full(len(uv), size, np.float32)) for size in sizes]
    steps = [float(np.abs(b - a).max()) for a, b in pairwise(reads)]
    assert max(steps) < 0.08


def test_footprint_is_texels_over_pixels() -> None:
    face = canonical_mesh()
    mesh = subdivide(uv=face.uv, triangles=face.triangles, levels=1)
    flat = np.asarray(mesh.uv * np.float32(200.0), np.float32)
    np.testing.assert_allclose(texels_per_pixel(flat, mesh, size=1000), 5.0, rtol=1e-3)
    np.testing.assert_allclose(
        texels_per_pixel(flat * np.array([0.25, 1.0], np.float32), mesh, size=1000), 10.0, rtol=1e-3
    )


def test_a_mesh_seen_on_edge_is_finite() -> None:
    face = canonical_mesh()
    mesh = subdivide(uv=face.uv, triangles=face.triangles, levels=1)
    edge = np.asarray(mesh.uv * np.array([0.0, 100.0], np.float32), np.float32)
    footprint = texels_per_pixel(edge, mesh, size=1024)
    assert np.isfinite(footprint).all()
    assert np.isfinite(sample_pyramid(make_pyramid(_noise(64)), mesh.uv, footprint)).all()
