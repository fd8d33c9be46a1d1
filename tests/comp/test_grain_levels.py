"""Grain by brightness: what was put in is found, taken off and laid back."""

from __future__ import annotations

import numpy as np
import pytest

from tests.comp.test_grain import noise, plate
from vfx_swap.arrays import FloatArray
from vfx_swap.comp.grain_levels import (
    LEVELS,
    LevelGrain,
    lay_grain,
    mixing,
    pooled_grain,
    read_grain,
    remove_grain,
    scale_shares,
)

OF_CHANNEL = np.array([1.0, 0.7, 1.4], np.float32)
STOPS = (-6, -4, -2, 0, 2)
LIT = slice(3, 12)
"""Levels that the plate shows."""


def scene() -> FloatArray:
    """Ramps, edges and texture, at five brightnesses one under the other."""
    return np.concatenate([plate() * np.float32(2.0**stop) for stop in STOPS], axis=0)


def deviation(bright: FloatArray, *, film: float = 0.006, read: float = 0.0015) -> FloatArray:
    """Of grain in the square root of light: even, as a film's, and a sensor's read noise that drowns shadows."""
    return np.asarray(np.sqrt(film**2 + read**2 / bright), dtype=np.float32)


def grained(rgb: FloatArray, softness: tuple[float, float, float], *, seed: int) -> FloatArray:
    each = np.stack([noise(s, seed=seed + i, shape=rgb.shape[:2]) for i, s in enumerate(softness)], axis=-1)
    strength = deviation(rgb.mean(axis=2, keepdims=True)) * OF_CHANNEL
    return np.asarray(np.maximum(np.sqrt(rgb) + each * strength, 0.0) ** 2, dtype=np.float32)


def known(softness: tuple[float, float, float]) -> LevelGrain:
    wanted = (deviation(np.float32(2.0) ** np.array(LEVELS, np.float32)))[:, None] * OF_CHANNEL
    return LevelGrain(np.stack([np.diag(one.astype(np.float64) ** 2) for one in wanted]), softness)


@pytest.mark.parametrize("softness", [(0.0, 0.0, 0.0), (0.5, 0.5, 0.8), (0.8, 0.8, 0.8)])
def test_channel_level_and_correlation_are_found_to_15_percent(softness: tuple[float, float, float]) -> None:
    found = pooled_grain([read_grain(grained(scene(), softness, seed=7 * one)) for one in range(2)])
    assert found is not None
    wanted = known(softness).strength
    assert np.allclose(found.strength[LIT] / wanted[LIT], 1.0, atol=0.15)
    assert np.allclose(found.softness, softness, atol=0.4 if softness == (0.0, 0.0, 0.0) else 0.06)
    # A shadow's grain is another than a highlight's, and one brightness would not do.
    assert wanted[3, 0] / wanted[11, 0] > 1.8


def test_grain_that_is_laid_reads_as_the_grain_that_was_wanted() -> None:
    grain = known((0.5, 0.5, 0.5))
    laid = lay_grain(scene(), grain=grain, seed=4)
    found = pooled_grain([read_grain(laid)])
    assert found is not None
    assert np.allclose(found.strength[LIT] / grain.strength[LIT], 1.0, atol=0.15)


def test_channels_that_go_together_stay_together() -> None:
    together = np.full((3, 3), 1e-4)
    grain = LevelGrain(np.stack([together] * len(LEVELS)), (0.0, 0.0, 0.0))
    flat = np.full((256, 256, 3), 0.25, np.float32)
    change = (np.sqrt(lay_grain(flat, grain=grain, seed=3)) - 0.5).reshape(-1, 3)
    assert np.corrcoef(change.T).min() > 0.98
    assert change.std() == pytest.approx(0.01, rel=0.03)


@pytest.mark.parametrize("softness", [(0.0, 0.0, 0.0), (0.6, 0.6, 0.6)])
def test_grain_goes_where_it_is_flat_and_edges_stay(softness: tuple[float, float, float]) -> None:
    clean = plate()
    noisy = grained(clean, softness, seed=2)
    done = remove_grain(noisy, grain=known(softness))
    before, after = (np.sqrt(one) - np.sqrt(clean) for one in (noisy, done))
    flat, edges = np.s_[30:230, 30:480], np.s_[290:480, 30:480]
    assert after[flat].std() < 0.2 * before[flat].std()
    assert after[edges].std() < before[edges].std()
    # Detail is there still: an edge of 0.3 is as steep as it was.
    steep = [float(np.abs(np.diff(one[400], axis=0)).max()) for one in (clean, done)]
    assert steep[1] > 0.9 * steep[0]


def test_taken_off_and_laid_back_a_plate_has_the_grain_it_had() -> None:
    noisy = grained(scene(), (0.5, 0.5, 0.5), seed=3)
    first = pooled_grain([read_grain(noisy)])
    assert first is not None
    again = pooled_grain([read_grain(lay_grain(remove_grain(noisy, grain=first), grain=first, seed=1))])
    assert again is not None
    # Texture that was taken for grain, and left, is read with it.
    assert np.allclose(again.strength[LIT] / first.strength[LIT], 1.0, atol=0.25)


def test_same_seed_same_bits_and_another_seed_others() -> None:
    rgb, grain = np.full((64, 64, 3), 0.3, np.float32), known((0.5, 0.5, 0.5))
    one, same, other = (lay_grain(rgb, grain=grain, seed=seed) for seed in (7, 7, 8))
    assert np.array_equal(one, same)
    assert abs(float(np.corrcoef((one - rgb).ravel(), (other - rgb).ravel())[0, 1])) < 0.05


def test_black_and_negative_values_are_left() -> None:
    rgb = np.full((64, 64, 3), -0.5, np.float32)
    rgb[:32] = 0.0
    for done in (lay_grain(rgb, grain=known((0.0,) * 3), seed=1), remove_grain(rgb, grain=known((0.0,) * 3))):
        assert np.array_equal(done, rgb)


def test_painted_bars_and_what_is_not_finite_say_nothing() -> None:
    noisy = grained(scene(), (0.0, 0.0, 0.0), seed=5)
    wanted = pooled_grain([read_grain(noisy)])
    barred = noisy.copy()
    barred[:, :160] = 0.3
    barred[40:50, 300:310] = np.inf
    found = pooled_grain([read_grain(barred)])
    assert wanted is not None
    assert found is not None
    assert np.allclose(found.strength[LIT] / wanted.strength[LIT], 1.0, atol=0.25)


@pytest.mark.parametrize("shape", [(0, 0), (5, 300), (31, 31), (64, 64)])
def test_too_little_or_nothing_flat_is_no_grain(shape: tuple[int, int]) -> None:
    assert pooled_grain([read_grain(np.full((*shape, 3), 0.4, np.float32))]) is None
    assert pooled_grain([]) is None


def test_mixing_and_shares_are_what_they_say() -> None:
    grain = known((0.0, 0.5, 0.9))
    mix = mixing(grain).astype(np.float64)
    assert np.allclose(mix @ mix.swapaxes(1, 2), grain.covariance, atol=1e-10)
    shares = scale_shares(grain.softness)
    white = np.random.default_rng(0).standard_normal((512, 512)).astype(np.float32)
    assert shares.sum(axis=0).max() <= 1.0
    assert shares[0, 0] > shares[0, 1] > shares[0, 2]  # the softer, the less in the finest band
    assert white.std() == pytest.approx(1.0, abs=0.01)
