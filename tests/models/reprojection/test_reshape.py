from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.models.faces import Sitter, canonical_mesh
from vfx_swap.arrays import FloatArray
from vfx_swap.geometry.mesh import LIPS, LOOPS
from vfx_swap.models.facemesh.expressions import LIDS
from vfx_swap.models.reprojection.eyes import IRISES
from vfx_swap.models.reprojection.reshape import BLINKS, compare_proportions, reshaped_points, shut_lids


def posed(points: FloatArray, *, degrees: tuple[float, ...], scale: float, at: float) -> FloatArray:
    turn = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    middle = points.mean(axis=0)
    return np.asarray(scale * (points - middle) @ turn + np.array([at, at, 0.0]), dtype=np.float32)


def other(points: FloatArray) -> FloatArray:
    """Another person: eyes wider apart."""
    out = points.copy()
    height = float(np.linalg.norm(points[10] - points[152]))
    middle = points[6]
    share = np.exp(-(((points[:, 1] - middle[1]) / (0.15 * height)) ** 2))
    out[:, 0] += np.float32(0.3) * share * (points[:, 0] - middle[0])
    return np.asarray(out, dtype=np.float32)


def test_amount_nothing_gives_the_landmarks_themselves(collins: Sitter) -> None:
    proportions = compare_proportions(collins.points, other(collins.points), mesh=canonical_mesh())
    points = posed(collins.points, degrees=(0, 0, 0), scale=1.0, at=210.0)
    for amount, which in ((0.0, proportions), (-1.0, proportions), (1.0, None)):
        assert reshaped_points(points, which, amount=amount) is points


def test_the_same_proportions_move_nothing(collins: Sitter) -> None:
    points = posed(collins.points, degrees=(5, -10, 12), scale=1.2, at=210.0)
    same = compare_proportions(
        points, posed(collins.points, degrees=(-8, 3, 0), scale=0.7, at=50.0), mesh=canonical_mesh()
    )
    assert np.allclose(same.difference, 0.0, atol=1e-3)
    assert np.allclose(reshaped_points(points, same, amount=1.0), points, atol=1e-3)


def eyes_apart(points: FloatArray) -> float:
    """Distance of the eyes' outer corners over the height of the face."""
    return float(np.linalg.norm(points[33] - points[263]) / np.linalg.norm(points[10] - points[152]))


@pytest.mark.parametrize("degrees", [(0.0, 0.0, 0.0), (0.0, 0.0, 30.0), (10.0, 25.0, -10.0)])
def test_all_of_it_brings_the_identity_s_proportions(collins: Sitter, degrees: tuple[float, float, float]) -> None:
    identity = other(collins.points)
    points = posed(collins.points, degrees=degrees, scale=1.3, at=210.0)
    # The identity's photograph shows another size and pose.
    photograph = posed(identity, degrees=(3, -8, 5), scale=0.6, at=90.0)
    proportions = compare_proportions(collins.points, photograph, mesh=canonical_mesh())
    apart = [eyes_apart(reshaped_points(points, proportions, amount=amount)) for amount in (0.0, 0.5, 1.0)]
    wanted = eyes_apart(identity)
    assert apart[0] == pytest.approx(eyes_apart(collins.points), rel=1e-5)
    assert apart[0] < apart[1] < apart[2]
    # The outline holds the corners back a little.
    assert apart[2] - apart[0] > 0.4 * (wanted - apart[0])
    assert apart[2] < wanted * 1.02


def test_irises_go_with_their_eyes(collins: Sitter) -> None:
    points = posed(collins.points, degrees=(0, 0, 10), scale=1.3, at=210.0)
    moved = (
        reshaped_points(
            points, compare_proportions(collins.points, other(collins.points), mesh=canonical_mesh()), amount=1.0
        )
        - points
    )
    for (centre, ring), corners in zip(IRISES, ((33, 133), (362, 263)), strict=True):
        assert np.allclose(moved[[centre, *ring]], moved[list(corners)].mean(axis=0), atol=1e-3)
        assert np.linalg.norm(moved[centre]) > 0.5


def test_it_turns_with_the_head_and_is_the_same_in_every_frame(collins: Sitter) -> None:
    proportions = compare_proportions(collins.points, other(collins.points), mesh=canonical_mesh())
    frontal = posed(collins.points, degrees=(0, 0, 0), scale=1.0, at=0.0)
    still = reshaped_points(frontal, proportions, amount=1.0) - frontal
    for degrees, scale in (((0, 0, 40), 1.0), ((10, -30, 5), 2.0)):
        points = posed(collins.points, degrees=degrees, scale=scale, at=300.0)
        move = reshaped_points(points, proportions, amount=1.0) - points
        turn = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
        assert np.allclose(move, scale * still @ turn, atol=0.01 * scale)


