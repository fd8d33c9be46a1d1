from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.models.portraits import astronaut, hopper, image, mirrored, rolled
from vfx_swap.errors import ModelMismatchError
from vfx_swap.models.cards import card_folder, read_card
from vfx_swap.models.default import FaceModels
from vfx_swap.models.dlib_resnet.recogniser import load_dlib_resnet
from vfx_swap.models.registry import LoadOptions
from vfx_swap.types import Embedding


def _embed(models: FaceModels, rgb: np.ndarray) -> Embedding:
    picture = image(rgb)
    return models.recogniser.embed(picture, models.detector.detect(picture)[0])


def test_two_people_are_apart_and_one_is_not(face_models: FaceModels) -> None:
    limit = face_models.recogniser.same_person_below
    assert limit == 0.6
    collins, grace = _embed(face_models, astronaut()), _embed(face_models, hopper())
    assert collins.distance(grace) > limit
    assert collins.distance(_embed(face_models, mirrored(astronaut()))) < 0.3
    assert collins.distance(_embed(face_models, astronaut() * np.float32(0.6))) < 0.3
    assert (collins.recogniser, collins.vector.shape) == ("dlib-resnet", (128,))


@pytest.mark.parametrize("degrees", [45, 180])
def test_roll_is_taken_out(face_models: FaceModels, degrees: float) -> None:
    turned, _ = rolled(hopper(), degrees)
    assert _embed(face_models, hopper()).distance(_embed(face_models, turned)) < 0.2


def test_the_same_bits_twice(face_models: FaceModels) -> None:
    one, other = (_embed(face_models, hopper()) for _ in range(2))
    assert np.array_equal(one.vector, other.vector)


def test_files_that_dlib_cannot_read(tmp_path: Path) -> None:
    (tmp_path / "empty.dat").write_bytes(b"")
    files = {"network": tmp_path / "empty.dat", "predictor": tmp_path / "empty.dat"}
    with pytest.raises(ModelMismatchError, match="dlib cannot read"):
        load_dlib_resnet(read_card(card_folder() / "dlib-resnet.toml"), files, LoadOptions())
