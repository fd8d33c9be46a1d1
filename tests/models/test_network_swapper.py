"""The generic network swapper, with stand-in networks: what goes in, what comes back, whose bits stay."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vfx_swap.arrays import FloatArray
from vfx_swap.colour.ocio import load_config
from vfx_swap.colour.transfer import srgb_eotf, srgb_eotf_inverse
from vfx_swap.comp.over import comp_increment, comp_over
from vfx_swap.errors import ColourSpaceError, IdentityError, ModelMismatchError
from vfx_swap.geometry.warps import cut_crop, increment_crop, lay_back
from vfx_swap.models.network_swapper import NetworkAnswer, NetworkSwapper, PreparedNetwork, SwapNetwork, soft_alpha
from vfx_swap.models.protocols import Swapper
from vfx_swap.models.templates import TEMPLATES
from vfx_swap.types import Crop, Embedding, Face, Identity, ModelImage, Pose, SkinTexture, Warp, Window

CONFIG = load_config(environ={})
SIZE = 48
PLATE = Window(5, -9, 110, 80)
EMBEDDING = Embedding("stand-in", np.arange(4, dtype=np.float32))


def unchanged(image: ModelImage, _: Embedding) -> NetworkAnswer:
    return NetworkAnswer(image)


def darker(image: ModelImage, _: Embedding) -> NetworkAnswer:
    return NetworkAnswer(ModelImage(srgb_eotf_inverse(srgb_eotf(image.rgb) * np.float32(0.5))))


def swapper_of(network: SwapNetwork, *, exposure_stops: int | None = 0) -> NetworkSwapper:
    return NetworkSwapper(
        id="stand-in-48",
        template=TEMPLATES["arcface_128"],
        size=SIZE,
        network=network,
        recogniser="stand-in",
        config=CONFIG,
        exposure_stops=exposure_stops,
    )


def identity(**embeddings: Embedding) -> Identity:
    pixel = np.ones((1, 1), dtype=np.float32)
    texture = SkinTexture(np.ones((1, 1, 3), dtype=np.float32), pixel, np.ones(3, dtype=np.float32))
    return Identity("lead", (), texture, embeddings, None, "")


LEAD = identity(**{"stand-in": EMBEDDING})


def face_at(x: float, y: float, size: float) -> Face:
    points = np.zeros((478, 3), dtype=np.float32)
    places = TEMPLATES["arcface_128"].pixels(1)
    for index, place in ((33, 0), (133, 0), (362, 1), (263, 1), (1, 2), (61, 3), (291, 4)):
        points[index, :2] = places[place] * size + (x, y)
    return Face(1001, points, np.zeros(52, dtype=np.float32), Pose(0.0, 0.0, 0.0), 1.0)


def half_plate(seed: int = 0) -> FloatArray:
    """Half values as a real plate brings them: skin, speculars, noise below zero, and some broken pixels."""
    rng = np.random.default_rng(seed)
    rgb = rng.lognormal(np.log(0.2), 1.5, (PLATE.height, PLATE.width, 3)) + rng.normal(0.0, 0.05, (80, 110, 3))
    rgb[::9, ::7] *= 400.0
    rgb[20, 30], rgb[40, 50], rgb[41, 50, 1], rgb[60, 60] = np.nan, np.inf, -np.inf, -0.0
    return rgb.astype(np.float16).astype(np.float32)


def cut(plate: FloatArray, warp: Warp) -> Crop:
    return cut_crop(plate, data_window=PLATE, warp=warp, colour_space="ACEScg")


def test_it_is_a_swapper() -> None:
    swapper: Swapper[PreparedNetwork] = swapper_of(unchanged)
    assert swapper.id == "stand-in-48"


@settings(deadline=None, max_examples=25)
@given(st.floats(0.0, 60.0), st.floats(-15.0, 40.0), st.floats(20.0, 120.0), st.integers(-6, 6) | st.none())
def test_an_identity_network_leaves_a_half_plate_bit_for_bit(
    x: float, y: float, size: float, exposure: int | None
) -> None:
    """All the way: plate, crop (resampled), network, increment laid back, comp, half again."""
    plate, face = half_plate(), face_at(x, y, size)
    swapper = swapper_of(unchanged, exposure_stops=exposure)
    crop = cut(plate, swapper.warp_for(face))
    swapped = swapper.swap(crop, face, swapper.prepare(LEAD, colour_space="ACEScg"))
    assert swapped.rgb.tobytes() == crop.rgb.tobytes()
    increment, alpha = lay_back(increment_crop(crop, swapped), data_window=PLATE)
    assert alpha.any()
    comp = comp_increment(plate, increment, alpha)
    assert comp.astype(np.float16).tobytes() == plate.astype(np.float16).tobytes()


def test_a_whole_pixel_crop_survives_comp_over_too() -> None:
    plate = half_plate()
    warp = Warp(np.array([[1.0, 0.0, -20.0], [0.0, 1.0, -3.0]]), SIZE, SIZE)
    swapper = swapper_of(unchanged)
    swapped = swapper.swap(cut(plate, warp), face_at(0, 0, 50), swapper.prepare(LEAD, colour_space="ACEScg"))
    rgb, alpha = lay_back(swapped, data_window=PLATE)
    assert comp_over(plate, rgb, alpha).tobytes() == plate.tobytes()


def test_values_above_display_white_survive_and_are_reported() -> None:
    plate = np.full((PLATE.height, PLATE.width, 3), 0.25, dtype=np.float32)
    plate[30:40, 40:60] = 180.0
    swapper = swapper_of(unchanged)
    warp = Warp(np.array([[1.0, 0.0, -30.0], [0.0, 1.0, -2.0]]), SIZE, SIZE)
    report = swapper.swap_with_report(cut(plate, warp), swapper.prepare(LEAD, colour_space="ACEScg"))
    assert float(report.crop.rgb.max()) == 180.0
    share = float((cut(plate, warp).rgb[..., 0] > 1.0).mean())
    assert report.carried.above == report.carried.clipped == pytest.approx(share)
    assert share > 0.03
    assert report.changed == 0.0


def test_the_answer_arrives_in_the_plates_own_light() -> None:
    """Half the light shown is half the light in ACEScg, at any exposure, where it is below the knee."""
    rng = np.random.default_rng(8)
    plate = rng.uniform(0.02, 0.11, (PLATE.height, PLATE.width, 3)).astype(np.float32)
    warp = Warp(np.array([[1.0, 0.0, -20.0], [0.0, 1.0, -3.0]]), SIZE, SIZE)
    for stops in (0, 2, None):
        swapper = swapper_of(darker, exposure_stops=stops)
        prepared = swapper.prepare(LEAD, colour_space="ACEScg")
        swapped = swapper.swap(cut(plate, warp), face_at(0, 0, 50), prepared)
        crop = cut(plate, warp)
        said = swapped.alpha > 0.0
        in_gamut = (CONFIG.convert(crop.rgb, source="ACEScg", destination="lin_rec709_scene") > 0.0).all(axis=-1)
        np.testing.assert_allclose(swapped.rgb[said & in_gamut], crop.rgb[said & in_gamut] * 0.5, atol=2e-6)
        assert swapped.rgb[~said].tobytes() == crop.rgb[~said].tobytes()
        assert (~said).any()


def test_dark_and_bright_faces_are_shown_alike() -> None:
    seen: list[FloatArray] = []

    def watch(image: ModelImage, embedding: Embedding) -> NetworkAnswer:
        assert embedding is EMBEDDING
        seen.append(image.rgb)
        return NetworkAnswer(image)

    plate = np.random.default_rng(1).uniform(0.1, 0.4, (PLATE.height, PLATE.width, 3)).astype(np.float32)
    swapper = swapper_of(watch, exposure_stops=None)
    prepared = swapper.prepare(LEAD, colour_space="ACEScg")
    warp = Warp(np.array([[1.0, 0.0, -20.0], [0.0, 1.0, -3.0]]), SIZE, SIZE)
    reports = [
        swapper.swap_with_report(cut(plate * np.float32(gain), warp), prepared) for gain in (1.0, 2.0**-6, 2.0**5)
    ]
    assert [report.exposure_stops for report in reports] == [0, 6, -5]
    np.testing.assert_array_equal(seen[0], seen[1])
    np.testing.assert_array_equal(seen[0], seen[2])


def test_the_networks_own_alpha_is_taken_and_cut_at_the_plates_edge() -> None:
    own = np.full((SIZE, SIZE), 0.5, dtype=np.float32)
    own[:3], own[3, 0], own[3, 1] = 0.0, np.nan, 2.0

    def with_alpha(image: ModelImage, _: Embedding) -> NetworkAnswer:
        return NetworkAnswer(darker(image, EMBEDDING).image, own)

    plate = np.full((PLATE.height, PLATE.width, 3), 0.2, dtype=np.float32)
    warp = Warp(np.array([[1.0, 0.0, 15.0], [0.0, 1.0, 9.0]]), SIZE, SIZE)  # 20 columns left of the plate
    swapper = swapper_of(with_alpha)
    swapped = swapper.swap(cut(plate, warp), face_at(0, 0, 50), swapper.prepare(LEAD, colour_space="ACEScg"))
    assert (swapped.alpha[:, :20] == 0.0).all()
    assert (swapped.alpha[:3] == 0.0).all()
    assert (swapped.alpha[4:, 20:] == 0.5).all()
    np.testing.assert_allclose(swapped.rgb[10, 30], 0.1, atol=1e-6)
    assert (swapped.rgb[:, :20] == np.float32(0.2)).all()


def test_the_warp_puts_the_face_on_the_template() -> None:
    warp = swapper_of(unchanged).warp_for(face_at(40.0, 12.0, 96.0))
    np.testing.assert_allclose(warp.matrix, [[0.5, 0.0, -20.0], [0.0, 0.5, -6.0]], atol=1e-5)
    assert (warp.width, warp.height) == (SIZE, SIZE)


def test_an_identity_of_another_recogniser() -> None:
    with pytest.raises(IdentityError, match=r"'stand-in'.*it holds: arcface") as caught:
        swapper_of(unchanged).prepare(identity(arcface=EMBEDDING), colour_space="ACEScg")
    assert caught.value.mend is not None


def test_a_space_that_is_not_linear() -> None:
    with pytest.raises(ColourSpaceError):
        swapper_of(unchanged).prepare(LEAD, colour_space="sRGB - Texture")


def test_an_answer_of_another_size() -> None:
    def smaller(image: ModelImage, _: Embedding) -> NetworkAnswer:
        return NetworkAnswer(ModelImage(np.ascontiguousarray(image.rgb[::2, ::2])))

    swapper = swapper_of(smaller)
    warp = Warp(np.array([[1.0, 0.0, -20.0], [0.0, 1.0, -3.0]]), SIZE, SIZE)
    with pytest.raises(ModelMismatchError, match="24x24x3"):
        swapper.swap(cut(half_plate(), warp), face_at(0, 0, 50), swapper.prepare(LEAD, colour_space="ACEScg"))


def test_prepared_for_another_space() -> None:
    swapper = swapper_of(unchanged)
    warp = Warp(np.array([[1.0, 0.0, -20.0], [0.0, 1.0, -3.0]]), SIZE, SIZE)
    with pytest.raises(ValueError, match="prepared for"):
        swapper.swap(cut(half_plate(), warp), face_at(0, 0, 50), swapper.prepare(LEAD, colour_space="lin_rec709_scene"))


@pytest.mark.parametrize("shape", ["box", "ellipse"])
def test_soft_alpha(shape: Literal["box", "ellipse"]) -> None:
    alpha = soft_alpha(width=81, height=41, shape=shape, feather=0.25)
    assert alpha.shape == (41, 81)
    assert alpha[20, 40] == 1.0
    border = np.concatenate([alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]])
    assert (border == 0.0).all()
    np.testing.assert_allclose(alpha, alpha[::-1, ::-1], atol=1e-7)
    assert float(np.abs(np.diff(alpha, axis=1)).max()) < 0.16
    corner = alpha[4, 8]
    assert (corner > 0.5) == (shape == "box")
    with pytest.raises(ValueError, match="feather"):
        soft_alpha(width=8, height=8, shape=shape, feather=0.0)
