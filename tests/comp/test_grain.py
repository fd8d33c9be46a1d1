from __future__ import annotations

import cv2
import numpy as np
import pytest

from vfx_swap.arrays import FloatArray
from vfx_swap.comp.grain import (
    _HALF_OVER_FULL,
    _RESPONSE,
    _SOFTNESS,
    BLOCK,
    FLAT_BIAS,
    FLATTEST,
    OPERATOR,
    OPERATOR_NORM,
    Grain,
    add_grain,
    grain_from,
    measure_grain,
)

SIDE = 512


def noise(softness: float, *, seed: int = 0, shape: tuple[int, ...] = (SIDE, SIDE, 3)) -> FloatArray:
    """White noise blurred and scaled back to deviation 1."""
    random = np.random.default_rng(seed).standard_normal(shape, np.float32)
    soft = random if softness <= 0.05 else cv2.GaussianBlur(random, (0, 0), softness)
    return np.asarray(soft / soft.std(), dtype=np.float32)


def read(picture: FloatArray) -> float:
    return float((cv2.filter2D(picture, -1, OPERATOR) / OPERATOR_NORM).std())


def halved(picture: FloatArray) -> FloatArray:
    return np.asarray(cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), dtype=np.float32)


@pytest.mark.parametrize("at", range(len(_SOFTNESS)))
def test_tables_are_what_the_operator_reads(at: int) -> None:
    white = noise(_SOFTNESS[at], shape=(1024, 1024, 3))
    # 3 million samples: the reading's own error is under 0.2 %.
    assert _RESPONSE[at] == pytest.approx(read(white), rel=0.01)
    assert _HALF_OVER_FULL[at] == pytest.approx(read(halved(white)) / read(white), rel=0.01)


def test_tables_rise_and_fall_so_that_they_can_be_read_backwards() -> None:
    assert np.all(np.diff(_HALF_OVER_FULL) > 0.0)
    assert np.all(np.diff(_SOFTNESS) > 0.0)
    assert np.all(np.diff(_RESPONSE) < 0.0)


@pytest.mark.parametrize("softness", [0.0, 0.5])
def test_flat_bias_is_what_the_flattest_blocks_read(softness: float) -> None:
    answer = cv2.filter2D(noise(softness, shape=(1024, 1024, 3)), -1, OPERATOR)
    blocks = answer.reshape(128, BLOCK, 128, BLOCK, 3).swapaxes(1, 2).reshape(-1, BLOCK * BLOCK, 3)
    energy = (blocks**2).mean(axis=(1, 2))
    flat = blocks[energy <= np.quantile(energy, FLATTEST)]
    assert float(flat.std() / answer.std()) == pytest.approx(FLAT_BIAS, rel=0.04)


