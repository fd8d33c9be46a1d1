from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.models.portraits import astronaut, covered, hopper, image, mirrored, motion_blurred, rolled
from vfx_swap.errors import ModelMismatchError
from vfx_swap.models.cards import card_folder, read_card
from vfx_swap.models.default import FaceModels
from vfx_swap.models.facemesh.landmarker import FaceMeshLandmarker, load_facemesh
from vfx_swap.models.facemesh.mirror import mirrored_landmarks
from vfx_swap.models.registry import LoadOptions
from vfx_swap.models.runtimes.quiet import is_chatter
from vfx_swap.models.weights import verified_files
from vfx_swap.types import Detection, Landmarks


def _see(models: FaceModels, rgb: np.ndarray, detection: Detection | None = None) -> Landmarks:
    picture = image(rgb)
    face = detection or models.detector.detect(picture)[0]
    seen = models.landmarker.landmarks(picture, face)
    assert seen is not None
    return seen


def _error(one: np.ndarray, other: np.ndarray) -> float:
    """Root mean square distance over face height."""
    height = float(np.linalg.norm(one[10, :2] - one[152, :2]))
    return float(np.sqrt(((one - other) ** 2).sum(axis=1).mean())) / height


@pytest.mark.parametrize("portrait", [astronaut, hopper])
def test_points_lie_where_the_face_is(face_models: FaceModels, portrait: object) -> None:
    assert callable(portrait)
    picture = image(portrait())
    face = face_models.detector.detect(picture)[0]
    seen = face_models.landmarker.landmarks(picture, face)
    assert seen is not None
    points = seen.points
    # the detector is another network and knows nothing of the mesh: pupils, nose tip, mouth corners
    assert np.abs(points[[468, 473, 1, 61, 291], :2] - face.points).max() < 0.07 * face.height
    assert points[1, 2] < points[10, 2] < points[234, 2], "the nose is nearest, the ears farthest"


@pytest.mark.parametrize("degrees", [20, 45, 90, 180])
def test_a_rolled_picture_rolls_the_landmarks(face_models: FaceModels, degrees: float) -> None:
    upright = _see(face_models, hopper())
    turned, matrix = rolled(hopper(), degrees)
    seen = _see(face_models, turned)
    expected = upright.points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    assert _error(expected, seen.points[:, :2]) < 0.004
    assert np.abs(seen.points[:, 2] - upright.points[:, 2]).mean() < 3.0
    turn = (seen.pose.roll_degrees - upright.pose.roll_degrees - degrees + 180) % 360 - 180
    assert abs(turn) < 1.0
    assert abs(seen.pose.yaw_degrees - upright.pose.yaw_degrees) < 1.5
    assert abs(seen.pose.pitch_degrees - upright.pose.pitch_degrees) < 2.0


def test_a_mirrored_picture_mirrors_points_pose_and_expression(face_models: FaceModels) -> None:
    assert isinstance(face_models.landmarker, FaceMeshLandmarker)
    turned, _ = rolled(astronaut(), 15)
    one, other = _see(face_models, turned), _see(face_models, mirrored(turned))
    partners = mirrored_landmarks(face_models.landmarker.mesh)
    back = other.points[partners, :2] * [-1, 1] + [turned.shape[1] - 1, 0]
    assert _error(one.points[:, :2], back) < 0.004
    assert one.pose.yaw_degrees == pytest.approx(-other.pose.yaw_degrees, abs=1.0)
    assert one.pose.roll_degrees == pytest.approx(-other.pose.roll_degrees, abs=1.0)
    assert one.pose.pitch_degrees == pytest.approx(other.pose.pitch_degrees, abs=1.5)
    assert one.pose.roll_degrees > 10.0
    assert one.expression.shape == (52,)
    assert 0.0 <= one.expression.min() <= one.expression.max() <= 1.0


