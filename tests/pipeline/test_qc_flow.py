"""Flicker by the plate's flow: what a swap does of its own, and nothing that the performer does."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import pytest

from vfx_swap.arrays import FloatArray
from vfx_swap.pipeline.qc_flow import FlowSample, flow_changes


def _picture(seed: int) -> FloatArray:
    noise = np.random.default_rng(seed).standard_normal((200, 200)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 4.0)
    return np.asarray(-2.0 + 0.4 * soft / soft.std(), dtype=np.float32)


def _samples(*, of_its_own: float = 0.0, tremble: float = 0.0) -> list[FlowSample]:
    """A plate that drifts, grain in it, and a swap of other features that goes with it and does something else."""
    plate, swap, random = _picture(1), _picture(2), np.random.default_rng(3)
    matte = np.zeros((200, 200), np.float32)
    matte[40:160, 40:160] = 1.0
    samples = []
    for number in range(5):
        at = np.array([[1.0, 0.0, 1.3 * number], [0.0, 1.0, -0.9 * number]])
        beside = at + np.array([[0.0, 0.0, tremble * (-1) ** number], [0.0, 0.0, 0.0]])
        own, other = (
            cv2.warpAffine(one, way, (200, 200), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
            for one, way in ((plate, at), (swap, beside))
        )
        grain = [random.normal(0.0, 0.02, own.shape).astype(np.float32) for _ in range(2)]
        more = of_its_own * (-1) ** number * np.linspace(-1.0, 1.0, 200, dtype=np.float32)[None, :]
        samples.append(FlowSample(number, own + grain[0], other + grain[1] + more, matte))
    return samples


def _ratio(samples: list[FlowSample]) -> float:
    found = [flow_changes(a, b, face_height_pixels=150.0) for a, b in pairwise(samples)]
    known = [one for one in found if one is not None]
    assert len(known) == 4
    return sum(one[0] for one in known) / sum(one[1] for one in known)


def test_a_swap_that_goes_with_the_performer_is_as_steady_as_the_plate() -> None:
    assert _ratio(_samples()) == pytest.approx(1.0, abs=0.35)


@pytest.mark.parametrize("fault", [{"of_its_own": 0.1}, {"tremble": 0.5}])
def test_shading_that_boils_and_a_face_that_trembles_show(fault: dict[str, Any]) -> None:
    assert _ratio(_samples(**fault)) > 2.0 * _ratio(_samples())


def test_a_frame_that_flow_cannot_follow_is_not_measured() -> None:
    sharp, *_ = samples = _samples()
    # A knocked camera: the detail of the plate is gone along the way, and all of it lies elsewhere.
    away = np.ascontiguousarray(np.roll(cv2.blur(samples[1].plate, (61, 5)), 37, axis=0))
    knocked = replace(samples[1], plate=away, swap=np.ascontiguousarray(samples[1].swap + 1.0))
    assert flow_changes(sharp, knocked, face_height_pixels=150.0) is None
    assert flow_changes(knocked, samples[2], face_height_pixels=150.0) is None


def test_most_of_a_face_behind_a_hand_leaves_the_rest_to_be_measured() -> None:
    sharp, *_ = samples = _samples()
    matte = samples[1].matte.copy()
    matte[40:140] = 0.0
    assert flow_changes(sharp, replace(samples[1], matte=matte), face_height_pixels=150.0) is not None


def test_a_face_of_a_few_pixels_is_not_measured() -> None:
    first, second, *_ = (replace(one, matte=one.matte * 0.0) for one in _samples())
    assert flow_changes(first, second, face_height_pixels=150.0) is None
