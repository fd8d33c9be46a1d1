from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from tests.comp.painted import grainy, likeness
from vfx_swap.arrays import FloatArray
from vfx_swap.comp.motion import SECTORS, MotionBlur, Spectra, Travel, blur_along, measure_motion_blur


def turned(one: float, other: float) -> float:
    """Degrees between two lines."""
    return abs((one - other + 90.0) % 180.0 - 90.0)


def line_by_plain_loop(length: float, degrees: float) -> FloatArray:
    half, radius = length / 2.0, math.ceil(length / 2.0) + 1
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1))
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    for y in range(-radius, radius + 1):
        for x in range(-radius, radius + 1):
            along, across = abs(x * cos + y * sin), abs(y * cos - x * sin)
            kernel[y + radius, x + radius] = min(max(half + 0.5 - along, 0.0), 1.0) * max(1.0 - across, 0.0)
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)


@pytest.mark.parametrize("degrees", [0.0, 20.0, 45.0, 90.0, 150.0])
@pytest.mark.parametrize("length", [0.5, 3.0, 7.6])
def test_blur_is_the_plain_loop_s(length: float, degrees: float) -> None:
    picture = np.random.default_rng(0).random((14, 17, 3), np.float32)
    kernel = line_by_plain_loop(length, degrees)
    radius = len(kernel) // 2
    framed = np.pad(picture, ((radius, radius), (radius, radius), (0, 0)), mode="edge")
    wanted = np.empty_like(picture)
    for y, x in np.ndindex(picture.shape[:2]):
        wanted[y, x] = (framed[y : y + len(kernel), x : x + len(kernel)] * kernel[..., None]).sum(axis=(0, 1))
    assert np.allclose(blur_along(picture, MotionBlur(length, degrees)), wanted, atol=2e-6)
    assert np.allclose(blur_along(picture[..., 0], MotionBlur(length, degrees)), wanted[..., 0], atol=2e-6)


def test_no_length_is_no_blur() -> None:
    picture = np.random.default_rng(0).random((9, 12, 3), np.float32)
    for degrees in (0.0, 33.0, 90.0):
        assert np.array_equal(blur_along(picture, MotionBlur(0.0, degrees)), picture)


@pytest.mark.parametrize("degrees", [0.0, 30.0, 90.0, 117.0])
@pytest.mark.parametrize("length", [1.0, 9.5, 40.0])
def test_blur_keeps_the_mean_and_what_is_flat(length: float, degrees: float) -> None:
    picture = np.full((130, 140, 3), 0.25, np.float32)
    picture[50:80, 55:85] = np.random.default_rng(1).random((30, 30, 3), np.float32) * 4.0
    blurred = blur_along(picture, MotionBlur(length, degrees))
    assert np.allclose(blurred.mean(axis=(0, 1)), picture.mean(axis=(0, 1)), rtol=1e-5)
    assert np.allclose(blurred[:20], 0.25, rtol=1e-5)
    assert blurred.dtype == np.float32


def test_blur_runs_along_its_angle_and_as_far_as_it_says() -> None:
    point = np.zeros((81, 81), np.float32)
    point[40, 40] = 1.0
    for length, degrees in ((9.0, 0.0), (25.0, 30.0), (25.0, 90.0), (31.0, 135.0)):
        spread = blur_along(point, MotionBlur(length, degrees)).astype(np.float64)
        y, x = np.mgrid[-40:41, -40:41]
        xx, xy, yy = (float((spread * a * b).sum() / spread.sum()) for a, b in ((x, x), (x, y), (y, y)))
        values, vectors = np.linalg.eigh(np.array([[xx, xy], [xy, yy]]))
        # A box of length L has variance L^2 / 12.
        assert math.sqrt(12.0 * values[1]) == pytest.approx(length, rel=0.04)
        assert values[0] < 0.6
        assert turned(math.degrees(math.atan2(vectors[1, 1], vectors[0, 1])), degrees) < 1.0


