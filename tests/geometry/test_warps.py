"""Fitting, cutting and laying back: the convention pinned, exact where it can be, measured where it cannot."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vfx_swap.arrays import FloatArray
from vfx_swap.errors import NoFaceError
from vfx_swap.geometry.warps import (
    crop_points,
    cut_crop,
    fit_similarity,
    footprint,
    increment_crop,
    invert_matrix,
    lay_back,
    plate_points,
    sampled,
    shown_part,
)
from vfx_swap.types import Crop, Warp, Window

PLATE = Window(-7, 3, 90, 61)
"""Not square, and a data window that does not start at the origin."""


def similarity(scale: float, degrees: float, x: float, y: float) -> np.ndarray:
    turn = math.radians(degrees)
    cos, sin = scale * math.cos(turn), scale * math.sin(turn)
    return np.array([[cos, -sin, x], [sin, cos, y]])


def around(scale: float, degrees: float, width: int, height: int) -> Warp:
    """A crop whose middle is the plate's middle."""
    linear = similarity(scale, degrees, 0.0, 0.0)[:, :2]
    centre = np.array([PLATE.x + (PLATE.width - 1) / 2, PLATE.y + (PLATE.height - 1) / 2])
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    return Warp(np.column_stack([linear, middle - linear @ centre]), width, height)


def coordinates(window: Window) -> FloatArray:
    """A picture of its own coordinates: red is x, green is y, blue their sum."""
    y, x = np.mgrid[window.y : window.bottom, window.x : window.right].astype(np.float32)
    return np.stack([x, y, x + y], axis=-1)


def smooth(window: Window) -> FloatArray:
    """Waves of 12 px and longer: fine enough to show a wrong filter, coarse enough to be carried."""
    y, x = np.mgrid[window.y : window.bottom, window.x : window.right].astype(np.float64)
    waves = [np.sin(2 * np.pi * (x * a + y * b)) for a, b in ((0.05, 0.02), (-0.03, 0.06), (0.02, -0.04))]
    return np.stack(waves, axis=-1).astype(np.float32)


def bits(window: Window, seed: int = 0) -> FloatArray:
    """Half values of every kind, as an EXR may hold them."""
    raw = np.random.default_rng(seed).integers(0, 65536, (window.height, window.width, 3), dtype=np.uint16)
    return raw.view(np.float16).astype(np.float32)


def cut(rgb: FloatArray, warp: Warp, window: Window = PLATE) -> Crop:
    return cut_crop(rgb, data_window=window, warp=warp, colour_space="ACEScg")


