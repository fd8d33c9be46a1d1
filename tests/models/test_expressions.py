"""The expression shapes: names, symmetry, and that each does what its name says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vfx_swap.geometry.shapes import fit_shape
from vfx_swap.models.facemesh.canonical import CanonicalMesh, read_canonical_mesh
from vfx_swap.models.facemesh.expressions import (
    LIDS,
    ExpressionShapes,
    closed_lids,
    expression_shapes,
    remove_expression,
)
from vfx_swap.models.facemesh.mirror import mirrored_expressions, mirrored_landmarks
from vfx_swap.models.registry import load_registry
from vfx_swap.models.weights import model_folders, verified_files


@pytest.fixture(scope="module")
def mesh() -> CanonicalMesh:
    card = load_registry().card("mediapipe-facemesh")
    paths: dict[str, Path] = dict(verified_files(card, folders=model_folders()))
    return read_canonical_mesh(paths[card.file[0].role])


@pytest.fixture(scope="module")
def shapes() -> ExpressionShapes:
    return expression_shapes()


def _delta(shapes: ExpressionShapes, name: str) -> np.ndarray:
    return np.asarray(shapes.deltas[shapes.names.index(name)])


def test_52_names_in_the_landmarkers_order(shapes: ExpressionShapes) -> None:
    assert len(set(shapes.names)) == 52
    assert shapes.names[0] == "browDownLeft"
    assert shapes.names[-1] == "tongueOut"
    assert list(shapes.names[:51]) == sorted(shapes.names[:51])  # MediaPipe's are in alphabetical order
    weights = np.zeros(52, np.float32)
    weights[1 + shapes.names.index("jawOpen")] = 0.5
    assert shapes.of_weights(weights)[shapes.names.index("jawOpen")] == 0.5


def test_left_and_right_are_mirror_images(shapes: ExpressionShapes, mesh: CanonicalMesh) -> None:
    partners = mirrored_landmarks(mesh)[:468]
    other = shapes.deltas[mirrored_expressions(shapes.names)][:, partners] * np.array([-1, 1, 1], np.float32)
    assert np.abs(other - shapes.deltas).max() < 5e-3


def test_every_shape_but_the_tongue_moves_the_face(shapes: ExpressionShapes) -> None:
    size = np.linalg.norm(shapes.deltas, axis=2).max(axis=1)
    assert size[-1] == 0.0
    assert size[:-1].min() > 0.02
    assert size.max() < 5.0


def test_the_jaw_opens_downwards_and_the_upper_lip_stays(shapes: ExpressionShapes) -> None:
    jaw = _delta(shapes, "jawOpen")
    assert jaw[152, 1] < -1.5
    assert jaw[14, 1] < -1.5
    assert np.abs(jaw[13]).max() < 0.7
    assert np.abs(jaw[10]).max() < 0.01


def test_sides_are_the_persons_own(shapes: ExpressionShapes, mesh: CanonicalMesh) -> None:
    for name in ("eyeBlinkLeft", "browOuterUpLeft", "mouthSmileLeft", "cheekSquintLeft", "noseSneerLeft"):
        moved = np.linalg.norm(_delta(shapes, name), axis=1)
        assert mesh.vertices[moved.argmax(), 0] > 0, name


def test_smiles_lift_corners_and_frowns_drop_them(shapes: ExpressionShapes) -> None:
    assert _delta(shapes, "mouthSmileLeft")[291, 1] > 0.2
    assert _delta(shapes, "mouthSmileRight")[61, 1] > 0.2
    assert _delta(shapes, "mouthFrownLeft")[291, 1] < -0.1
    assert _delta(shapes, "browInnerUp")[107, 1] > 0.1
    assert _delta(shapes, "browDownLeft")[336, 1] < -0.1


def test_blinks_close_the_lids_of_any_eye(shapes: ExpressionShapes, mesh: CanonicalMesh) -> None:
    wide = mesh.vertices.copy()
    for pairs in LIDS.values():
        wide[[upper for upper, _ in pairs], 1] += 0.3
    for face in (mesh.vertices, wide):
        fitted = closed_lids(shapes, face)
        for side, pairs in LIDS.items():
            upper, lower = (np.array(row) for row in zip(*pairs, strict=True))
            shut = face + _delta(fitted, f"eyeBlink{side}")
            assert np.abs(shut[upper] - shut[lower]).max() < 0.01
            assert (face[upper] - face[lower])[:, 1].max() > 0.5


def test_an_expression_that_was_added_is_taken_off(shapes: ExpressionShapes, mesh: CanonicalMesh) -> None:
    weights = np.zeros(52, np.float32)
    for name in ("jawOpen", "mouthSmileLeft", "browInnerUp"):
        weights[1 + shapes.names.index(name)] = 0.7
    moved = np.tensordot(shapes.of_weights(weights), shapes.deltas, axes=1)
    angle = np.radians(20.0)
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])

    def picture(face: np.ndarray) -> np.ndarray:
        return np.asarray(12.0 * face @ turn.T * [1, -1, -1] + [300, 200, 0], np.float32)

    seen = np.concatenate([picture(mesh.vertices + moved), np.zeros((10, 3), np.float32)])
    found = remove_expression(seen, weights, canonical=mesh.vertices, shapes=shapes)
    wanted = picture(mesh.vertices)
    before = np.linalg.norm(seen[:468] - wanted, axis=1).max()
    assert before > 15.0
    assert np.linalg.norm(found[:468] - wanted, axis=1).max() < 0.05 * before
    assert np.array_equal(found[468:], seen[468:])
    half = remove_expression(seen, weights, canonical=mesh.vertices, shapes=shapes, amount=0.5)
    assert np.allclose(half[:468], (seen[:468] + found[:468]) / 2, atol=1e-3)
    assert fit_shape(found[:468], wanted, np.ones(468)).scale == pytest.approx(1.0, abs=0.01)