def test_yaw_has_the_sign_of_the_side_the_nose_turns_to(face_models: FaceModels) -> None:
    """A face squeezed on its right side looks as if it turned to the right."""
    picture = astronaut()
    detection = face_models.detector.detect(image(picture))[0]
    seen = _see(face_models, picture, detection)
    middle = float(seen.points[1, 0])
    columns = np.arange(512.0)
    bent = np.where(columns > middle, middle + (columns - middle) * 1.8, middle + (columns - middle) * 0.9)
    maps = np.meshgrid(bent.astype(np.float32), np.arange(512, dtype=np.float32))
    turned = cv2.remap(picture, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    assert _see(face_models, turned).pose.yaw_degrees > seen.pose.yaw_degrees + 8.0


def test_the_result_hardly_depends_on_the_box(face_models: FaceModels) -> None:
    picture = hopper()
    face = face_models.detector.detect(image(picture))[0]
    shift = np.array([9, -7, 14, -3], dtype=np.float32)
    moved = Detection(box=face.box + shift, points=face.points + np.float32(3), score=face.score)
    one, other = _see(face_models, picture, face), _see(face_models, picture, moved)
    assert _error(one.points[:, :2], other.points[:, :2]) < 0.006


@pytest.mark.parametrize("portrait", [astronaut, hopper])
def test_confidence_falls_with_motion_blur(face_models: FaceModels, portrait: object) -> None:
    assert callable(portrait)
    picture = portrait()
    face = face_models.detector.detect(image(picture))[0]
    sharp = _see(face_models, picture, face).confidence
    little = _see(face_models, motion_blurred(picture, round(face.height * 0.06)), face).confidence
    much = _see(face_models, motion_blurred(picture, round(face.height * 0.12)), face).confidence
    assert sharp > 0.8
    assert sharp > little > much
    assert much < 0.6 * sharp


@pytest.mark.parametrize("side", ["left", "right", "low"])
def test_confidence_falls_when_half_is_covered(face_models: FaceModels, side: str) -> None:
    picture = astronaut()
    face = face_models.detector.detect(image(picture))[0]
    hidden = image(covered(picture, face.box, side=side))
    found = face_models.detector.detect(hidden)
    seen = face_models.landmarker.landmarks(hidden, found[0] if found else face)
    assert seen is None or seen.confidence < 0.6 * _see(face_models, picture, face).confidence


@pytest.mark.parametrize("columns", [slice(225, 512), slice(0, 225), slice(210, 512)])
def test_half_a_face_at_the_edge_is_placed_and_doubted(face_models: FaceModels, columns: slice) -> None:
    picture = astronaut()
    whole = _see(face_models, picture)
    half = _see(face_models, picture[:, columns])
    assert _error(whole.points[:, :2], half.points[:, :2] + [columns.start or 0, 0]) < 0.04
    assert half.confidence < 0.7 * whole.confidence


def test_a_wall_is_not_a_face(face_models: FaceModels) -> None:
    picture = astronaut()
    face = face_models.detector.detect(image(picture))[0]
    elsewhere = Detection(box=face.box + np.float32(220), points=face.points + np.float32(220), score=0.9)
    assert face_models.landmarker.landmarks(image(picture), elsewhere) is None
    flat = image(np.full((512, 512, 3), 0.4))
    assert face_models.landmarker.landmarks(flat, face) is None


def test_the_same_bits_twice(face_models: FaceModels) -> None:
    one, other = (_see(face_models, astronaut()) for _ in range(2))
    assert np.array_equal(one.points, other.points)
    assert np.array_equal(one.expression, other.expression)
    assert (one.pose, one.confidence) == (other.pose, other.confidence)


def test_closing_twice_and_using_after() -> None:
    card = read_card(card_folder() / "mediapipe-facemesh.toml")
    with load_facemesh(card, verified_files(card, folders=()), LoadOptions()) as landmarker:
        pass
    landmarker.close()
    box, points = np.array([0, 0, 50, 50], dtype=np.float32), np.zeros((5, 2), dtype=np.float32)
    points[:, 0], points[:, 1] = [10, 40, 25, 15, 35], [20, 20, 30, 40, 40]
    with pytest.raises(RuntimeError, match="was stopped"):
        landmarker.landmarks(image(np.zeros((64, 64, 3))), Detection(box=box, points=points, score=1.0))


def test_a_bundle_that_mediapipe_cannot_read(tmp_path: Path) -> None:
    card = read_card(card_folder() / "mediapipe-facemesh.toml")
    (tmp_path / "face_landmarker.task").write_bytes(b"not a bundle")
    with pytest.raises(ModelMismatchError):
        load_facemesh(card, {"bundle": tmp_path / "face_landmarker.task"}, LoadOptions())


@pytest.mark.parametrize(
    ("line", "chatter"),
    [
        (b"W0000 00:00:1795365540.222979    6704 face_landmarker_graph.cc:181] Sets Face...", True),
        (b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.", True),
        (b"WARNING: Logging before InitGoogle() is written to STDERR", True),
        (b"E0000 00:00:1795365540.222979    6704 graph.cc:181] It broke", False),
        (b"vfx-swap: warning: the plate has no colour space", False),
        (b"INFO: ours", False),
    ],
)
def test_only_mediapipes_chatter_is_held_back(line: bytes, chatter: bool) -> None:
    assert is_chatter(line) is chatter