@settings(deadline=None)
@given(
    st.floats(0.02, 50.0), st.floats(-180.0, 180.0), st.floats(-4000.0, 4000.0), st.floats(-4000.0, 4000.0),
    st.integers(2, 12), st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_a_known_similarity_is_recovered(
    scale: float, degrees: float, x: float, y: float, count: int, seed: int
) -> None:
    points = np.random.default_rng(seed).uniform(0.0, 500.0, (count, 2))
    matrix = similarity(scale, degrees, x, y)
    warp = fit_similarity(points, points @ matrix[:, :2].T + matrix[:, 2], width=64, height=48)
    np.testing.assert_allclose(warp.matrix, matrix, atol=1e-6 * max(1.0, scale))
    assert (warp.width, warp.height) == (64, 48)


def test_a_mirrored_face_is_turned_and_never_mirrored() -> None:
    points = np.array([[0.0, 0.0], [10.0, 0.0], [5.0, 6.0], [2.0, 11.0], [8.0, 11.0]])
    warp = fit_similarity(points * [-1.0, 1.0], points, width=16, height=16)
    assert np.linalg.det(warp.matrix[:, :2]) > 0.0


def test_the_fit_is_the_best_there_is() -> None:
    rng = np.random.default_rng(3)
    points, wanted = rng.normal(size=(7, 2)), rng.normal(size=(7, 2))

    def error(matrix: np.ndarray) -> float:
        return float(((points @ matrix[:, :2].T + matrix[:, 2] - wanted) ** 2).sum())

    best = fit_similarity(points, wanted, width=1, height=1).matrix
    a, b = best[0, 0], best[1, 0]
    for da, db, dx, dy in rng.normal(scale=1e-3, size=(200, 4)):
        other = np.array([[a + da, -(b + db), best[0, 2] + dx], [b + db, a + da, best[1, 2] + dy]])
        assert error(other) >= error(best)


@pytest.mark.parametrize(
    ("points", "what"),
    [(np.full((5, 2), 7.0), "one point"), (np.array([[0.0, np.nan], [1.0, 1.0]]), "not finite")],
)
def test_points_without_a_fit(points: np.ndarray, what: str) -> None:
    with pytest.raises(NoFaceError, match=what):
        fit_similarity(points, np.arange(points.size, dtype=float).reshape(points.shape), width=8, height=8)


def test_points_and_template_must_agree() -> None:
    with pytest.raises(ValueError, match=r"\(n, 2\)"):
        fit_similarity(np.zeros((5, 2)), np.zeros((4, 2)), width=8, height=8)


def test_convention_crop_pixels_show_the_plate_pixels_the_matrix_names() -> None:
    """A picture of coordinates, cut, must hold at every crop pixel the plate position that maps to it."""
    warp = around(1.3, 23.0, 31, 20)
    crop = cut(coordinates(PLATE), warp)
    y, x = np.mgrid[0:20, 0:31]
    there = plate_points(np.stack([x.ravel(), y.ravel()], axis=1), warp).reshape(20, 31, 2)
    np.testing.assert_allclose(crop.rgb[..., :2], there, atol=2e-5)  # measured 1.0e-5: float32 weights at coordinate 80
    np.testing.assert_allclose(
        crop_points(there.reshape(-1, 2), warp).reshape(20, 31, 2), np.stack([x, y], -1), atol=1e-9
    )
    assert (crop.alpha == 1.0).all()


@pytest.mark.parametrize("shift", [0.013, 0.25, 0.4999, 0.731])
def test_fractions_of_a_pixel_are_not_quantised(shift: float) -> None:
    crop = cut(coordinates(PLATE), Warp(np.array([[1.0, 0.0, -20.0 - shift], [0.0, 1.0, -15.0 + shift]]), 40, 25))
    x, y = np.meshgrid(np.arange(40), np.arange(25))
    np.testing.assert_allclose(crop.rgb[..., 0], x + 20.0 + shift, atol=2e-5)
    np.testing.assert_allclose(crop.rgb[..., 1], y + 15.0 - shift, atol=2e-5)


@settings(deadline=None, max_examples=60)
@given(
    st.integers(-60, 40), st.integers(-40, 40), st.integers(1, 50), st.integers(1, 50),
    st.sampled_from([0, 90, 180, 270]), st.booleans(), st.integers(0, 1000),
)  # fmt: skip
def test_whole_pixel_warps_copy_bits_both_ways(
    x: int, y: int, width: int, height: int, degrees: int, mirror: bool, seed: int
) -> None:
    """Cut and laid back: the identity on every bit that was inside, NaN, inf and -0 included, and 0 outside."""
    matrix = np.round(similarity(1.0, degrees, 0.0, 0.0))
    if mirror:
        matrix[:, 0] *= -1.0
    matrix[:, 2] = (x, y)
    plate = bits(PLATE, seed)
    rgb, alpha = lay_back(cut(plate, Warp(matrix, width, height)), data_window=PLATE)
    ys, xs = np.mgrid[PLATE.y : PLATE.bottom, PLATE.x : PLATE.right]
    at = np.stack([xs.ravel(), ys.ravel()], 1) @ matrix[:, :2].T + matrix[:, 2]
    inside = ((at >= 0) & (at < (width, height))).all(axis=1).reshape(alpha.shape)
    assert ((alpha == 1.0) == inside).all()
    assert ((alpha == 0.0) == ~inside).all()
    assert rgb[inside].tobytes() == plate[inside].tobytes()
    assert (rgb[~inside] == 0.0).all()


@settings(deadline=None, max_examples=40)
@given(st.floats(0.9, 2.5), st.floats(-180.0, 180.0), st.integers(40, 70), st.integers(30, 50))
def test_there_and_back_is_the_identity_to_a_measured_tolerance(
    scale: float, degrees: float, width: int, height: int
) -> None:
    plate = smooth(PLATE)
    warp = around(scale, degrees, width, height)
    rgb, alpha = lay_back(cut(plate, warp), data_window=PLATE)
    error = np.abs(rgb - plate)[well_inside(warp, margin=3.0 * max(scale, 1.0))]
    assert error.size
    # Waves of 15 px and longer, amplitude 1. Measured over 400 draws: at most 0.067 (a crest between two pixels,
    # which the hold cuts twice), mean at most 0.0087.
    assert float(error.max()) < 0.1
    assert float(error.mean()) < 0.012
    assert 0.0 <= float(alpha.min()) <= float(alpha.max()) <= 1.0


def well_inside(warp: Warp, *, margin: float) -> np.ndarray:
    ys, xs = np.mgrid[PLATE.y : PLATE.bottom, PLATE.x : PLATE.right]
    at = crop_points(np.stack([xs.ravel(), ys.ravel()], 1), warp).reshape(*xs.shape, 2)
    low, high = at - margin, at + margin
    inside: np.ndarray = np.all((low >= 0) & (high <= (warp.width - 1, warp.height - 1)), axis=-1)
    return inside


def test_the_border_repeats_and_alpha_says_so() -> None:
    plate = coordinates(PLATE)
    crop = cut(plate, Warp(np.array([[1.0, 0.0, 17.0], [0.0, 1.0, 7.0]]), 40, 30))
    np.testing.assert_array_equal(crop.rgb[:10, :10], np.broadcast_to(plate[0, 0], (10, 10, 3)))
    assert (crop.alpha[:10] == 0.0).all()
    assert (crop.alpha[:, :10] == 0.0).all()
    assert (crop.alpha[10:, 10:] == 1.0).all()
    np.testing.assert_array_equal(crop.rgb[10:, 10:], plate[:20, :30])


def test_a_crop_outside_the_plate() -> None:
    warp = Warp(np.array([[1.0, 0.0, -500.0], [0.0, 1.0, 0.0]]), 20, 10)
    crop = cut(coordinates(PLATE), warp)
    assert (crop.alpha == 0.0).all()
    assert footprint(warp, PLATE).is_empty
    rgb, alpha = lay_back(crop, data_window=PLATE)
    assert not rgb.any()
    assert not alpha.any()


def test_only_the_footprint_need_be_laid_back() -> None:
    warp = around(1.7, 30.0, 33, 21)
    crop = cut(smooth(PLATE), warp)
    rgb, alpha = lay_back(crop, data_window=PLATE)
    window = footprint(warp, PLATE)
    assert window.width < PLATE.width
    part_rgb, part_alpha = lay_back(crop, data_window=window)
    at = window.slices(PLATE)
    np.testing.assert_array_equal(part_rgb, rgb[at])
    np.testing.assert_array_equal(part_alpha, alpha[at])
    rest = np.ones(alpha.shape, dtype=bool)
    rest[at] = False
    assert not alpha[rest].any()


@pytest.mark.parametrize("reduction", [2.0, 3.7, 8.0])
def test_a_reduction_does_not_alias(reduction: float) -> None:
    """Stripes finer than the crop can show must come out as their mean, and coarse ones stay where they are."""
    window = Window(0, 0, 320, 200)
    fine = np.zeros((200, 320, 3), dtype=np.float32)
    fine[:, ::2] = 1.0
    width, height = int(300 / reduction), int(180 / reduction)
    warp = Warp(similarity(1.0 / reduction, 0.0, -1.5, -1.5), width, height)
    crop = cut_crop(fine, data_window=window, warp=warp, colour_space="ACEScg")
    # measured 0.025 at a half, 0.0003 and less further down
    np.testing.assert_allclose(crop.rgb[2:-2, 2:-2], 0.5, atol=0.05)
    ramp = cut_crop(coordinates(window), data_window=window, warp=warp, colour_space="ACEScg").rgb[4:-4, 4:-4, 0]
    wanted = plate_points(np.stack([np.arange(width), np.zeros(width)], 1), warp)[4:-4, 0]
    np.testing.assert_allclose(ramp, np.broadcast_to(wanted, ramp.shape), atol=1e-3)


def test_a_specular_does_not_ring() -> None:
    plate = np.full((PLATE.height, PLATE.width, 3), 0.1, dtype=np.float32)
    plate[30, 45] = 400.0
    for scale in (0.4, 0.77, 1.9):
        crop = cut(plate, around(scale, 17.0, 60, 44))
        assert float(crop.rgb.min()) >= 0.1 - 1e-5
        assert float(crop.rgb.max()) <= 400.0


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.9])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_broken_pixels_do_not_spread(scale: float, value: float) -> None:
    plate = np.full((PLATE.height, PLATE.width, 3), 0.25, dtype=np.float32)
    plate[30, 45] = value
    plate[30, 60, 1] = value
    crop = cut(plate, around(scale, 12.0, 80, 60))
    broken = ~np.isfinite(crop.rgb)
    # Four channels are broken in all (three of one pixel, one of another), each at most a pixel's cover in the crop.
    assert broken.sum() <= 4 * (math.ceil(scale) + 1) ** 2
    np.testing.assert_allclose(crop.rgb[~broken], 0.25, rtol=1e-5)


