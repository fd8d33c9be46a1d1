"""What lenses reflect stays over the face that goes in, whatever engine paints it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.pipeline.test_swap import Painter, bits, cast, check, face_at, frame, plate, shot
from vfx_swap.arrays import FloatArray
from vfx_swap.pipeline.swap import swap_frame
from vfx_swap.settings import Matte
from vfx_swap.types import Crop, Face, Front

INSIDE = np.s_[18:26, 26:34]


def with_glare(share: int = 128, *, glasses: bool = False) -> Front:
    matte = np.zeros((12, 12), np.uint8)
    matte[2:10, 2:10] = share
    mattes = {"glare": matte} | ({"glasses": np.zeros_like(matte)} if glasses else {})
    return Front(left=24.0, top=16.0, step=1.0, mattes=mattes)


def swapped(rgb: FloatArray, front: Front | None, *, painter: Painter, words: tuple[str, ...]) -> FloatArray:
    settings = shot().model_copy(update={"matte": Matte.model_validate({"holdout": words})})
    face = replace(face_at(30.0, 22.0, 34.0), front=front)
    result = swap_frame(frame(rgb), [cast(1, face, painter)], shot=settings, want_patch=False)
    check(result, frame(rgb))
    return result.frame.rgb


@pytest.mark.parametrize("scale", [1.0, 1.6], ids=["whole pixels", "resampled"])
def test_a_reflection_lies_over_the_new_face(scale: float) -> None:
    rgb = np.full((48, 64, 3), (0.5, 0.4, 0.3), np.float32)
    painter = Painter(scale=scale)
    bare = swapped(rgb, None, painter=painter, words=("glasses",))
    held = swapped(rgb, with_glare(), painter=painter, words=("glasses",))
    added = (held - bare)[20:24, 28:32]
    luminance = np.array([0.2126, 0.7152, 0.0722])
    assert np.allclose(added @ luminance, 128 / 255 * (rgb[0, 0] @ luminance), rtol=0.02)
    # Half of the light is a pale reflection, paler than what it lies over.
    assert 1.0 < added[0, 0, 0] / added[0, 0, 2] < 0.5 / 0.3
    assert np.array_equal(held[22, 20], bare[22, 20])


def test_all_of_the_light_stays_as_the_plate_has_it() -> None:
    rgb = np.full((48, 64, 3), (0.9, 0.7, 0.8), np.float32)
    black = Painter(colour=(0.0, 0.0, 0.0))
    assert np.allclose(swapped(rgb, with_glare(255), painter=black, words=("glasses",))[INSIDE], rgb[INSIDE])


def test_spectacles_that_go_take_their_reflections_along() -> None:
    rgb = plate(bad=False)
    bare = swapped(rgb, None, painter=Painter(), words=())
    assert np.array_equal(bits(swapped(rgb, with_glare(), painter=Painter(), words=())), bits(bare))


def test_the_engine_sees_the_face_without_it() -> None:
    class Looker(Painter):
        def swap(self, crop: Crop, face: Face, prepared: None, /) -> Crop:
            low = crop.warp.matrix[:, 2]
            self.seen = crop.rgb[int(22 + low[1]), int(30 + low[0])]
            return super().swap(crop, face, prepared)

    looker = Looker()
    rgb = np.full((48, 64, 3), 0.5, np.float32)
    swapped(rgb, with_glare(128), painter=looker, words=("glasses",))
    assert np.allclose(looker.seen, 0.5 * (1.0 - 128 / 255), atol=1e-3)


@pytest.mark.filterwarnings("error")
def test_pixels_that_are_not_finite_and_negatives_reflect_nothing() -> None:
    rgb = np.full((48, 64, 3), 0.5, np.float32)
    rgb[22, 30], rgb[22, 31], rgb[22, 32] = np.inf, np.nan, -0.1
    painted = swapped(rgb, None, painter=Painter(), words=("glasses",))
    held = swapped(rgb, with_glare(), painter=Painter(), words=("glasses",))
    assert np.isfinite(held[22, 30:33]).all()
    assert np.array_equal(held[22, 30:33], painted[22, 30:33])
