"""The default face models, loaded once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from vfx_swap.models.default import FaceModels, load_face_models


@pytest.fixture(scope="session")
def face_models() -> Iterator[FaceModels]:
    with load_face_models() as models:
        yield models