@pytest.mark.parametrize("degrees", [0.0, 30.0, 90.0, 135.0, 170.0])
@pytest.mark.parametrize("length", [5.0, 10.0, 20.0, 40.0])
def test_known_blur_is_measured(length: float, degrees: float) -> None:
    face, weight = likeness(300, seed=0)
    other, _ = likeness(300, seed=7)
    for performer in (face, other):
        plate = grainy(blur_along(performer, MotionBlur(length, degrees)), 0.01, seed=3)
        measured = measure_motion_blur(plate, face, weight)
        assert measured.length_pixels == pytest.approx(length, rel=0.2)
        assert turned(measured.angle_degrees, degrees) < 10.0
        assert 0.0 <= measured.angle_degrees < 180.0


@pytest.mark.parametrize("side", [90, 200, 400])
@pytest.mark.parametrize("softness", [0.0, 0.8])
def test_grain_is_no_blur(side: int, softness: float) -> None:
    face, weight = likeness(side, seed=0)
    other, _ = likeness(side, seed=7)
    for seed, strength in enumerate((0.0, 0.005, 0.01, 0.02, 0.05, 0.1)):
        for performer in (face, other):
            plate = grainy(performer, strength, seed, softness)
            assert measure_motion_blur(plate, face, weight).length_pixels == 0.0


@pytest.mark.parametrize("side", [2, 12, 30, 60])
def test_small_faces_tell_nothing(side: int) -> None:
    for seed in range(5):
        face, weight = likeness(side, seed)
        other, _ = likeness(side, seed + 10)
        for strength in (0.01, 0.03, 0.1):
            assert measure_motion_blur(grainy(other, strength, seed), face, weight).length_pixels == 0.0


@pytest.mark.parametrize("sigma", [0.7, 1.5, 3.0, 6.0, 12.0])
def test_a_lens_out_of_focus_is_no_motion(sigma: float) -> None:
    face, weight = likeness(300, seed=0)
    other, _ = likeness(300, seed=7)
    for performer in (face, other):
        plate = grainy(cv2.GaussianBlur(performer, (0, 0), sigma), 0.01, seed=4)
        assert measure_motion_blur(plate, face, weight).length_pixels == 0.0


def test_a_sharper_plate_than_the_face_is_no_blur() -> None:
    face, weight = likeness(300, seed=0)
    blurred = blur_along(face, MotionBlur(20.0, 30.0))
    assert measure_motion_blur(face, blurred, weight).length_pixels == 0.0


def test_both_blurred_alike_lack_nothing() -> None:
    face, weight = likeness(300, seed=0)
    blurred = blur_along(face, MotionBlur(20.0, 30.0))
    assert measure_motion_blur(grainy(blurred, 0.01, 1), blurred, weight).length_pixels == 0.0


def test_brightness_and_colour_do_not_matter() -> None:
    face, weight = likeness(300, seed=0)
    plate = blur_along(face, MotionBlur(12.0, 60.0))
    measured = [
        measure_motion_blur(plate * np.float32(2.0**stops) * colour, face, weight)
        for stops, colour in (
            (0, np.ones(3, np.float32)),
            (-8, np.ones(3, np.float32)),
            (9, np.array([1.0, 0.4, 0.1], np.float32)),
        )
    ]
    assert [one.length_pixels for one in measured] == pytest.approx([12.0] * 3, rel=0.1)


def test_hot_pixels_black_and_flat_pictures() -> None:
    face, weight = likeness(200, seed=0)
    hot = face.copy()
    hot[::40, ::40] = np.finfo(np.float32).max
    hot[5::40, 5::40] = -1e30
    black = np.zeros_like(face)
    for plate in (hot, black, np.full_like(face, 0.3), -face):
        assert measure_motion_blur(plate, face, weight).length_pixels == 0.0
        assert measure_motion_blur(plate, plate, weight).length_pixels == 0.0
    assert measure_motion_blur(face, face, np.zeros_like(weight)).length_pixels == 0.0


def test_only_what_is_shown_counts() -> None:
    face, weight = likeness(300, seed=0)
    plate = face.copy()
    outside = weight < 0.5
    plate[outside] = blur_along(np.random.default_rng(0).random(face.shape, np.float32), MotionBlur(30.0, 0.0))[outside]
    assert measure_motion_blur(plate, face, weight).length_pixels == 0.0