@pytest.mark.parametrize(("shift", "column"), [(0.3, 10), (0.7, 9)])
def test_a_broken_pixel_stays_where_it_is(shift: float, column: int) -> None:
    plate = np.full((PLATE.height, PLATE.width, 3), 0.25, dtype=np.float32)
    plate[8, 10] = np.inf
    crop = cut(plate, Warp(np.array([[1.0, 0.0, 7.0 - shift], [0.0, 1.0, -3.0]]), 40, 30))
    assert set(zip(*np.nonzero(np.isinf(crop.rgb[..., 0])), strict=True)) == {(8, column)}


def test_an_increment_is_zero_where_nothing_changed() -> None:
    warp = Warp(np.array([[1.0, 0.0, 7.0], [0.0, 1.0, -3.0]]), 50, 40)
    before = cut(bits(PLATE), warp)
    same = increment_crop(before, Crop(before.rgb.copy(), before.alpha, warp, "ACEScg"))
    assert not same.rgb.any()
    changed = before.rgb.copy()
    changed[4, 5] = 0.5
    moved = increment_crop(Crop(np.nan_to_num(before.rgb, posinf=1, neginf=1), before.alpha, warp, "ACEScg"),
                           Crop(np.nan_to_num(changed, posinf=1, neginf=1), before.alpha, warp, "ACEScg"))  # fmt: skip
    assert set(zip(*np.nonzero(moved.rgb.any(axis=-1)), strict=True)) == {(4, 5)}
    other = Crop(before.rgb, before.alpha, Warp(warp.matrix + 1.0, 50, 40), "ACEScg")
    with pytest.raises(ValueError, match="one crop"):
        increment_crop(before, other)


