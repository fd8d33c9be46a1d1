from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from vfx_swap.models.default import FACE_ARCHITECTURES, load_model
from vfx_swap.models.handmesh.landmarker import HandMeshFinder
from vfx_swap.models.protocols import Hand, HandFinder
from vfx_swap.models.registry import LoadOptions, load_registry
from vfx_swap.types import ModelImage


@pytest.fixture(scope="module")
def finder() -> Iterator[HandMeshFinder]:
    registry = load_registry(architectures=FACE_ARCHITECTURES)
    with load_model(registry.default_card("hands"), registry=registry, options=LoadOptions()) as model:
        yield model


def test_it_is_a_finder_of_hands(finder: HandMeshFinder) -> None:
    assert isinstance(finder, HandFinder)
    assert finder.id == "mediapipe-hands"


def test_nothing_is_found_on_an_empty_picture(finder: HandMeshFinder) -> None:
    assert finder.hands(ModelImage(np.full((200, 300, 3), 0.4, np.float32))) == ()


def test_a_hand_has_21_points() -> None:
    with pytest.raises(ValueError, match="21"):
        Hand(points=np.zeros((20, 3), np.float32), score=1.0)
