"""Metrics say 0 where nothing changed, and rise with the fault they are for."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from vfx_swap.arrays import FloatArray
from vfx_swap.colour.ocio import load_config
from vfx_swap.pipeline import qc, qc_pixels
from vfx_swap.pipeline.demo_portraits import portrait_landmarks
from vfx_swap.types import Detection, Embedding, Frame, Landmarks, ModelImage, Pose, Window

SIZE = 200
FACE = 110.0
WEIGHTS = (0.2722, 0.6741, 0.0537)


@pytest.fixture
def plate() -> FloatArray:
    random = np.random.default_rng(5)
    smooth = ndimage.gaussian_filter(random.normal(0.3, 1.0, (SIZE, SIZE, 3)), (9, 9, 0))
    grain = random.normal(0.0, 0.006, (SIZE, SIZE, 3))
    return np.asarray(np.clip(0.25 + 0.8 * (smooth - smooth.mean()), 0.02, None) + grain, dtype=np.float32)


@pytest.fixture
def soft_matte() -> FloatArray:
    hard = np.zeros((SIZE, SIZE))
    hard[50:150, 60:140] = 1.0
    return np.clip(ndimage.gaussian_filter(hard, 8.0) * 1.02 - 0.01, 0.0, 1.0).astype(np.float32)


def _log(rgb: FloatArray) -> FloatArray:
    return qc_pixels.log_luminance(rgb, weights=WEIGHTS)


def _laid(plate: FloatArray, change: FloatArray, matte: FloatArray) -> FloatArray:
    return np.where(matte[..., None] > 0, plate + matte[..., None] * (change - plate), plate).astype(np.float32)


def test_log_luminance_is_finite_on_nan_and_inf() -> None:
    hostile = np.array([[[np.nan] * 3, [np.inf] * 3, [-np.inf] * 3, [-1.0] * 3]], dtype=np.float32)
    logged = _log(hostile)
    assert np.isfinite(logged).all()
    assert logged[0, 1] == pytest.approx(np.log2(65504.01), abs=1e-3)


def test_changed_outside_counts_bits_where_the_matte_is_zero(plate: FloatArray, soft_matte: FloatArray) -> None:
    plate[0, 0] = np.nan
    swap = plate.copy()
    assert qc_pixels.changed_outside_pixels(plate, swap, soft_matte) == 0
    swap[100, 100] += 1.0
    assert qc_pixels.changed_outside_pixels(plate, swap, soft_matte) == 0
    swap[2, 3, 1] = np.nextafter(swap[2, 3, 1], np.float32(2.0))
    swap[0, 0] = 0.0
    assert qc_pixels.changed_outside_pixels(plate, swap, soft_matte) == 2


def test_seam_is_zero_for_the_plate_itself(plate: FloatArray, soft_matte: FloatArray) -> None:
    found = qc_pixels.seam(_log(plate), _log(plate), soft_matte, face_height_pixels=FACE)
    assert found is not None
    assert found.step_stops == 0.0
    assert found.worst_stops == 0.0
    assert found.plate_stops > 0.0


def test_a_hard_pasted_square_makes_a_large_seam_and_a_feathered_one_a_small(
    plate: FloatArray, soft_matte: FloatArray
) -> None:
    hard = (soft_matte > 0.5).astype(np.float32)
    brighter = plate * np.float32(1.5)
    pasted = qc_pixels.seam(_log(plate), _log(_laid(plate, brighter, hard)), hard, face_height_pixels=FACE)
    feathered = qc_pixels.seam(
        _log(plate), _log(_laid(plate, brighter, soft_matte)), soft_matte, face_height_pixels=FACE
    )
    assert pasted is not None
    assert feathered is not None
    assert pasted.step_stops > 0.1
    assert pasted.step_stops > 4.0 * abs(feathered.step_stops)
    assert pasted.worst_stops > pasted.step_stops


def test_a_matte_cut_by_the_picture_has_no_seam_there(plate: FloatArray) -> None:
    assert qc_pixels.seam(_log(plate), _log(plate), np.ones((SIZE, SIZE), np.float32), face_height_pixels=FACE) is None
    assert qc_pixels.seam(_log(plate), _log(plate), np.zeros((SIZE, SIZE), np.float32), face_height_pixels=FACE) is None


def test_blur_lowers_sharpness_and_grain(plate: FloatArray, soft_matte: FloatArray) -> None:
    own, soft = _log(plate), _log(_laid(plate, ndimage.gaussian_filter(plate, (2, 2, 0)), soft_matte))
    assert qc_pixels.sharpness_ratio(own, own, soft_matte, face_height_pixels=FACE) == 1.0
    assert qc_pixels.grain_ratio(own, own, soft_matte) == 1.0
    sharpness = qc_pixels.sharpness_ratio(own, soft, soft_matte, face_height_pixels=FACE)
    grain = qc_pixels.grain_ratio(own, soft, soft_matte)
    assert sharpness is not None
    assert grain is not None
    assert sharpness < 0.8
    assert grain < 0.2


def _moving(plate: FloatArray, matte: FloatArray, *, noise: float) -> list[qc_pixels.FlickerSample]:
    """A plate that shifts by whole pixels and brightens; `noise` on the swap alone, new in each frame."""
    random = np.random.default_rng(9)
    points = portrait_landmarks()[:468, :2] * 0.4
    samples = []
    for frame in range(4):
        moved = np.roll(plate, (frame, 2 * frame), axis=(0, 1)) * np.float32(1.05**frame)
        here = np.roll(matte, (frame, 2 * frame), axis=(0, 1))
        noisy = moved + np.float32(noise) * random.normal(size=(SIZE, SIZE, 1)).astype(np.float32)
        shift = np.array([2 * frame, frame], dtype=np.float32)
        samples.append(qc_pixels.FlickerSample(_log(moved), _log(_laid(moved, noisy, here)), here, points + shift))
    return samples


def test_flicker_takes_motion_and_exposure_out_and_rises_with_noise(plate: FloatArray, soft_matte: FloatArray) -> None:
    still = qc_pixels.flicker(_moving(plate, soft_matte, noise=0.0), face_height_pixels=FACE)
    noisy = qc_pixels.flicker(_moving(plate, soft_matte, noise=0.05), face_height_pixels=FACE)
    assert still is not None
    assert noisy is not None
    assert still.pairs == 3
    assert still.plate_stops < 0.005
    assert still.ratio == pytest.approx(1.0)
    assert noisy.ratio > 5.0
    assert noisy.plate_stops == pytest.approx(still.plate_stops)


def test_one_frame_has_no_flicker(plate: FloatArray, soft_matte: FloatArray) -> None:
    assert qc_pixels.flicker(_moving(plate, soft_matte, noise=0.0)[:1], face_height_pixels=FACE) is None


def test_landmark_error_is_zero_for_the_same_points_and_in_percent_of_face_height() -> None:
    points = portrait_landmarks()
    height = float(np.linalg.norm(points[10, :2] - points[152, :2]))
    assert qc.landmark_error_percent(points, points) == 0.0
    moved = points + np.array([0.02 * height, 0.0, 5.0], dtype=np.float32)
    assert qc.landmark_error_percent(points, moved) == pytest.approx(2.0, abs=1e-3)


def test_landmark_error_leaves_the_irises_out() -> None:
    points = portrait_landmarks()
    looking = points.copy()
    looking[468:, 0] += 3.0
    assert qc.landmark_error_percent(points, looking) == 0.0


@pytest.mark.parametrize(
    ("other", "degrees"),
    [
        (Pose(10.0, -5.0, 3.0), 0.0),
        (Pose(10.0, -5.0, 3.01), 0.01),
        (Pose(10.0, -5.0, 33.0), 30.0),
    ],
)
def test_pose_error_is_the_angle_between_rotations(other: Pose, degrees: float) -> None:
    assert qc.pose_error_degrees(Pose(10.0, -5.0, 3.0), other) == pytest.approx(degrees, abs=1e-6)


class _Models:
    """Stands in for FaceModels: the embedding is the picture's mean colour, the landmarks are fixed."""

    def __init__(self, *, faces: int = 1) -> None:
        self.faces = faces
        self.detector = SimpleNamespace(detect=self._detect)
        self.landmarker = SimpleNamespace(landmarks=self._landmarks)
        self.recogniser = SimpleNamespace(embed=self._embed)

    def _detect(self, image: ModelImage) -> Sequence[Detection]:
        del image
        box = np.array([60, 50, 140, 150], dtype=np.float32)
        far = np.array([0, 0, 190, 190], dtype=np.float32)
        five = np.zeros((5, 2), dtype=np.float32)
        return [Detection(far, five, 0.9), Detection(box, five, 0.8)][2 - self.faces :]

    def _landmarks(self, image: ModelImage, detection: Detection) -> Landmarks | None:
        del image
        points = portrait_landmarks() * np.float32(0.9) - np.float32(100.0)
        points = points + np.float32(detection.box[0])
        return Landmarks(points.astype(np.float32), np.zeros(52, np.float32), Pose(0, 0, 0), 1.0)

    def _embed(self, image: ModelImage, detection: Detection) -> Embedding:
        del detection
        return Embedding("fake", image.rgb[60:140, 70:130].mean(axis=(0, 1)).astype(np.float32))


