"""Spectacles, hats and hands: fitted, whole, and named for their mattes."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.digital_doubles.cast import person
from scripts.digital_doubles.figure import Figure
from scripts.digital_doubles.hands import SHAPES, bent, posed_hand
from scripts.digital_doubles.headwear import cap, woollen_hat
from scripts.digital_doubles.mesh import FloatArray, HeadShape, Mesh
from scripts.digital_doubles.spectacles import STYLES, spectacles
from tests.doubles.venv import region

CENTRE, RADII = np.array([0.0, 0.02, -0.06]), np.array([0.078, 0.115, 0.095])


@pytest.fixture(scope="module")
def egg() -> HeadShape:
    """A head without features, with places of eyes, nose and ears of a usual one."""
    turn, rise = np.meshgrid(np.linspace(0, 2 * np.pi, 120, endpoint=False), np.linspace(-1.5, 1.5, 90))
    ways = np.stack([np.cos(rise) * np.sin(turn), np.sin(rise), np.cos(rise) * np.cos(turn)], -1)
    faces = [
        (r * 120 + k, r * 120 + (k + 1) % 120, (r + 1) * 120 + (k + 1) % 120, (r + 1) * 120 + k)
        for r in range(89)
        for k in range(120)
    ]
    points = {
        "left_eye": np.array([0.031, 0, 0]),
        "right_eye": np.array([-0.031, 0, 0]),
        "nose_bridge": np.array([0, -0.004, 0.040]),
        "left_ear": np.array([0.081, 0.003, -0.07]),
        "right_ear": np.array([-0.081, 0.003, -0.07]),
    }
    return HeadShape(vertices=(CENTRE + RADII * ways).reshape(-1, 3), faces=faces, points=points, sex=0.5)


def depth(points: FloatArray) -> FloatArray:
    """Below 0 inside the egg; about metres near its skin."""
    return np.asarray((np.linalg.norm((points - CENTRE) / RADII, axis=1) - 1) * RADII.min(), np.float64)


def checked(mesh: Mesh) -> Mesh:
    assert np.isfinite(mesh.vertices).all()
    used = {corner for face in mesh.faces for corner in face}
    assert max(used) < len(mesh.vertices)
    assert min(used) >= 0
    assert all(len(set(face)) == len(face) >= 3 for face in mesh.faces)
    return mesh


@pytest.mark.parametrize("style", STYLES)
def test_spectacles_stand_before_the_eyes_and_outside_the_head(style: str, egg: HeadShape) -> None:
    frame, *lenses = (checked(mesh) for mesh in spectacles(head=egg, style=style))
    assert frame.part == "spectacles"
    assert [lens.part for lens in lenses] == ["other", "other"]
    assert depth(frame.vertices).min() > -0.0005
    x, y, z = frame.vertices.T
    assert x.min() == pytest.approx(-x.max(), abs=1e-3)
    assert z.min() < egg.points["left_ear"][2]  # the temples reach behind the ears
    for lens, eye in zip(lenses, ("left_eye", "right_eye"), strict=True):
        low, high = lens.vertices.min(0), lens.vertices.max(0)
        assert (low[:2] < egg.points[eye][:2]).all()
        assert (high[:2] > egg.points[eye][:2]).all()
        assert low[2] > 0.01
    if STYLES[style].rim:
        assert y.max() > 0.012
    assert STYLES["wire"].rim < STYLES["round"].rim < STYLES["rectangular"].rim


def test_a_rectangular_lens_fills_its_corners(egg: HeadShape) -> None:
    def filled(style: str) -> float:
        lens = spectacles(head=egg, style=style)[1].vertices[1:]
        x, y = lens[:, 0], lens[:, 1]
        area = 0.5 * abs(float(x @ np.roll(y, 1) - y @ np.roll(x, 1)))
        return area / float(np.ptp(x) * np.ptp(y))

    assert filled("round") == pytest.approx(np.pi / 4, abs=0.05)
    assert filled("rectangular") > 0.90


@pytest.mark.parametrize("build", [cap, woollen_hat])
def test_hats_fit_the_skull(build: type, egg: HeadShape) -> None:
    meshes = [checked(mesh) for mesh in build(head=egg)]
    assert {mesh.part for mesh in meshes} == {"cap"}
    shell = meshes[0].vertices
    over = depth(shell)
    assert over.min() > -0.0005
    assert np.median(over) < 0.02
    assert shell[:, 1].max() > 0.135
    brow = shell[(np.abs(shell[:, 0]) < 0.01) & (shell[:, 2] > 0)]
    assert 0.02 < brow[:, 1].min() < 0.07


def test_a_visor_shades_the_brow_and_ends_at_the_temples(egg: HeadShape) -> None:
    crown, _, visor = cap(head=egg)
    assert visor.vertices[:, 2].max() > crown.vertices[:, 2].max() + 0.035
    front = visor.vertices[visor.vertices[:, 2] > crown.vertices[:, 2].max() + 0.02]
    assert np.abs(front[:, 0]).max() < 0.075
    assert visor.vertices[:, 2].min() > -0.03


@pytest.mark.doubles
def test_fingers_bend_and_nothing_else_moves() -> None:
    anatomy = region().anatomy
    rest = Figure(region=region(), person=person("dina")).neutral
    assert np.array_equal(bent(anatomy=anatomy, vertices=rest, curls=SHAPES["flat"]), rest)
    moved = bent(anatomy=anatomy, vertices=rest, curls=SHAPES["pointing"])
    way = np.linalg.norm(moved - rest, axis=1)
    assert way[rest[:, 0] < 0.2].max() == 0.0
    body = anatomy.group("body")

    def tip(finger: int) -> int:
        joint = anatomy.joint(f"l-finger-{finger}-4", rest)
        return int(body[np.argmin(((rest[body] - joint) ** 2).sum(1))])

    assert way[tip(2)] < 0.02
    wrist = anatomy.joint("l-hand", rest)
    for finger in (3, 4, 5):
        before, after = (np.linalg.norm(v[tip(finger)] - wrist) for v in (rest, moved))
        assert after < 0.7 * before, finger


@pytest.mark.doubles
def test_a_posed_hand_has_a_sleeve_that_holds_the_forearm() -> None:
    rest = Figure(region=region(), person=person("dina")).neutral
    poses = np.stack([np.eye(4)] * 3)
    made, sleeve = posed_hand(anatomy=region().anatomy, vertices=rest, tone=(0.5, 0.3, 0.2), poses=poses)
    assert made.part == checked(sleeve).part == "hand"
    assert sleeve.poses is poses
    assert np.ptp(sleeve.vertices[:, 1]) > 0.08
    middle = sleeve.vertices[:, 1].mean()
    arm = made.vertices[np.abs(made.vertices[:, 1] - middle) < 0.01]
    cloth = sleeve.vertices[np.abs(sleeve.vertices[:, 1] - middle) < 0.015]
    for axis in (0, 2):
        assert cloth[:, axis].max() > arm[:, axis].max()
        assert cloth[:, axis].min() < arm[:, axis].min()
    bare = posed_hand(anatomy=region().anatomy, vertices=rest, tone=(0.5, 0.3, 0.2), poses=poses, sleeve=None)
    assert [mesh.name for mesh in bare] == ["hand"]


@pytest.mark.parametrize("style", ["round", "rectangular"])
def test_spectacles_lie_before_the_identity_s_face_too(style: str, egg: HeadShape) -> None:
    nose = egg.vertices + np.array([0.0, 0.0, 0.008])
    bulky = HeadShape(vertices=nose, faces=egg.faces, points=egg.points, sex=egg.sex)

    def front(mesh: Mesh) -> FloatArray:
        return mesh.vertices[(mesh.vertices[:, 2] > 0.015) & (np.abs(mesh.vertices[:, 0]) < 0.012)]

    def gap(mesh: Mesh) -> float:
        """Least depth of the bridge before the bulky head's skin at the same height and width."""
        least = np.inf
        for x, y, z in front(mesh):
            near = (np.hypot(nose[:, 0] - x, nose[:, 1] - y) < 0.004) & (nose[:, 2] > 0)
            least = min(least, z - nose[near, 2].max()) if near.any() else least
        return float(least)

    assert gap(spectacles(head=egg, style=style)[0]) < 0.0
    assert gap(spectacles(head=egg, style=style, before=bulky)[0]) >= 0.0