def test_inverse() -> None:
    matrix = similarity(1.7, 33.0, 5.0, -2.0)
    back = invert_matrix(matrix)
    np.testing.assert_allclose(matrix[:, :2] @ back[:, 2] + matrix[:, 2], 0.0, atol=1e-12)
    with pytest.raises(ValueError, match="inverted"):
        invert_matrix(np.zeros((2, 3)))


def test_inputs_are_left_alone_and_views_will_do() -> None:
    wide = bits(Window(0, 0, 180, 122))
    view = wide[::2, ::2]
    view.setflags(write=False)
    warp = around(1.2, 40.0, 20, 30)
    np.testing.assert_array_equal(cut(view, warp).rgb, cut(np.ascontiguousarray(view), warp).rgb)


@pytest.mark.parametrize(("scale", "degrees"), [(1.0, 0.0), (1.0, 90.0), (0.5, 17.0), (1.7, -50.0)])
@pytest.mark.parametrize("shift", [0.0, 15.0])
def test_a_crop_needs_no_more_of_the_plate_than_what_it_samples(scale: float, degrees: float, shift: float) -> None:
    warp = around(scale, degrees, 21, 15)
    warp.matrix[:, 2] -= shift  # out over the plate's border
    if scale == 1.0:
        np.round(warp.matrix, out=warp.matrix)
    part = sampled(warp, PLATE)
    assert 0 < part.width * part.height < PLATE.width * PLATE.height
    for rgb in (bits(PLATE), smooth(PLATE)):
        with np.errstate(invalid="ignore", over="ignore"):
            whole, from_part = cut(rgb, warp), cut(rgb[part.slices(PLATE)], warp, part)
        if scale == 1.0:
            assert from_part.rgb.tobytes() == whole.rgb.tobytes()
            assert from_part.alpha.tobytes() == whole.alpha.tobytes()
    # The last picture's values are around 1: what is left is the rounding of positions.
    assert np.allclose(from_part.rgb, whole.rgb, atol=1e-5)
    assert np.allclose(from_part.alpha, whole.alpha, atol=1e-6)


