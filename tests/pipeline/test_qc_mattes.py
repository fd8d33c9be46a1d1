"""Steadiness of mattes along the plate's motion."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vfx_swap.arrays import FloatArray
from vfx_swap.pipeline.qc_mattes import MatteSample, matte_steadiness

SIZE = 120
STEP = 3


def samples(*, count: int = 5, wide: int = 0, boil: float = 0.0, lost: int | None = None) -> list[MatteSample]:
    """A disc that goes with its plate, and what was found of it."""
    random = np.random.default_rng(1)
    plate = cv2.GaussianBlur(random.normal(0.0, 6.0, (SIZE, 2 * SIZE)).astype(np.float32), (0, 0), 2.0) - 3.0
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    whole = np.zeros((SIZE, SIZE), np.float32)
    whole[8:-8, 8:-8] = 1.0
    out = []
    for step in range(count):
        away = np.hypot(x - 40 - STEP * step, y - 60)
        true = np.clip(20.5 - away, 0.0, 1.0).astype(np.float32)
        edge = boil * cv2.GaussianBlur(random.normal(0.0, 4.0, (SIZE, SIZE)).astype(np.float32), (0, 0), 2.0)
        found = np.clip(20.5 + wide + 8.0 * edge - away, 0.0, 1.0).astype(np.float32)
        found = np.zeros_like(found) if step == lost else found
        shown: FloatArray = np.ascontiguousarray(plate[:, 60 - STEP * step : 60 - STEP * step + SIZE])
        out.append(MatteSample(step + 1, shown, found, true, whole))
    return out


def test_a_matte_that_is_always_too_wide_is_steady() -> None:
    steady = matte_steadiness(samples(wide=3))
    assert steady is not None
    assert steady.pairs == 4
    assert steady.boil < 0.06
    assert steady.found_change == pytest.approx(steady.true_change, abs=0.05)


def test_a_matte_that_boils_is_told_from_one_that_does_not() -> None:
    steady, boils = matte_steadiness(samples()), matte_steadiness(samples(boil=1.0))
    assert steady is not None
    assert boils is not None
    assert steady.boil == 0.0
    assert boils.boil > 0.1
    assert boils.true_change == steady.true_change


def test_a_frame_that_loses_it_is_the_worst() -> None:
    lost = matte_steadiness(samples(lost=2))
    assert lost is not None
    assert lost.worst_boil == pytest.approx(1.0, abs=0.05)
    assert lost.boil == pytest.approx(0.5, abs=0.05)


def test_frames_that_do_not_follow_each_other_and_nothing_in_front_say_nothing() -> None:
    shots = samples()
    assert matte_steadiness(shots[::2]) is None
    empty = [MatteSample(one.frame, one.plate, one.found, 0.0 * one.true, one.region) for one in shots]
    assert matte_steadiness(empty) is None
