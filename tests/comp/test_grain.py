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
    response_of,
    softness_of,
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


@pytest.mark.parametrize("softness", [0.0, 0.35, 0.6, 1.0])
def test_softness_and_response_are_read_off_the_tables(softness: float) -> None:
    ratio = float(np.interp(softness, _SOFTNESS, _HALF_OVER_FULL))
    assert softness_of(ratio) == pytest.approx(softness)
    assert response_of(softness) == pytest.approx(float(np.interp(softness, _SOFTNESS, _RESPONSE)))
    assert softness_of(9.0) == 1.0