def _frame(rgb: FloatArray, number: int = 1) -> Frame:
    window = Window(0, 0, SIZE, SIZE)
    return Frame(number, rgb, window, window, "ACEScg")


def _still(plate: FloatArray, swap: FloatArray, matte: FloatArray, models: Any, **kwargs: Any) -> qc.Metrics:
    return qc.measure_still(_frame(plate), _frame(swap), matte, models=models, config=load_config(), **kwargs)


def test_a_swap_that_changes_nothing_measures_nothing(plate: FloatArray, soft_matte: FloatArray) -> None:
    metrics = _still(plate, plate.copy(), soft_matte, _Models(), identity=None)
    assert metrics.distance_to_identity is None
    assert metrics.distance_to_performer == 0.0
    assert metrics.landmark_error_percent == 0.0
    assert metrics.pose_error_degrees == pytest.approx(0.0, abs=1e-6)
    assert metrics.seam_step_stops == 0.0
    assert metrics.sharpness_ratio == 1.0
    assert metrics.grain_ratio == 1.0
    assert metrics.changed_outside_pixels == 0


def test_distances_are_to_the_identity_and_to_the_plates_own_face(plate: FloatArray, soft_matte: FloatArray) -> None:
    models = _Models()
    swap = _laid(plate, plate * np.float32(1.6), soft_matte)
    target = Embedding("fake", np.array([0.9, 0.9, 0.9], dtype=np.float32))
    before = _still(plate, plate, soft_matte, models, identity=target)
    after = _still(plate, swap, soft_matte, models, identity=target)
    assert before.distance_to_identity is not None
    assert after.distance_to_identity is not None
    assert after.distance_to_performer is not None
    assert after.distance_to_identity < before.distance_to_identity
    assert after.distance_to_performer > 0.05


