"""True swaps beside the pictures: found by name, cut as their picture is, refused where they answer nothing."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.pipeline.shot_fakes import TODAY, face_at, write_png
from vfx_swap.colour.ocio import load_config
from vfx_swap.errors import UsageError
from vfx_swap.models.training.crops import read_crops
from vfx_swap.pipeline.training_answers import answers_to
from vfx_swap.pipeline.training_crops import Prepared, prepare_crops

SIZE = 40
RECORD = {
    "schema": "vfx_swap/consent.1", "id": "c-1", "performer": {"name": "N"}, "granted_by": {"name": "N"},
    "scope": {"text": "a film"}, "valid_from": "2026-01-01", "expires": "2026-12-31", "training": {"allowed": True},
}  # fmt: skip


def _picture(level: float) -> np.ndarray:
    """Red on the left; the right half tells pictures apart."""
    picture = np.zeros((SIZE, SIZE, 3))
    picture[:, : SIZE // 2, 0] = 0.8
    picture[:, SIZE // 2 :, 2] = level
    return picture


def _put(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_png(path, picture)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    root = tmp_path / "people"
    for name in ("anna", "ben"):
        for still in ("one", "two"):
            _put(root / name / f"{still}.png", _picture(0.2))
        (root / name / "consent.json").write_text(json.dumps(RECORD))
    _put(root / "ben" / "answers" / "anna" / "two.png", _picture(0.9))
    return root


def _prepared(root: Path) -> Prepared:
    found = SimpleNamespace(height=10.0)
    models: Any = SimpleNamespace(
        detector=SimpleNamespace(detect=lambda _image: [found]),
        # Another face in every picture would be found elsewhere: an answer is cut by its picture's.
        landmarker=SimpleNamespace(landmarks=lambda image, _found: face_at(0, 14.0 + 20.0 * image.rgb[0, -1, 2], 20.0)),
    )
    return prepare_crops(
        root, root.parent / "crops", models=models, config=load_config(), today=TODAY, size=64, template="ffhq_512"
    )


def test_an_answer_is_cut_as_its_picture_is(people: Path) -> None:
    made = _prepared(people)
    assert (made.crops, made.identities, made.answers, made.skipped) == (4, 2, 1, ())
    crops = read_crops(people.parent / "crops")
    assert crops.answers is not None
    assert crops.answers.rows.tolist() == [3]
    assert [crops.identities[one] for one in crops.answers.labels] == ["anna"]
    plate, answer = crops.pictures[3].astype(int), crops.answers.pictures[0].astype(int)
    red = plate[..., 0] > 100
    assert 0.1 < red.mean() < 0.9
    assert np.array_equal(red, answer[..., 0] > 100)
    assert (answer[..., 2] - plate[..., 2])[~red].min() >= 0
    assert answer[..., 2].max() - plate[..., 2].max() > 80


def test_of_one_answer_twice_the_first_by_name_counts(people: Path) -> None:
    folder = people / "ben" / "answers" / "anna"
    _put(folder / "two.tif", _picture(0.5))
    assert answers_to(people / "ben" / "two.png") == [("anna", folder / "two.png")]
    assert answers_to(people / "ben" / "one.png") == []


def test_an_answer_of_nobody_or_of_no_picture_is_refused_before_anything_is_read(people: Path) -> None:
    (people / "anna" / "one.png").write_bytes(b"not read")
    _put(people / "ben" / "answers" / "carl" / "two.png", _picture(0.5))
    with pytest.raises(UsageError, match=r"'carl' is nobody.*anna, ben"):
        _prepared(people)
    (people / "ben" / "answers" / "carl" / "two.png").rename(people / "ben" / "answers" / "anna" / "three.png")
    with pytest.raises(UsageError, match="no picture 'three' of 'ben'"):
        _prepared(people)
    (people / "ben" / "answers" / "anna" / "three.png").rename(people / "ben" / "answers" / "two.png")
    with pytest.raises(UsageError, match="does not say whose face it shows"):
        _prepared(people)


def test_a_picture_whose_answer_is_of_another_size_is_left_out_and_named(people: Path) -> None:
    _put(people / "ben" / "answers" / "anna" / "two.png", _picture(0.9)[:30])
    made = _prepared(people)
    assert (made.crops, made.answers) == (3, 0)
    answer = people / "ben" / "answers" / "anna" / "two.png"
    assert made.skipped == (f"{people / 'ben' / 'two.png'}: {answer}: 40 x 30, where its picture is 40 x 40",)
    assert read_crops(people.parent / "crops").answers is None