@pytest.mark.parametrize(("scale", "degrees"), [(1.0, 0.0), (0.4, 17.0), (1.7, -50.0), (3.1, 5.0)])
def test_a_part_of_a_crop_laid_back_alone_has_the_bits_of_the_whole(scale: float, degrees: float) -> None:
    warp = around(scale, degrees, 41, 33)
    if scale == 1.0:
        np.round(warp.matrix, out=warp.matrix)
    alpha = np.zeros((33, 41), np.float32)
    alpha[12:20, 9:17] = 0.5
    alpha[13:19, 10:16] = 1.0
    values = smooth(Window(0, 0, 41, 33))
    values[25, 30] = np.nan
    crop = Crop(values, alpha, warp, "x")
    part = footprint(warp, PLATE)
    only = shown_part(warp, part, rows=slice(12, 20), columns=slice(9, 17))
    assert 0 < only.width * only.height < part.width * part.height
    rgb, cover = lay_back(crop, data_window=part)
    rgb_only, cover_only = lay_back(crop, data_window=part, only=only)
    at = only.slices(part)
    assert rgb_only.tobytes() == rgb[at].tobytes()
    assert cover_only.tobytes() == cover[at].tobytes()
    assert cover_only.max() > 0.5
    # Nothing of the matte lies outside, nor is half of the part wasted around it.
    shown = np.argwhere(cover > 0.0)
    cover[at] = 0.0
    assert not cover.any()
    spans = np.ptp(shown, axis=0) + 1
    assert only.height <= spans[0] + 14
    assert only.width <= spans[1] + 14
    farther = shown_part(warp, part, rows=slice(12, 20), columns=slice(9, 17), beyond=5.0)
    assert farther.width >= min(part.width, only.width + 5)
    assert shown_part(warp, part, rows=slice(0, 0), columns=slice(0, 0)).is_empty


@pytest.mark.parametrize(("left", "top"), [(3, 9), (-20, 40), (70, -6), (-100, 5)])
def test_moved_by_whole_pixels_is_cut_and_laid_as_any_other_warp(
    left: int, top: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    warp = Warp(np.array([[1.0, 0.0, -left], [0.0, 1.0, -top]]), 33, 27)
    fast = cut(bits(PLATE), warp)
    changed = replace(fast, alpha=(fast.alpha * np.float32(0.7)).astype(np.float32))
    laid = lay_back(changed, data_window=PLATE)
    monkeypatch.setattr("vfx_swap.geometry.warps._shift_overlap", lambda warp, window: None)
    plain = cut(bits(PLATE), warp)
    assert fast.rgb.tobytes() == plain.rgb.tobytes()
    assert fast.alpha.tobytes() == plain.alpha.tobytes()
    for ours, theirs in zip(laid, lay_back(changed, data_window=PLATE), strict=True):
        assert ours.tobytes() == theirs.tobytes()
