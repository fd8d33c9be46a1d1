"""People of the base mesh: shapes, poses, worn faces; numpy only, but on the package's assets."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.digital_doubles.anatomy import UNITS
from scripts.digital_doubles.attach import LOST, on_the_lips
from scripts.digital_doubles.cast import CAST, person
from scripts.digital_doubles.figure import Figure, fitted, rotation
from scripts.digital_doubles.lashes import LASH_POINTS
from scripts.digital_doubles.person import make_person
from scripts.digital_doubles.truth import attachments
from tests.doubles.venv import region

pytestmark = pytest.mark.doubles

STILL = np.zeros(6)


def test_every_expression_unit_moves_the_mesh() -> None:
    anatomy = region().anatomy
    for name in UNITS:
        moved = np.linalg.norm(anatomy.expression({name: 1.0}), axis=1)
        assert 0.002 < moved.max() < 0.06, name


def test_every_target_of_every_person_exists() -> None:
    anatomy = region().anatomy
    for name in CAST:
        for target in person(name).weights:
            found = anatomy.target(target)  # the average body's is empty
            assert found.offset.shape == (len(found.index), 3)
            assert "average" in target or len(found.index) > 3, target


def test_a_seed_is_a_person() -> None:
    told = {"sex": 1.0, "ancestry": {"asian": 1.0}, "tone": "tan", "hair": "dark", "iris": "brown"}
    assert make_person(name="x", seed=5, **told) == make_person(name="x", seed=5, **told)  # type: ignore[arg-type]
    one, other = (make_person(name="x", seed=seed, **told) for seed in (5, 6))  # type: ignore[arg-type]
    assert one.weights != other.weights


def test_eyes_of_everybody_are_at_the_origin() -> None:
    for name in CAST:
        figure = Figure(region=region(), person=person(name))
        anatomy = region().anatomy
        middle = 0.5 * (anatomy.joint("l-eye", figure.neutral) + anatomy.joint("r-eye", figure.neutral))
        assert np.abs(middle).max() < 1e-12
        assert 0.024 < anatomy.joint("l-eye", figure.neutral)[0] < 0.040


def test_a_worn_face_changes_the_face_and_nothing_else() -> None:
    filmed = Figure(region=region(), person=person("ben"))
    worn = Figure(region=region(), person=person("ben"), identity=person("emre"))
    moved = np.linalg.norm(worn.neutral - filmed.neutral, axis=1)
    outside = region().face == 0.0
    body = region().anatomy.group("body")
    assert moved[outside].max() == 0.0
    assert outside[body].mean() > 0.5
    nose = int(np.argmax(region().anatomy.vertices[:, 2] * (np.abs(region().anatomy.vertices[:, 1]) < 0.06)))
    assert moved[nose] > 0.0005
    ears = region().anatomy.mask("ears") > 0.9
    assert region().face[ears].max() < 0.05
    assert worn.pivot == pytest.approx(filmed.pivot, abs=1e-4)


def test_the_face_region_is_whole() -> None:
    rest, face = region().anatomy.vertices, region().face
    body = np.zeros(len(rest), bool)
    body[region().anatomy.group("body")] = True
    middle = body & (np.hypot(rest[:, 0] / 0.05, (rest[:, 1] + 0.03) / 0.07) < 1) & (rest[:, 2] > 0)
    assert middle.sum() > 500
    assert face[middle].min() > 0.99  # lids' edges and nostrils too
    assert face[body & (rest[:, 2] < -0.1)].max() == 0.0
    assert face[body & (rest[:, 1] < -0.17)].max() == 0.0


def test_the_head_turns_and_the_shoulders_stay() -> None:
    figure = Figure(region=region(), person=person("anna"))
    motion = np.array([0.0, 40.0, 0.0, 0.0, 0.0, 0.0])
    turned = figure.posed(weights={}, motion=motion)
    follow = region().follow
    assert np.abs(turned - figure.neutral)[follow == 0].max() < 1e-12
    rigid = figure.neutral @ figure.head_pose(motion)[:3, :3].T + figure.head_pose(motion)[:3, 3]
    assert np.abs(turned - rigid)[follow == 1].max() < 1e-12
    assert (follow[region().face > 0.99] == 1).mean() > 0.99
    assert figure.head_pose(motion)[:3, 2] @ (np.sin(np.radians(40)), 0, np.cos(np.radians(40))) == pytest.approx(1)


def test_eyeballs_turn_with_the_gaze() -> None:
    figure = Figure(region=region(), person=person("anna"))
    look = figure.posed(weights={"eyeLookOutLeft": 1.0, "eyeLookInRight": 1.0}, motion=STILL)
    for side in ("l", "r"):
        ahead = figure.eye_pose(side, figure.neutral)[:3, 2]
        aside = figure.eye_pose(side, look)[:3, 2]
        assert aside[0] / np.linalg.norm(aside) - ahead[0] / np.linalg.norm(ahead) > 0.2  # toward the head's own left


def test_parts_have_the_points_that_their_faces_ask_for() -> None:
    figure = Figure(region=region(), person=person("chike"))
    parts = figure.parts(figure.posed(weights={"jawOpen": 0.4}, motion=STILL))
    assert parts["skin"].shape == (int(region().skin.quads.max()) + 1, 3)
    assert parts["cloth"].shape == (int(region().cloth.quads.max()) + 1, 3)
    assert parts["helper-l-eyelashes-2"].shape == (110 * LASH_POINTS, 3)
    lower = region().mouth["lower-teeth"]
    dropped = lower(figure.posed(weights={"jawOpen": 0.4}, motion=STILL)) - lower(figure.neutral)
    assert dropped[:, 1].max() < -0.002  # teeth go down with the jaw


def test_lashes_grow_away_from_the_eye() -> None:
    figure = Figure(region=region(), person=person("fay"))
    parts = figure.parts(figure.neutral)
    for name in ("helper-l-eyelashes-2", "helper-r-eyelashes-1"):
        strands = parts[name].reshape(-1, LASH_POINTS, 3)
        eye = region().anatomy.joint(f"{name[7]}-eye", figure.neutral)
        reach = np.linalg.norm(strands - eye, axis=2)
        assert (reach[:, -1] > reach[:, 0] + 0.0005).mean() > 0.95, name


def test_a_fit_finds_a_known_similarity() -> None:
    rng = np.random.default_rng(3)
    points = rng.normal(size=(40, 3))
    turn = rotation(np.array([0.3, -0.5, 0.2]))
    matrix, shift = fitted(moving=points, onto=1.3 * points @ turn.T + (1, 2, 3), weight=rng.random(40), scale=True)
    assert matrix == pytest.approx(1.3 * turn)
    assert shift == pytest.approx([1, 2, 3])


def test_every_landmark_lies_on_skin_and_those_of_the_lips_on_the_lips() -> None:
    skin, at = region().skin, attachments()
    inside = skin(region().inside[:, None])[:, 0]
    lips = skin(region().anatomy.mask("lips")[:, None])[:, 0]
    assert (at.weights * inside[at.corners]).sum(1).max() < 0.2
    edge = [191, 80, 81, 82, 13, 312, 311, 310, 415, 95, 88, 178, 87, 14, 317, 402, 318, 324]
    assert (at.weights * lips[at.corners]).sum(1)[edge].min() > 0.8
    places = (at.weights[..., None] * skin(region().anatomy.vertices)[at.corners]).sum(1)
    for point, neighbours in LOST.items():
        assert np.linalg.norm(places[point] - places[list(neighbours)].mean(0)) < 0.001
    again = on_the_lips(at.corners, at.weights, region=region())
    np.testing.assert_array_equal(again[0], at.corners)