def plate() -> FloatArray:
    """Half of it smooth ramps, half of it edges and texture."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32) / SIDE
    smooth = np.stack([0.3 + 0.2 * x, 0.25 + 0.1 * y, 0.2 + 0.1 * x * y], axis=-1)
    texture = 0.15 * np.sin(90.0 * x) * np.sin(80.0 * y + 20.0 * x) + 0.3 * ((x * 30).astype(int) % 2)
    return np.where((y > 0.5)[..., None], smooth + texture[..., None] * (1.0 + 0.0 * smooth), smooth).astype(np.float32)


def grained(rgb: FloatArray, strength: FloatArray, softness: float, *, seed: int = 1) -> FloatArray:
    root = np.sqrt(np.maximum(rgb, 0.0)) + noise(softness, seed=seed, shape=rgb.shape) * strength
    return np.asarray(np.maximum(root, 0.0) ** 2, dtype=np.float32)


@pytest.mark.parametrize("softness", [0.0, 0.4, 0.6, 0.8])
@pytest.mark.parametrize("strength", [0.004, 0.02])
def test_strength_is_measured_over_ramps_beside_edges_and_texture(softness: float, strength: float) -> None:
    wanted = np.array([1.0, 0.7, 1.4], np.float32) * np.float32(strength)
    found = measure_grain(grained(plate(), wanted, softness), np.ones((SIDE, SIDE), np.float32))
    assert np.allclose(found.strength, wanted, rtol=0.15)
    assert found.softness == pytest.approx(softness, abs=0.2)


def test_channels_that_go_together_are_seen() -> None:
    grey = noise(0.0, shape=(SIDE, SIDE, 1)) * np.ones(3, np.float32)
    rgb = ((np.float32(0.5) + np.float32(0.01) * grey) ** 2).astype(np.float32)
    covariance = measure_grain(rgb, np.ones((SIDE, SIDE), np.float32)).covariance
    assert np.allclose(covariance, covariance[0, 0], rtol=0.02)
    again = add_grain(
        np.full_like(rgb, 0.25), wanted=Grain(covariance, 0.0), present=Grain(np.zeros((3, 3)), 0.0), seed=3
    )
    change = (np.sqrt(again) - 0.5).reshape(-1, 3)
    assert np.corrcoef(change.T).min() > 0.98


def test_only_what_has_weight_is_read() -> None:
    rgb = grained(plate(), np.full(3, 0.01, np.float32), 0.0)
    weight = np.zeros((SIDE, SIDE), np.float32)
    weight[:200] = 1.0
    wild = rgb.copy()
    wild[208:] = np.random.default_rng(0).random(wild[208:].shape, np.float32)
    assert np.allclose(measure_grain(wild, weight).strength, 0.01, rtol=0.15)


@pytest.mark.parametrize("softness", [0.0, 0.6])
@pytest.mark.parametrize("already", [0.0, 0.006])
def test_adding_brings_the_picture_to_the_wanted_strength(softness: float, already: float) -> None:
    ones = np.ones((SIDE, SIDE), np.float32)
    wanted = measure_grain(grained(plate(), np.full(3, 0.012, np.float32), softness), ones)
    smooth = np.full((SIDE, SIDE, 3), 0.3, np.float32)
    start = grained(smooth, np.full(3, already, np.float32), softness, seed=8)
    done = add_grain(start, wanted=wanted, present=measure_grain(start, ones), seed=5)
    assert np.allclose(measure_grain(done, ones).strength, wanted.strength, rtol=0.12)
    assert (np.sqrt(done) - np.sqrt(0.3)).std() == pytest.approx(0.012, rel=0.15)
    assert abs(float((np.sqrt(done) - np.sqrt(start)).mean())) < 2e-4


def test_same_seed_same_bits_and_another_seed_others() -> None:
    rgb = np.full((64, 64, 3), 0.3, np.float32)
    wanted, none = Grain(np.eye(3) * 1e-4, 0.5), Grain(np.zeros((3, 3)), 0.0)
    one, same, other = (add_grain(rgb, wanted=wanted, present=none, seed=seed) for seed in (7, 7, 8))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert abs(float(np.corrcoef((one - rgb).ravel(), (other - rgb).ravel())[0, 1])) < 0.05


def test_nothing_is_added_when_there_is_enough_or_none_is_wanted() -> None:
    rgb = np.random.default_rng(0).random((64, 64, 3), np.float32)
    strong, weak, none = (Grain(np.eye(3) * v, 0.0) for v in (4e-4, 1e-4, 0.0))
    for wanted, present in ((weak, strong), (weak, weak), (none, none), (none, strong)):
        assert np.array_equal(add_grain(rgb, wanted=wanted, present=present, seed=1), rgb)


def test_black_and_negative_values_are_left() -> None:
    rgb = np.full((32, 32, 3), -0.5, np.float32)
    rgb[:16] = 0.0
    rgb[0, 0] = 0.2
    done = add_grain(rgb, wanted=Grain(np.eye(3) * 1e-3, 0.0), present=Grain(np.zeros((3, 3)), 0.0), seed=1)
    changed = np.any(done != rgb, axis=2)
    assert changed[0, 0]
    assert changed.sum() == 1
    assert done.min() >= -0.5


@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (20, 20), (33, 31)])
def test_too_small_a_picture_tells_nothing_and_does_not_fail(shape: tuple[int, int]) -> None:
    rgb = np.random.default_rng(0).random((*shape, 3), np.float32)
    found = measure_grain(rgb, np.ones(shape, np.float32))
    assert np.isfinite(found.covariance).all()
    if min(shape) < 4 * BLOCK:
        assert not found.covariance.any()


def test_nothing_of_weight_or_nothing_of_grain() -> None:
    flat = np.full((128, 128, 3), 0.4, np.float32)
    for rgb, weight in (
        (flat, np.ones((128, 128), np.float32)),
        (plate()[:128, :128], np.zeros((128, 128), np.float32)),
    ):
        found = measure_grain(rgb, weight)
        assert np.allclose(found.covariance, 0.0, atol=1e-12)
        assert np.isfinite(found.softness)


def plain_read(root: FloatArray, weight: FloatArray) -> FloatArray:
    """Covariance of the flattest quarter of the blocks that all weigh, block by block."""
    answer = cv2.filter2D(root, -1, OPERATOR, borderType=cv2.BORDER_REFLECT).astype(np.float64) / OPERATOR_NORM
    blocks = []
    for top in range(0, root.shape[0] - BLOCK + 1, BLOCK):
        for left in range(0, root.shape[1] - BLOCK + 1, BLOCK):
            at = slice(top, top + BLOCK), slice(left, left + BLOCK)
            if weight[at].min() >= 0.5:
                blocks.append(answer[at].reshape(-1, 3))
    energy = [float((block**2).mean()) for block in blocks]
    flat = np.concatenate([b for b, e in zip(blocks, energy, strict=True) if e <= np.quantile(energy, FLATTEST)])
    return np.asarray(flat.T @ flat / len(flat) / FLAT_BIAS**2)


@pytest.mark.parametrize(
    "at", [(slice(37, 201), slice(90, 333)), (slice(0, 512), slice(0, 512)), (slice(5, 511), slice(200, 509))]
)
def test_a_part_is_read_as_in_the_whole(at: tuple[slice, slice]) -> None:
    random = np.random.default_rng(6)
    rgb = grained(plate(), np.array([0.02, 0.03, 0.05], np.float32), 0.4)
    weight = np.zeros(rgb.shape[:2], np.float32)
    weight[at] = random.uniform(0.49, 1.0, weight[at].shape) > 0.4905
    got = measure_grain(rgb, weight)
    root = np.sqrt(np.maximum(rgb, 0.0))
    full, half = plain_read(root, weight), plain_read(halved(root), halved(weight))
    wanted = grain_from(full, half)
    assert got.softness == pytest.approx(wanted.softness, rel=1e-4)
    assert np.allclose(got.covariance, wanted.covariance, rtol=1e-4)