def test_expressions_do_not_change_what_is_put_on(collins: Sitter) -> None:
    proportions = compare_proportions(collins.points, other(collins.points), mesh=canonical_mesh())
    calm = posed(collins.points, degrees=(0, 0, 0), scale=1.0, at=210.0)
    jaw = calm[:, 1] > np.quantile(calm[:, 1], 0.85)
    moves = []
    for opening in (0.0, 3.0, 6.0):
        points = calm.copy()
        points[jaw, 1] += np.float32(opening)
        moves.append(reshaped_points(points, proportions, amount=1.0) - points)
    largest = float(np.abs(moves[0]).max())
    assert largest > 1.5
    for move in moves[1:]:
        # What is left is the pose fitted through the opening mouth.
        assert np.abs(move - moves[0]).max() < 0.06 * largest


def test_outline_stays_and_lips_move_as_one(collins: Sitter) -> None:
    random = np.random.default_rng(0)
    identity = (collins.points + random.normal(0.0, 4.0, collins.points.shape)).astype(np.float32)
    proportions = compare_proportions(collins.points, identity, mesh=canonical_mesh())
    canonical = canonical_mesh().vertices
    upper = [index for index in LOOPS["face"] if canonical[index, 1] > canonical[2, 1]]
    assert np.linalg.norm(proportions.difference[upper], axis=1).max() == 0.0
    lips, inner = proportions.difference[list(LIPS)], proportions.neutral[list(LIPS)]
    # Neither opened nor bent: up and depth are one shift, across is a shift and a widening.
    assert np.ptp(lips[:, 1:], axis=0).max() < 1e-9
    assert np.abs(lips[:, 0] - np.polyval(np.polyfit(inner[:, 0], lips[:, 0], 1), inner[:, 0])).max() < 1e-9
    assert np.abs(lips[:, 0]).max() > 0.05


@pytest.mark.parametrize(("factor", "grows"), [(1.15, True), (0.87, False)])
def test_a_larger_jaw_is_painted_and_a_smaller_one_is_not(collins: Sitter, factor: float, grows: bool) -> None:
    identity = collins.points.copy()
    chin = np.clip((collins.points[:, 1] - collins.points[2, 1]) / np.ptp(collins.points[:, 1]) * 4.0, 0.0, 1.0)
    middle = collins.points[2]
    identity += (chin * (factor - 1.0))[:, None].astype(np.float32) * (collins.points - middle)
    moved = compare_proportions(collins.points, identity, mesh=canonical_mesh()).difference[[152, 148, 377]]
    if grows:
        assert (moved[:, 1] < -0.3).all()
    else:
        assert np.abs(moved).max() < 1e-9


def test_skin_round_the_mouth_follows_without_a_step(collins: Sitter) -> None:
    mesh = canonical_mesh()
    wide = collins.points.copy()
    wide[:, 1] += np.where(wide[:, 1] > wide[2, 1], 6.0, 0.0)
    moved = compare_proportions(collins.points, wide, mesh=mesh).difference
    edges = np.concatenate([mesh.triangles[:, [0, 1]], mesh.triangles[:, [1, 2]], mesh.triangles[:, [2, 0]]])
    long = np.linalg.norm(mesh.vertices[edges[:, 0]] - mesh.vertices[edges[:, 1]], axis=1)
    stretch = np.linalg.norm(moved[edges[:, 0]] - moved[edges[:, 1]], axis=1) / long
    assert np.abs(moved[list(LIPS), 1]).mean() > 0.2
    assert stretch.max() < 0.9


def test_a_blink_shuts_the_identity_s_lids_too(collins: Sitter) -> None:
    expression = np.zeros(52, np.float32)
    assert shut_lids(collins.points, expression) is collins.points
    expression[BLINKS["Left"]] = 0.9
    shut = shut_lids(collins.points, expression)
    left, right = ([np.array(row) for row in zip(*LIDS[side], strict=True)] for side in ("Left", "Right"))
    assert np.allclose(shut[left[0]], shut[left[1]], atol=1e-4)
    assert np.array_equal(shut[right[0]], collins.points[right[0]])


def test_wider_eyes_stay_as_shut_as_the_performer_s(collins: Sitter) -> None:
    upper, lower = (np.array(row) for row in zip(*(pair for side in LIDS.values() for pair in side), strict=True))
    wide = collins.points.copy()
    wide[upper, 1] -= 3.0
    proportions = compare_proportions(collins.points, wide, mesh=canonical_mesh())

    def gap(points: FloatArray) -> float:
        return float(np.linalg.norm(points[upper] - points[lower], axis=1).mean())

    opened = reshaped_points(collins.points, proportions, amount=1.0)
    assert gap(opened) > gap(collins.points) + 1.5
    shut = collins.points.copy()
    shut[upper] += 0.9 * (shut[lower] - shut[upper])
    assert gap(reshaped_points(shut, proportions, amount=1.0)) < gap(shut) + 0.2
