"""`scripts/bench parse`: the truth itself scores 1, what is wrong scores less."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from scripts.benchmarks._doubles import TrueFace, TrueFrame
from scripts.benchmarks.parse import OUTLINES, scores_of, soft_iou
from vfx_swap.arrays import FloatArray
from vfx_swap.geometry.mesh import LOOPS
from vfx_swap.models.facemesh.canonical import CanonicalMesh
from vfx_swap.models.parsing.regions import REGIONS, region_index
from vfx_swap.pipeline.engines import face_mesh

SIZE = 200


@pytest.fixture(scope="module")
def mesh() -> CanonicalMesh:
    return face_mesh()


@pytest.fixture
def truth(mesh: CanonicalMesh) -> TrueFrame:
    points = (mesh.vertices[:, :2] * (9.0, -9.0) + 100.0).astype(np.float32)
    oval = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(oval, [np.round(points[list(LOOPS["face"])]).astype(np.int32)], 1)
    hair = np.zeros((SIZE, SIZE), np.float32)
    hair[:60] = 1.0
    return TrueFrame((TrueFace("who", points, points, oval * (1.0 - hair)),), {"hair": hair})


def told(truth: TrueFrame) -> FloatArray:
    """The truth, as a parser would say it."""
    out = np.zeros((len(REGIONS), SIZE, SIZE), np.float32)
    face, left = truth.faces[0], truth.faces[0].visible.copy()
    for names, loops in OUTLINES.items():
        for name, loop in zip((names[0], names[-1]), (loops[0], loops[-1]), strict=True):
            drawn = np.zeros((SIZE, SIZE), np.uint8)
            cv2.fillPoly(drawn, [np.round(face.points[list(LOOPS[loop])] * 16).astype(np.int32)], 1, shift=4)
            out[region_index(name)] = left * drawn
            left = left * (1.0 - drawn)
    out[region_index("skin")] = left
    out[region_index("hair")] = truth.occluders["hair"]
    return out


def test_the_truth_is_perfect(truth: TrueFrame) -> None:
    scores = scores_of(told(truth), truth)
    assert set(scores) == {"face", "face_missed", "face_too_much", "eye", "brow", "lip", "hair"}
    assert {name: round(score, 6) for name, score in scores.items()} == {
        name: 0.0 if name.startswith("face_") else 1.0 for name in scores
    }


def test_what_is_wrong_is_named(truth: TrueFrame) -> None:
    whole = told(truth)
    whole[region_index("hair")] = 0.0
    whole[region_index("skin"), 100:] = 0.0
    scores = scores_of(whole, truth)
    assert scores["hair"] == 0.0
    assert scores["face_missed"] > 0.3
    assert scores["face_too_much"] == 0.0
    assert scores["eye"] == 1.0


def test_soft_iou() -> None:
    true = np.full((10, 10), 0.5, np.float32)
    assert soft_iou(true, true) == 1.0
    assert soft_iou(0.5 * true, true) == 0.5
    assert soft_iou(true, 0.01 * true) is None
