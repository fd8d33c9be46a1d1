from __future__ import annotations

import numpy as np
import pytest

from vfx_swap.arrays import FloatArray
from vfx_swap.comp.matte import expand_matte


def disc(radius: float, side: int = 81) -> FloatArray:
    y, x = np.mgrid[:side, :side] - side // 2
    return np.asarray(np.hypot(x, y) <= radius, dtype=np.float32)


def test_nothing_is_nothing() -> None:
    matte = np.random.default_rng(0).random((9, 7), np.float32)
    assert np.array_equal(expand_matte(matte, 0.0), matte)


@pytest.mark.parametrize("radius", [1, 2, 3, 8, 15])
def test_edges_move_by_the_distance_all_round(radius: int) -> None:
    y, x = np.mgrid[:81, :81] - 40
    away = np.hypot(x, y)
    point = (away == 0.0).astype(np.float32)
    for moved in (expand_matte(point, float(radius)), 1.0 - expand_matte(1.0 - point, -float(radius))):
        # The frame's border shrinks too: look at the middle. Rows of whole pixels make a disc to within one.
        middle = slice(20, 61), slice(20, 61)
        inside, near = moved[middle] > 0.5, away[middle]
        assert near[inside].max() <= radius + 0.75
        assert near[~inside].min() >= radius - 0.75
        assert moved[40, 40 + radius] == moved[40 - radius, 40] == 1.0
        assert moved[40, 40 + radius + 1] == moved[40 - radius - 1, 40] == 0.0


def by_plain_search(matte: FloatArray, radius: int, *, grow: bool) -> FloatArray:
    """Every pixel of the disc around every pixel, one by one."""
    out = np.empty_like(matte)
    offsets = [
        (dy, dx)
        for dy in range(-radius, radius + 1)
        for dx in range(-radius, radius + 1)
        if abs(dx) <= round((radius**2 - dy**2) ** 0.5)
    ]
    for y, x in np.ndindex(matte.shape):
        seen = [
            float(matte[y + dy, x + dx]) if 0 <= y + dy < matte.shape[0] and 0 <= x + dx < matte.shape[1] else 0.0
            for dy, dx in offsets
        ]
        out[y, x] = max(seen) if grow else min(seen)
    return out


@pytest.mark.parametrize("radius", [1, 2, 3, 4, 6, 9])
def test_is_the_plain_search_bit_for_bit(radius: int) -> None:
    # Sparse, so that some of the disc's edge decides; off-centre, so that the picture's border does too.
    rng = np.random.default_rng(radius)
    matte = rng.random((23, 17), np.float32)
    sparse = np.where(rng.random(matte.shape) < 0.03, matte, np.float32(0.0))
    sparse[:9] = 0.0
    full = np.where(rng.random(matte.shape) < 0.03, matte, np.float32(1.0))
    for picture in (matte, sparse, full):
        for grow in (True, False):
            moved = expand_matte(picture, float(radius if grow else -radius))
            assert np.array_equal(moved, by_plain_search(picture, radius, grow=grow))


def test_the_widest_radius_of_the_settings() -> None:
    y, x = np.mgrid[:600, :600] - 300
    away = np.hypot(x, y)
    grown = expand_matte((away == 0.0).astype(np.float32), 256.0)
    assert grown[away <= 255.25].min() == 1.0
    assert grown[away >= 256.75].max() == 0.0


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_between_whole_pixels_the_two_nearest_are_mixed(sign: float) -> None:
    matte = disc(20.0)
    low, high = expand_matte(matte, sign * 3.0), expand_matte(matte, sign * 4.0)
    assert np.allclose(expand_matte(matte, sign * 3.25), 0.75 * low + 0.25 * high, atol=1e-6)
    assert np.allclose(expand_matte(matte, sign * 0.5), 0.5 * (matte + expand_matte(matte, sign)), atol=1e-6)
    areas = [float(expand_matte(matte, sign * step / 4.0).sum()) for step in range(20)]
    assert np.all(np.diff(areas) * sign > 0.0)


def test_a_soft_edge_moves_as_a_whole() -> None:
    ramp = np.tile(np.clip((np.arange(60) - 20) / 10.0, 0.0, 1.0).astype(np.float32), (40, 1))
    for pixels in (5.0, -5.0):
        moved = expand_matte(ramp, pixels)
        inner = slice(10, 30), slice(10, 45)
        assert np.allclose(moved[inner], np.roll(ramp, -int(pixels), axis=1)[inner], atol=1e-6)


def test_outside_the_picture_there_is_no_matte() -> None:
    full = np.ones((20, 30), np.float32)
    shrunk = expand_matte(full, -4.0)
    assert np.array_equal(shrunk[4:-4, 4:-4], np.ones((12, 22), np.float32))
    assert shrunk[:4].max() == shrunk[-4:].max() == shrunk[:, :4].max() == shrunk[:, -4:].max() == 0.0
    assert np.array_equal(expand_matte(full, 4.0), full)
    corner = np.zeros((20, 30), np.float32)
    corner[0, 0] = 1.0
    grown = expand_matte(corner, 6.0)
    assert grown[0, 6] == grown[6, 0] == 1.0
    assert grown[0, 7] == grown[7, 0] == grown[-1, -1] == 0.0


def test_a_matte_shrunk_away_or_grown_over_everything() -> None:
    assert expand_matte(disc(5.0), -12.5).max() == 0.0
    assert expand_matte(disc(20.0), 45.0).min() == 1.0


@pytest.mark.parametrize("shape", [(0, 0), (0, 7), (5, 0), (1, 1)])
@pytest.mark.parametrize("pixels", [2.5, -2.5])
def test_small_and_empty_mattes(shape: tuple[int, int], pixels: float) -> None:
    assert expand_matte(np.ones(shape, np.float32), pixels).shape == shape


def test_stays_between_nothing_and_everything() -> None:
    noise = np.random.default_rng(1).random((30, 30), np.float32)
    for pixels in (0.3, 2.7, -0.3, -2.7):
        out = expand_matte(noise, pixels)
        assert out.dtype == np.float32
        assert out.min() >= 0.0
        assert out.max() <= 1.0
        assert np.all(out >= noise) if pixels > 0 else np.all(out <= noise)
