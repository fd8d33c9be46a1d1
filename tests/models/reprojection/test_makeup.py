"""The performer's make-up is dropped, or kept where it is worn."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.models.faces import Sitter, canonical_mesh, identity_of
from vfx_swap.colour.ocio import LINEAR_REC709, load_config
from vfx_swap.geometry.warps import cut_crop
from vfx_swap.models.reprojection.swapper import ReprojectionOptions, ReprojectionSwapper
from vfx_swap.models.reprojection.texture import build_texture
from vfx_swap.types import Window

CHEEK = (50, 36)
"""Landmarks that a stripe is painted between."""


@pytest.fixture(scope="module")
def painted(collins: Sitter) -> tuple[np.ndarray, tuple[int, int]]:
    """The portrait with a green stripe on a cheek, and the stripe's middle (column, row)."""
    first, second = (np.round(collins.points[index, :2]).astype(int) for index in CHEEK)
    stripe = np.zeros(collins.rgb.shape[:2], np.float32)
    cv2.line(stripe, tuple(first.tolist()), tuple(second.tolist()), 1.0, 5)
    stripe = cv2.GaussianBlur(stripe, (0, 0), 0.7)[..., None]
    level = collins.rgb.mean(axis=-1, keepdims=True)
    green = level * np.array([0.25, 1.3, 0.3], np.float32)
    middle = (first + second) // 2
    return np.asarray(collins.rgb * (1 - stripe) + green * stripe, np.float32), (int(middle[0]), int(middle[1]))


def _swapped(collins: Sitter, hopper: Sitter, rgb: np.ndarray, makeup: float) -> np.ndarray:
    texture = build_texture([hopper.reference], mesh=canonical_mesh(), size=256)
    options = ReprojectionOptions(makeup=makeup)
    swapper = ReprojectionSwapper(mesh=canonical_mesh(), config=load_config(), options=options)
    prepared = swapper.prepare(identity_of(hopper, texture), colour_space=LINEAR_REC709)
    window = Window(0, 0, rgb.shape[1], rgb.shape[0])
    face = collins.face()
    crop = cut_crop(rgb, data_window=window, warp=swapper.warp_for(face), colour_space=LINEAR_REC709)
    after = swapper.swap(crop, face, prepared)
    left, top = (int(v) for v in -after.warp.matrix[:, 2])
    whole = rgb.copy()
    there = whole[top : top + after.alpha.shape[0], left : left + after.alpha.shape[1]]
    there += after.alpha[..., None] * (after.rgb - there)
    return whole


def _greenness(rgb: np.ndarray, at: tuple[int, int]) -> float:
    column, row = at
    red, green, _ = rgb[row - 1 : row + 2, column - 1 : column + 2].mean(axis=(0, 1))
    return float(green / red)


def test_make_up_is_dropped_or_kept_by_choice(
    collins: Sitter, hopper: Sitter, painted: tuple[np.ndarray, tuple[int, int]]
) -> None:
    rgb, at = painted
    worn = _greenness(rgb, at)
    dropped, half, kept = (_greenness(_swapped(collins, hopper, rgb, share), at) for share in (0.0, 0.5, 1.0))
    assert worn > 2.0
    assert dropped < 1.0
    assert kept > 0.7 * worn
    assert dropped < half < kept


def test_a_face_without_paint_is_the_same_either_way(collins: Sitter, hopper: Sitter) -> None:
    rgb = np.asarray(collins.rgb, np.float32)
    dropped, kept = (_swapped(collins, hopper, rgb, share) for share in (0.0, 1.0))
    cheeks = np.round(collins.points[[50, 280, 36, 266, 205, 425], :2]).astype(int)
    for column, row in cheeks:
        np.testing.assert_allclose(kept[row, column], dropped[row, column], rtol=0.08)
