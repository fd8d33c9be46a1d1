"""The rendered samples of tests/golden/doubles: whole, consistent, and seen by the models as what they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from scripts.benchmarks._doubles import DoubleShot, find_shots, reference_pictures
from scripts.digital_doubles.golden import GOLDEN_FRAMES, GOLDEN_VIEWS, halved, halved_points, short_half
from scripts.digital_doubles.pictures import read_channels, srgb
from tests.conftest import ROOT
from vfx_swap.models.default import FaceModels, load_face_models
from vfx_swap.types import Detection, Embedding, ModelImage

GOLDEN = ROOT / "tests" / "golden" / "doubles"
SHOTS = find_shots(GOLDEN)
FRAMES = [(name, number) for name, numbers in GOLDEN_FRAMES.items() for number in numbers]
REACH = 21
"""Pixels about the face, at half size, that a worn face may change: `Plan.reach` 20, twice, halved, and one."""
OUTLINE = 10, 152
"""Landmarks at the top and the foot of the face."""

Picture = NDArray[np.float32]


@pytest.fixture(scope="module")
def face_models() -> Iterator[FaceModels]:
    with load_face_models() as models:
        yield models


def rgb(path: Path) -> Picture:
    channels = read_channels(path)
    return np.stack([channels[name] for name in "RGB"], 2)


def told(shot: DoubleShot, number: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((shot.folder / "truth.json").read_text())[str(number)]["faces"][0]
    return found


def as_photograph(path: Path) -> ModelImage:
    """Enlarged twice: models see small faces at the size they were trained for."""
    return ModelImage(cv2.resize(srgb(rgb(path)), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC).clip(0, 1))


def found_face(models: FaceModels, image: ModelImage) -> Detection:
    faces = models.detector.detect(image)
    assert faces
    return faces[0]


def test_every_named_sample_is_there() -> None:
    assert {name: shot.frames for name, shot in SHOTS.items()} == {k: tuple(v) for k, v in GOLDEN_FRAMES.items()}
    for name, views in GOLDEN_VIEWS.items():
        assert {path.stem for path in reference_pictures(GOLDEN, name)} == set(views)
        references = json.loads((GOLDEN / "people" / name / "references.json").read_text())
        assert set(references["views"]) == set(views)


def test_the_samples_stay_small() -> None:
    assert sum(path.stat().st_size for path in GOLDEN.rglob("*") if path.is_file()) < 6_000_000


@pytest.mark.parametrize(("name", "number"), FRAMES)
def test_mattes_are_coverage_and_never_sum_past_one(name: str, number: int) -> None:
    channels = read_channels(SHOTS[name].folder / f"truth.{number}.exr")
    mattes = {key: layer for key, layer in channels.items() if key.startswith("matte.")}
    assert "matte.face" in mattes
    for key, layer in mattes.items():
        assert np.isfinite(layer).all(), key
        assert layer.min() >= 0.0, key
        assert layer.max() <= 1.0, key
    # each lies in front of the next: coverage of one pixel by all of them
    assert np.sum(list(mattes.values()), axis=0).max() < 1.05
    height = np.linalg.norm(np.subtract(*np.array(told(SHOTS[name], number)["landmarks"])[list(OUTLINE), :2]))
    assert mattes["matte.face"].sum() > 0.15 * height**2


@pytest.mark.parametrize(("name", "number"), FRAMES)
def test_the_true_swap_changes_the_face_and_nothing_else(name: str, number: int) -> None:
    folder = SHOTS[name].folder
    plate, true = rgb(folder / f"plate.{number}.exr"), rgb(folder / f"true.{number}.exr")
    face = read_channels(folder / f"truth.{number}.exr")["matte.face"]
    assert np.isfinite(plate).all()
    assert np.isfinite(true).all()
    points = np.array(told(SHOTS[name], number)["true_landmarks"])[:, :2]
    covered = np.maximum(face, cv2.fillConvexPoly(np.zeros_like(face), cv2.convexHull(np.int32(points)), 1.0))
    near = cv2.dilate((covered > 0.002).astype(np.uint8), np.ones((2 * REACH + 1, 2 * REACH + 1), np.uint8)) > 0
    assert (~near).mean() > 0.25
    assert np.array_equal(plate[~near], true[~near])
    inside = face > 0.99
    difference = np.abs(np.log2((true[inside] + 0.01) / (plate[inside] + 0.01))).mean()
    assert 0.05 < difference < 1.5


@pytest.mark.parametrize(("name", "part"), [("spectacles", "spectacles"), ("hand", "hand"), ("hand", "microphone")])
def test_what_is_in_front_covers_the_face_in_some_frame(name: str, part: str) -> None:
    covered = []
    for number in SHOTS[name].frames:
        truth = SHOTS[name].truth(number)
        points = np.array(told(SHOTS[name], number)["landmarks"])[:, :2]
        hull = cv2.fillConvexPoly(np.zeros_like(truth.faces[0].visible), cv2.convexHull(np.int32(points)), 1.0)
        layer = truth.occluders.get(part, np.zeros_like(hull))
        covered.append(float((layer * hull).sum() / hull.sum()))
    assert max(covered) > 0.02


@pytest.mark.parametrize(("name", "number"), FRAMES)
def test_landmarks_lie_in_the_frame_and_on_the_face(name: str, number: int) -> None:
    shot = SHOTS[name]
    visible = shot.truth(number).faces[0].visible
    in_front = shot.truth(number).in_front
    face = told(shot, number)
    middle = np.array(face["landmarks"])[[1, 4, 5, 6, 195, 197], :2]  # the nose's ridge
    for x, y in np.vstack([np.array(face["landmarks"])[:, :2], np.array(face["true_landmarks"])[:, :2]]):
        assert 0 <= x <= visible.shape[1] - 1
        assert 0 <= y <= visible.shape[0] - 1
    rows, columns = np.round(middle[:, 1]).astype(int), np.round(middle[:, 0]).astype(int)
    covered = visible if in_front is None else visible + in_front
    assert covered[rows, columns].mean() > 0.8


@pytest.mark.parametrize(("name", "number"), [pair for pair in FRAMES if pair[0] in {"talk", "spectacles", "turn"}])
def test_the_landmarker_sees_the_true_landmarks(name: str, number: int, face_models: FaceModels) -> None:
    shot = SHOTS[name]
    face = told(shot, number)
    for kind, key in (("plate", "landmarks"), ("true", "true_landmarks")):
        image = as_photograph(shot.folder / f"{kind}.{number}.exr")
        seen = face_models.landmarker.landmarks(image, found_face(face_models, image))
        assert seen is not None
        points = (seen.points[:468, :2] + 0.5) / 2 - 0.5
        true = np.array(face[key])[:, :2]
        height = np.linalg.norm(true[OUTLINE[0]] - true[OUTLINE[1]])
        errors = np.linalg.norm(points - true, axis=1) / height
        assert np.median(errors) < (0.03 if face["head_angle_degrees"] < 35 else 0.06), kind


def embedded(models: FaceModels, path: Path) -> Embedding:
    image = as_photograph(path)
    return models.recogniser.embed(image, found_face(models, image))


def test_the_recogniser_tells_people_apart_and_knows_them_again(face_models: FaceModels) -> None:
    front = {name: embedded(face_models, GOLDEN / "people" / name / "front.exr") for name in GOLDEN_VIEWS}
    below = face_models.recogniser.same_person_below
    # the network's own threshold is for photographs: of renders, people of one cast lie nearer to each other
    for name, other in (("emre", "ben"), ("anna", "fay"), ("emre", "anna")):
        assert front[name].distance(front[other]) > 0.9 * below, (name, other)
    talk = SHOTS["talk"].folder
    number = GOLDEN_FRAMES["talk"][0]
    plate, true = (embedded(face_models, talk / f"{kind}.{number}.exr") for kind in ("plate", "true"))
    assert plate.distance(front["ben"]) < plate.distance(front["emre"])
    assert true.distance(front["emre"]) < true.distance(front["ben"])
    turned = embedded(face_models, GOLDEN / "people" / "emre" / "left45.exr")
    assert turned.distance(front["emre"]) < turned.distance(front["ben"])


def test_halving_keeps_light_and_places() -> None:
    rng = np.random.default_rng(0)
    picture = rng.random((9, 12, 3)).astype(np.float32)
    small = halved(picture)
    assert small.shape == (4, 6, 3)
    assert small.mean() == pytest.approx(picture[:8].mean(), rel=1e-6)
    spot = np.zeros((8, 8), np.float32)
    spot[4:6, 2:4] = 1.0
    ((x, y, _),) = halved_points([(2.5, 4.5, 0.0)])
    assert halved(spot)[int(y), int(x)] == 1.0
    assert (x, y) == (1.0, 2.0)


def test_short_halves_are_near_and_keep_the_ends() -> None:
    values = np.linspace(1e-3, 20, 4001).astype(np.float32)
    assert np.abs(short_half(values) / values - 1).max() < 2**-8 + 2**-11  # half a step of 7 bits, and of half floats
    ends = np.array([0.0, 1.0, -1.0, 0.5], np.float32)
    assert np.array_equal(short_half(ends), ends)
    assert len(np.unique(short_half(np.linspace(1, 2, 5000).astype(np.float32)))) == 129