def test_the_face_under_the_matte_is_measured_not_the_largest(plate: FloatArray, soft_matte: FloatArray) -> None:
    seen: list[float] = []
    models = _Models(faces=2)
    embed = models.recogniser.embed

    def spy(image: ModelImage, detection: Detection) -> Embedding:
        seen.append(float(detection.box[0]))
        return embed(image, detection)  # type: ignore[no-any-return]  # the fake is a plain namespace

    models.recogniser.embed = spy
    _still(plate, plate, soft_matte, models, identity=None)
    assert set(seen) == {60.0}


def test_a_plate_without_a_face_keeps_the_count_of_changed_pixels(plate: FloatArray, soft_matte: FloatArray) -> None:
    swap = plate.copy()
    swap[0, 0] += 1.0
    metrics = _still(plate, swap, soft_matte, _Models(faces=0), identity=None)
    assert metrics.distance_to_performer is None
    assert metrics.changed_outside_pixels == 1


def test_a_sequence_gives_means_sums_and_flicker(plate: FloatArray, soft_matte: FloatArray) -> None:
    random = np.random.default_rng(3)
    frames = []
    for number in range(3):
        swap = _laid(plate, plate + random.normal(0, 0.05, plate.shape).astype(np.float32), soft_matte)
        swap[0, 0, 0] += 1.0
        frames.append((_frame(plate, number), _frame(swap, number), soft_matte))
    models: Any = _Models()
    total, rows = qc.measure_sequence(frames, models=models, config=load_config(), identity=None)
    assert [row.frame for row in rows] == [0, 1, 2]
    assert total.changed_outside_pixels == 3
    assert total.flicker_stops is not None
    assert total.flicker_plate_stops is not None
    assert total.flicker_stops > total.flicker_plate_stops
    assert total.grain_ratio == pytest.approx(np.mean([row.metrics.grain_ratio for row in rows]))