def test_where_the_face_lies_does_not_matter() -> None:
    face, weight = likeness(300, seed=0)
    plate = blur_along(face, MotionBlur(15.0, 100.0))
    here = measure_motion_blur(plate, face, weight)
    around = ((31, 8), (3, 77))
    there = measure_motion_blur(
        np.pad(plate, (*around, (0, 0))), np.pad(face, (*around, (0, 0))), np.pad(weight, around)
    )
    assert here.length_pixels == pytest.approx(15.0, rel=0.1)
    assert there == here


def test_a_grid_of_blurs_is_weighed_as_each_by_itself() -> None:
    random = np.random.default_rng(8)
    frequencies, starts = np.geomspace(0.01, 0.2, 12), np.array([0, 4, 8])
    plate, face = random.uniform(1.0, 2.0, (SECTORS, 3)), random.uniform(0.5, 1.0, (SECTORS, 12))
    spectra = Spectra(plate, face, 0.01 * plate, np.ones((SECTORS, 3)), frequencies, starts, 100)
    lengths, angles = (part.ravel() for part in np.meshgrid([3.0, 7.5, 20.0], [0.0, 10.0, 92.5, 178.75]))
    kept = np.zeros((12, SECTORS, 12))
    for number, (length, angle) in enumerate(zip(lengths, angles, strict=True)):
        for sector in range(SECTORS):
            for inside in (-1 / 3, 0.0, 1 / 3):
                turn = math.radians((sector + inside) * 180.0 / SECTORS - angle)
                kept[number, sector] += np.sinc(length * math.cos(turn) * frequencies) ** 2 / 3.0
    wanted = np.add.reduceat(kept * face, starts, axis=2)
    assert np.allclose(spectra._blurred(lengths, angles), wanted, rtol=1e-7)
    alone = [float(spectra.misfit(lengths[at : at + 1], angles[at : at + 1])[0]) for at in range(12)]
    assert np.allclose(spectra.misfit(lengths, angles), alone, rtol=1e-9)


def grainy_blur(length: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Plate, face and weight of a blur at 30 degrees that explains less than half of the misfit."""
    face, weight = likeness(300, seed=0)
    other, _ = likeness(300, seed=5)
    return grainy(blur_along(other, MotionBlur(length, 30.0)), 0.03, seed=3), face, weight


@pytest.mark.parametrize("turned_by", [0.0, 180.0])
def test_a_doubtful_blur_is_believed_along_the_face_s_way(turned_by: float) -> None:
    plate, face, weight = grainy_blur(6.0)
    assert measure_motion_blur(plate, face, weight).length_pixels == 0.0
    way = math.radians(33.0 + turned_by)
    travel = Travel(12.0 * math.cos(way), 12.0 * math.sin(way))
    measured = measure_motion_blur(plate, face, weight, travel=travel)
    assert measured.length_pixels == pytest.approx(6.0, rel=0.15)
    assert turned(measured.angle_degrees, 30.0) < 5.0


@pytest.mark.parametrize("travel", [Travel(-6.0, 10.4), Travel(1.7, 1.0), Travel(0.0, 0.0)])
def test_a_doubtful_blur_across_the_face_s_way_or_longer_is_none(travel: Travel) -> None:
    plate, face, weight = grainy_blur(6.0)
    assert measure_motion_blur(plate, face, weight, travel=travel).length_pixels == 0.0


@pytest.mark.parametrize("seed", [0, 7])
def test_a_sharp_frame_of_a_face_on_its_way_is_sharp(seed: int) -> None:
    face, weight = likeness(300, seed=0)
    plate = grainy(likeness(300, seed)[0], 0.02, seed=1)
    for degrees in range(0, 180, 15):
        travel = Travel(40.0 * math.cos(math.radians(degrees)), 40.0 * math.sin(math.radians(degrees)))
        assert measure_motion_blur(plate, face, weight, travel=travel).length_pixels == 0.0


def test_a_clear_blur_is_seen_against_the_track() -> None:
    face, weight = likeness(300, seed=0)
    plate = grainy(blur_along(likeness(300, seed=7)[0], MotionBlur(20.0, 30.0)), 0.01, seed=3)
    for travel in (Travel(0.0, 0.0), Travel(-10.0, 17.0)):  # shaken, and back where it was by the next frame
        measured = measure_motion_blur(plate, face, weight, travel=travel)
        assert measured.length_pixels == pytest.approx(20.0, rel=0.1)
