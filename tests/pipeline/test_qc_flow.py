"""Flicker by the plate's flow: what a swap does of its own, and nothing that the performer does."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from vfx_swap.arrays import FloatArray
from vfx_swap.pipeline.qc_flow import FlowSample, flow_flicker


def _picture(seed: int) -> FloatArray:
    noise = np.random.default_rng(seed).standard_normal((200, 200)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 4.0)
    return np.asarray(-2.0 + 0.4 * soft / soft.std(), dtype=np.float32)


def _samples(*, of_its_own: float = 0.0, tremble: float = 0.0, gap: bool = False) -> list[FlowSample]:
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
        frame = 10 * number if gap else number
        samples.append(FlowSample(frame, own + grain[0], other + grain[1] + more, matte))
    return samples


def _ratio(samples: list[FlowSample]) -> float:
    found = flow_flicker(samples, face_height_pixels=150.0)
    assert found is not None
    assert found.pairs == 4
    return found.ratio


def test_a_swap_that_goes_with_the_performer_is_as_steady_as_the_plate() -> None:
    assert _ratio(_samples()) == pytest.approx(1.0, abs=0.35)


@pytest.mark.parametrize("fault", [{"of_its_own": 0.1}, {"tremble": 0.5}])
def test_shading_that_boils_and_a_face_that_trembles_show(fault: dict[str, Any]) -> None:
    assert _ratio(_samples(**fault)) > 2.0 * _ratio(_samples())


def test_frames_that_do_not_follow_each_other_are_not_compared() -> None:
    assert flow_flicker(_samples(gap=True), face_height_pixels=150.0) is None
