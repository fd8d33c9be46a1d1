"""The catalogue: casting that makes sense, and things that pass in front of a face without going through it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from scripts.digital_doubles import sheet
from scripts.digital_doubles.cast import CAST
from scripts.digital_doubles.golden import GOLDEN_FRAMES, GOLDEN_VIEWS
from scripts.digital_doubles.mesh import PARTS
from scripts.digital_doubles.sheet import contact_sheet
from scripts.digital_doubles.shots import SHOTS, VIEWS, Options
from scripts.digital_doubles.stage import moved
from tests.conftest import ROOT
from tests.doubles.venv import region


def test_every_casting_is_of_two_people_of_the_cast() -> None:
    for shot in SHOTS.values():
        for performer, identity in shot.casting:
            assert {performer, identity} <= set(CAST)
            assert performer != identity
        assert set(shot.occluders) <= set(PARTS)


def test_samples_are_of_the_catalogue() -> None:
    for name, numbers in GOLDEN_FRAMES.items():
        assert set(numbers) <= {int(label) for label, _ in SHOTS[name].frame_list()}
        assert {identity for _, identity in SHOTS[name].casting} <= set(GOLDEN_VIEWS)
    for name, views in GOLDEN_VIEWS.items():
        assert name in CAST
        assert set(views) <= set(VIEWS)


def test_a_contact_sheet_shows_people_and_shots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet, "SHOWN", {"talk": 1002, "hand": 1006, "nowhere": 1001})
    contact_sheet(drawn=ROOT / "tests/golden/doubles", out=tmp_path / "sheet.jpg", people=["anna", "emre", "nobody"])
    picture = cv2.imread(str(tmp_path / "sheet.jpg"))
    assert picture is not None
    people, shots = picture[:200], picture[204:404]
    assert people[:, 404:500].mean() < 4 < people[:, :400].mean()  # two fronts
    assert picture.shape[0] == 408
    mattes = shots[:, 2 * 237 : 3 * 237]
    assert (mattes[..., 2] > 150).mean() > 0.1  # the face is red


@pytest.mark.doubles
@pytest.mark.parametrize("name", [name for name, shot in SHOTS.items() if {"hand", "microphone"} & set(shot.occluders)])
def test_what_passes_in_front_does_not_go_through_the_head(name: str) -> None:
    from scipy.spatial import cKDTree

    stage = SHOTS[name].build(region(), Options())
    (actor,) = stage.actors
    quads = region().skin.quads
    for _, time in SHOTS[name].frame_list():
        moment = actor.act(time)
        skin = region().skin(actor.figure.posed(weights=moment.weights, motion=moment.motion))
        corner = skin[quads]
        flat = np.cross(corner[:, 2] - corner[:, 0], corner[:, 3] - corner[:, 1])
        normal = np.zeros_like(skin)
        for k in range(4):
            np.add.at(normal, quads[:, k], flat)
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
        tree = cKDTree(skin)
        for prop in stage.props:
            assert prop.poses is not None
            points = moved(prop.poses[round(time)], prop.vertices)
            near, nearest = (np.asarray(found) for found in tree.query(points, distance_upper_bound=0.05))
            # lower than that is out of the picture: a handle may rest against the chest
            close = np.isfinite(near) & (points[:, 1] > -0.14)
            over = ((points[close] - skin[nearest[close]]) * normal[nearest[close]]).sum(1)
            assert over.size == 0 or over.min() > 0.0, (prop.name, time)
