"""Mattes by regions: which are in, how soft, and in whose crop the parser looks."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.models import faces
from vfx_swap.arrays import FloatArray
from vfx_swap.geometry.warps import crop_points, fit_similarity
from vfx_swap.models.parsing.regions import REGIONS, region_index
from vfx_swap.models.region_matte import RegionMatte
from vfx_swap.models.templates import five_points, template_named
from vfx_swap.types import Face, ModelImage, Warp

FACE = faces.collins().face()
SIZE = 128


def warp_of(size: int = SIZE, template: str = "arcface_112_v1") -> Warp:
    return fit_similarity(five_points(FACE.points), template_named(template).pixels(size), width=size, height=size)


class Painted:
    """Says skin in the left half of its own crop, hair in the right one; keeps what it was shown."""

    id = "painted"

    def __init__(self, size: int = SIZE) -> None:
        self.size, self.shown = size, list[tuple[Any, ...]]()

    def warp_for(self, face: Face, /) -> Warp:
        return warp_of(self.size, "ffhq_512")

    def parse(self, image: ModelImage, points: FloatArray, /, *, hidden: Any = None) -> FloatArray:
        assert hidden is None
        height, width = image.rgb.shape[:2]
        self.shown.append((height, width, points))
        alphas = np.zeros((len(REGIONS), height, width), np.float32)
        alphas[region_index("skin"), :, : width // 2] = 1.0
        alphas[region_index("hair"), :, width // 2 :] = 1.0
        return alphas


def crop() -> ModelImage:
    return ModelImage(np.full((SIZE, SIZE, 3), 0.5, np.float32))


def test_skin_is_in_hair_is_out_and_the_edge_lies_inside() -> None:
    matte = RegionMatte(parser=Painted(), any_size=True, feather=0.05)(crop(), FACE, warp_of())
    assert matte is not None
    assert matte[:, SIZE // 2 :].max() == 0.0
    assert matte[:, :50].min() == 1.0
    row = matte[60, 50:64]
    assert (np.diff(row) <= 0.0).all()
    assert 0.0 <= row[-1] < 0.2
    # 5 % of a face about as high as the crop: some six pixels from whole to nothing.
    assert 3 <= ((row > 0.02) & (row < 0.98)).sum() <= 9
    wide = RegionMatte(parser=Painted(), any_size=True, feather=0.2)(crop(), FACE, warp_of())
    assert wide is not None
    assert wide.sum() < matte.sum()


def test_hair_is_replaced_where_it_is_not_held_out() -> None:
    matte = RegionMatte(parser=Painted(), any_size=True, feather=0.05, hair=True)(crop(), FACE, warp_of())
    assert matte is not None
    assert matte.min() == 1.0


def test_a_parser_with_a_crop_of_its_own_is_shown_that_one() -> None:
    parser = Painted(size=200)
    matte = RegionMatte(parser=parser, any_size=False, feather=0.05)(crop(), FACE, warp_of())
    assert matte is not None
    height, width, points = parser.shown[0]
    assert (height, width) == (200, 200)
    wanted = crop_points(five_points(FACE.points), warp_of(200, "ffhq_512"))
    np.testing.assert_allclose(five_points(points), wanted, atol=0.01)
    # The middle of both crops is the nose's column, within a few pixels: the half that is skin stays the half.
    assert matte[20:-20, :52].min() == 1.0
    assert matte[20:-20, 78:].max() == 0.0


def test_where_the_parser_finds_no_face_nothing_is_made_up() -> None:
    class Blind(Painted):
        def parse(self, image: ModelImage, points: FloatArray, /, *, hidden: Any = None) -> FloatArray:
            return np.zeros((len(REGIONS), *image.rgb.shape[:2]), np.float32)

    assert RegionMatte(parser=Blind(), any_size=True, feather=0.05)(crop(), FACE, warp_of()) is None
