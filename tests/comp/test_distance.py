"""Distance to an area's edge: exact, and the same bits on any number of threads."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from vfx_swap.comp.distance import distance_inside


@pytest.fixture(autouse=True)
def _threads_as_they_were() -> Iterator[None]:
    threads = cv2.getNumThreads()
    yield
    cv2.setNumThreads(threads)


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize("shape", [(40, 31), (121, 105), (300, 211)])
def test_it_is_the_nearest_float_to_the_true_distance_on_any_number_of_threads(
    threads: int, shape: tuple[int, int]
) -> None:
    noise = np.random.default_rng([*shape]).normal(size=shape)
    area = cv2.GaussianBlur(noise, (0, 0), 8.0) > -0.02
    cv2.setNumThreads(threads)
    assert np.array_equal(distance_inside(area), distance_transform_edt(area).astype(np.float32))


def test_beyond_the_picture_nothing_is_outside() -> None:
    area = np.ones((5, 9), bool)
    area[2, 0] = False
    assert distance_inside(area)[2].tolist() == list(range(9))
