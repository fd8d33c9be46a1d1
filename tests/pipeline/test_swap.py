from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.comp.painted import likeness
from tests.models import faces
from vfx_swap.arrays import FloatArray
from vfx_swap.colour.ocio import LINEAR_REC709, load_config
from vfx_swap.comp.motion import MotionBlur, Spectra, Travel, blur_along, measure_motion_blur
from vfx_swap.light.grade import light_gain
from vfx_swap.models.protocols import Swapper
from vfx_swap.models.reprojection.swapper import ReprojectionOptions, ReprojectionSwapper
from vfx_swap.models.reprojection.texture import build_texture
from vfx_swap.pipeline.swap import CastFace, swap_frame
from vfx_swap.settings import Cast, Grain, Lighting, Matte, Shot
from vfx_swap.types import Crop, Face, Frame, Identity, Pose, SwapResult, Warp, Window

WIDTH, HEIGHT = 60, 44


def face_at(x: float, y: float, height: float) -> Face:
    """Landmarks on an upright oval."""
    angle = np.linspace(0.0, 2.0 * np.pi, 478, endpoint=False)
    points = np.stack([x + 0.4 * height * np.sin(angle), y - 0.5 * height * np.cos(angle), 0.0 * angle], axis=1)
    points[10, :2], points[152, :2] = (x, y - 0.5 * height), (x, y + 0.5 * height)
    return Face(1, points.astype(np.float32), np.zeros(52, np.float32), Pose(0.0, 0.0, 0.0), confidence=1.0)


@dataclass
class Painter:
    """A swapper that paints a soft-edged disc of one colour, on whole pixels or on a resampled crop."""

    colour: tuple[float, float, float] = (0.2, 0.5, 0.8)
    scale: float = 1.0
    """Crop pixels a plate pixel; 1: whole pixels."""
    only_adds: bool = False
    id: str = "painter"

    def prepare(self, identity: Identity, *, colour_space: str, performer: FloatArray | None = None) -> None:
        raise AssertionError("a frame's swap prepares nothing")

    def warp_for(self, face: Face, /) -> Warp:
        low = np.floor(face.points[:, :2].min(axis=0) - 4.0)
        size = int(face.height + 9.0)
        shift = -self.scale * low if self.scale == 1.0 else -self.scale * low + 0.3
        matrix = np.array([[self.scale, 0.0, shift[0]], [0.0, self.scale, shift[1]]])
        return Warp(matrix, int(size * self.scale) + 2, int(size * self.scale) + 2)

    def swap(self, crop: Crop, face: Face, prepared: None, /) -> Crop:
        middle = crop.warp.matrix[:, :2] @ face.points[:, :2].mean(axis=0) + crop.warp.matrix[:, 2]
        y, x = np.mgrid[: crop.warp.height, : crop.warp.width]
        away = np.hypot(x - middle[0], y - middle[1]) / self.scale
        alpha = np.clip((0.4 * face.height - away) / 3.0, 0.0, 1.0).astype(np.float32) * crop.alpha
        paint = np.broadcast_to(np.asarray(self.colour, np.float32), crop.rgb.shape)
        with np.errstate(invalid="ignore"):
            rgb = crop.rgb + np.where(alpha[..., None] > 0, paint, 0) if self.only_adds else paint
        return Crop(np.array(rgb, np.float32), alpha, crop.warp, crop.colour_space)


def shot(*, name: str = "sh0010", grain: bool = False, expand: float = 0.0, lighting: Lighting | None = None) -> Shot:
    return Shot(
        name=name,
        plate="plate.####.exr",
        output="out.####.exr",
        cast=(Cast(identity="a.identity", position="all"),),
        grain=Grain(match="plate" if grain else "none"),
        matte=Matte(expand_pixels=expand),
        lighting=Lighting() if lighting is None else lighting,
    )


def frame(rgb: FloatArray, *, number: int = 1, x: int = 0, y: int = 0) -> Frame:
    window = Window(x, y, rgb.shape[1], rgb.shape[0])
    return Frame(number, rgb, window, Window(0, 0, 100, 100), "ACEScg")


def plate(seed: int = 0, *, bad: bool = True) -> FloatArray:
    rgb = np.random.default_rng(seed).uniform(-0.2, 3.0, (HEIGHT, WIDTH, 3)).astype(np.float32)
    if bad:
        spots = np.random.default_rng(seed + 1).random((HEIGHT, WIDTH))
        rgb[spots > 0.98] = np.nan
        rgb[spots < 0.02] = np.inf
        rgb[(spots > 0.5) & (spots < 0.51), 0] = -np.inf
        rgb[0, 0] = -0.0
    return rgb


def cast(track: int, face: Face, swapper: Painter | None = None, strength: float = 1.0) -> CastFace:
    painter: Swapper[Any] = Painter() if swapper is None else swapper
    return CastFace(track, face, painter, None, strength)


def bits(rgb: FloatArray) -> np.ndarray:
    return np.ascontiguousarray(rgb).view(np.uint32)


def check(result: SwapResult, source: Frame) -> None:
    """What holds for every swap."""
    # What a half file says is no matte is untouched too.
    untouched = result.matte.astype(np.float16) == 0.0
    assert np.array_equal(bits(result.frame.rgb)[untouched], bits(source.rgb)[untouched])
    assert result.matte.min() >= 0.0
    assert result.matte.max() <= 1.0
    left = np.ones_like(result.matte)
    for matte in result.track_mattes.values():
        left *= 1.0 - matte
    assert np.allclose(result.matte, 1.0 - left, atol=1e-5)
    assert result.frame.data_window == source.data_window
    assert result.frame.display_window == source.display_window
    assert result.frame.colour_space == source.colour_space
    assert result.frame.number == source.number
    if result.patch is not None:
        assert np.isfinite(result.patch).all()
        assert np.array_equal(result.patch[..., 3], result.matte)
        over = result.patch[..., :3] + source.rgb * (1.0 - result.patch[..., 3:])
        both = np.isfinite(source.rgb) & np.isfinite(result.frame.rgb)
        assert np.allclose(over[both], result.frame.rgb[both], atol=2e-5)


some_face = st.builds(face_at, st.floats(-60.0, 120.0), st.floats(-60.0, 100.0), st.floats(2.0, 50.0))


@given(
    st.integers(0, 100),
    st.lists(
        st.tuples(some_face, st.sampled_from([1.0, 0.7, 1.6]), st.sampled_from([1.0, 0.4, 0.0]), st.booleans()),
        max_size=3,
    ),
    st.sampled_from([0.0, 2.5, -1.5]),
    st.booleans(),
    st.integers(-40, 40),
)
@settings(max_examples=60, deadline=None)
def test_bits_outside_the_mattes_hold(seed: int, wanted: list[Any], expand: float, grain: bool, origin: int) -> None:
    source = frame(plate(seed), x=origin, y=-origin // 2)
    before = source.rgb.copy()
    everyone = [
        cast(track, face, Painter(scale=scale, only_adds=adds), strength)
        for track, (face, scale, strength, adds) in enumerate(wanted)
    ]
    with np.errstate(invalid="ignore", over="ignore"):
        one, two = (
            swap_frame(
                source, order, shot=shot(grain=grain, expand=expand, lighting=Lighting(tint=0.3)), want_patch=True
            )
            for order in (everyone, everyone[::-1])
        )
        check(one, source)
    assert np.array_equal(bits(source.rgb), bits(before))
    # The order they are named in does not matter, and the same call gives the same bits.
    assert np.array_equal(bits(one.frame.rgb), bits(two.frame.rgb))
    assert np.array_equal(one.matte, two.matte)
    assert set(one.track_mattes) == set(range(len(everyone)))


def test_the_face_is_there_and_the_matte_says_so() -> None:
    source = frame(plate(bad=False))
    result = swap_frame(source, [cast(3, face_at(30.0, 22.0, 30.0))], shot=shot(), want_patch=False)
    assert np.array_equal(result.frame.rgb[22, 30], np.array([0.2, 0.5, 0.8], np.float32))
    assert result.matte[22, 30] == 1.0
    assert result.matte[2, 2] == 0.0
    assert result.patch is None
    assert np.array_equal(result.track_mattes[3], result.matte)
    check(result, source)


def test_strength_nothing_leaves_the_plate_and_half_is_half_way() -> None:
    source = frame(plate())
    face = face_at(30.0, 22.0, 30.0)
    none = swap_frame(source, [cast(0, face, strength=0.0)], shot=shot(grain=True), want_patch=True)
    assert np.array_equal(bits(none.frame.rgb), bits(source.rgb))
    assert none.matte.max() == 0.0
    clean = frame(plate(bad=False))
    half, whole = (
        swap_frame(clean, [cast(0, face, strength=s)], shot=shot(), want_patch=False).frame.rgb for s in (0.5, 1.0)
    )
    assert np.allclose(half, 0.5 * (clean.rgb + whole), atol=1e-5)


def test_what_no_written_matte_could_hold_is_not_done() -> None:
    rgb = plate(bad=False)
    rgb[..., 2] = -0.0
    source = frame(rgb)
    for strength, changed in ((1e-9, False), (1e-5, False), (1e-3, True)):
        result = swap_frame(
            source, [cast(1, face_at(30.0, 22.0, 30.0), strength=strength)], shot=shot(), want_patch=True
        )
        check(result, source)
        assert bool((bits(result.frame.rgb) != bits(rgb)).any()) is changed
        assert bool(result.matte.any()) is changed


def test_nobody_cast_is_the_plate() -> None:
    source = frame(plate())
    result = swap_frame(source, [], shot=shot(), want_patch=True)
    assert np.array_equal(bits(result.frame.rgb), bits(source.rgb))
    assert result.patch is not None
    assert not result.patch.any()


def test_nearer_faces_lie_over_farther_ones() -> None:
    far, near = face_at(26.0, 22.0, 20.0), face_at(32.0, 22.0, 36.0)
    red, green = Painter(colour=(1.0, 0.0, 0.0)), Painter(colour=(0.0, 1.0, 0.0))
    everyone = [cast(0, near, green), cast(1, far, red)]
    result = swap_frame(frame(plate(bad=False)), everyone, shot=shot(), want_patch=False)
    assert np.array_equal(result.frame.rgb[22, 26], np.array([0.0, 1.0, 0.0], np.float32))
    assert result.track_mattes[1][22, 26] == 1.0


def test_the_data_window_s_place_does_not_matter() -> None:
    rgb = plate()
    there = swap_frame(frame(rgb), [cast(0, face_at(50.0, 10.0, 30.0))], shot=shot(grain=True), want_patch=False)
    moved = frame(rgb, x=-17, y=23)
    here = swap_frame(moved, [cast(0, face_at(33.0, 33.0, 30.0))], shot=shot(grain=True), want_patch=False)
    # Landmarks round differently at other places; nothing else may differ.
    assert np.allclose(there.frame.rgb, here.frame.rgb, atol=1e-4, equal_nan=True)
    assert np.allclose(there.matte, here.matte, atol=1e-5)


def test_light_settings_grade_the_face_alone() -> None:
    source = frame(plate(bad=False))
    face = face_at(30.0, 22.0, 30.0)
    plain, lit, warm = (
        swap_frame(source, [cast(0, face)], shot=shot(lighting=lighting), want_patch=False)
        for lighting in (Lighting(), Lighting(exposure_stops=2.0), Lighting(temperature_mired=60.0))
    )
    solid = plain.matte >= 1.0
    assert np.allclose(lit.frame.rgb[solid], 4.0 * plain.frame.rgb[solid])
    ratio = warm.frame.rgb[22, 30] / plain.frame.rgb[22, 30]
    assert ratio[0] > 1.0 > ratio[2]
    for result in (lit, warm):
        check(result, source)
        assert np.array_equal(result.matte, plain.matte)


def test_light_settings_are_of_rec709_in_a_plate_of_other_primaries() -> None:
    config, face = load_config(), face_at(30.0, 22.0, 30.0)
    to_709 = config.matrix(source="ACEScg", destination=LINEAR_REC709)
    lighting = Lighting(temperature_mired=60.0, tint=0.2)
    in_709 = np.array([0.3, 0.5, 0.7])
    colour = np.linalg.inv(to_709) @ in_709
    one = replace(cast(0, face, Painter(colour=(colour[0], colour[1], colour[2]))), to_rec709=to_709)
    result = swap_frame(frame(plate(bad=False)), [one], shot=shot(lighting=lighting), want_patch=False)
    wanted = in_709 * light_gain(exposure_stops=0.0, temperature_mired=60.0, tint=0.2)
    assert np.allclose(to_709 @ result.frame.rgb[22, 30], wanted, rtol=1e-5)


def test_a_grown_matte_shows_the_face_as_lit_and_a_shrunk_one_less_of_it() -> None:
    source = frame(plate(bad=False))
    face = face_at(30.0, 22.0, 30.0)
    results = {
        pixels: swap_frame(
            source, [cast(0, face)], shot=shot(expand=pixels, lighting=Lighting(exposure_stops=2.0)), want_patch=False
        )
        for pixels in (-3.0, 0.0, 7.0)
    }
    areas = {pixels: float(result.matte.sum()) for pixels, result in results.items()}
    assert areas[-3.0] < areas[0.0] < areas[7.0]
    grown = results[7.0]
    # No ring around the face that the shot's light forgot.
    assert np.allclose(grown.frame.rgb[grown.matte >= 1.0], np.array([0.8, 2.0, 3.2], np.float32), rtol=1e-5)


def test_resampled_crops_go_by_what_changed() -> None:
    noise = np.random.default_rng(0).normal(0.5, 0.03, (HEIGHT, WIDTH, 3)).astype(np.float32)
    source = frame(noise)
    face = face_at(30.0, 22.0, 30.0)
    result = swap_frame(source, [cast(0, face, Painter(scale=0.6, only_adds=True))], shot=shot(), want_patch=True)
    solid = result.matte >= 1.0
    assert solid.sum() > 100
    # The plate's own pixels, noise and all, plus what was added: not their resampled ghosts.
    change = result.frame.rgb[solid] - source.rgb[solid]
    assert np.allclose(change, np.array([0.2, 0.5, 0.8], np.float32), atol=1e-3)
    check(result, source)


@dataclass
class Pasted:
    """A swapper that lays a whole picture on the crop, its matte under 1 by rounding."""

    picture: FloatArray
    matte: FloatArray
    id: str = "pasted"

    def prepare(self, identity: Identity, *, colour_space: str, performer: FloatArray | None = None) -> None:
        raise AssertionError("a frame's swap prepares nothing")

    def warp_for(self, face: Face, /) -> Warp:
        return Warp(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), *self.matte.shape[::-1])

    def swap(self, crop: Crop, face: Face, prepared: None, /) -> Crop:
        return Crop(self.picture, self.matte * np.float32(0.99999994), crop.warp, crop.colour_space)


@pytest.mark.parametrize("blur", [MotionBlur(0.0, 0.0), MotionBlur(14.0, 30.0)])
def test_a_face_moves_as_the_plate_does(blur: MotionBlur) -> None:
    performer, matte = likeness(260, seed=0)
    identity, _ = likeness(260, seed=5)
    source = frame(blur_along(performer, blur))
    one = CastFace(0, face_at(130.0, 130.0, 200.0), Pasted(identity, matte), None, 1.0)
    result = swap_frame(source, [one], shot=shot(), want_patch=True)
    check(result, source)
    lost = measure_motion_blur(result.frame.rgb, identity, matte)
    assert lost.length_pixels == pytest.approx(blur.length_pixels, rel=0.15)
    if blur.length_pixels == 0.0:
        assert np.allclose(result.frame.rgb[matte >= 1.0], identity[matte >= 1.0], rtol=1e-4)
    else:
        # The matte's edge moves too: it is as soft as the motion is long.
        assert (result.matte[matte == 0.0] > 0.1).any()


@dataclass
class Turned(Pasted):
    """The same with a crop of the picture lying on its side, at half the plate's size."""

    def warp_for(self, face: Face, /) -> Warp:
        return Warp(np.array([[0.0, 0.5, 0.0], [-0.5, 0.0, 299.5]]), *self.matte.shape[::-1])


def test_the_track_s_way_is_told_in_the_crop_s_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, matte = likeness(300, seed=0)
    told: list[Travel | None] = []

    def listen(spectra: Spectra, *, travel: Travel | None) -> MotionBlur:
        told.append(travel)
        return MotionBlur(0.0, 0.0)

    monkeypatch.setattr("vfx_swap.pipeline.camera_match.find_blur", listen)
    face = face_at(300.0, 300.0, 400.0)
    source = frame(np.full((600, 600, 3), 0.2, np.float32))
    for travel in (Travel(20.0, 6.0), None):
        one = CastFace(0, face, Turned(picture, matte), None, 1.0, travel=travel)
        swap_frame(source, [one], shot=shot(), want_patch=False)
    assert told[0] is not None
    assert (told[0].x_pixels, told[0].y_pixels) == pytest.approx((3.0, -10.0))
    assert told[1] is None


def grainy(seed: int, strength: float) -> FloatArray:
    noise = np.random.default_rng(seed).normal(0.0, strength, (160, 160, 3))
    return np.asarray((0.6 + noise) ** 2, dtype=np.float32)


def test_grain_is_the_plate_s_and_seeded_by_shot_frame_and_track() -> None:
    rgb = grainy(1, 0.02)
    face = face_at(80.0, 80.0, 130.0)

    def swapped(*, name: str = "sh0010", number: int = 1, track: int = 0, grain: bool = True) -> FloatArray:
        painter = Painter(colour=(0.36, 0.36, 0.36))
        source = frame(rgb, number=number)
        result = swap_frame(source, [cast(track, face, painter)], shot=shot(name=name, grain=grain), want_patch=False)
        return np.asarray(np.sqrt(result.frame.rgb[60:100, 60:100]), dtype=np.float32)

    one = swapped()
    assert np.array_equal(one, swapped())
    assert float(one.std()) == pytest.approx(0.02, rel=0.2)
    assert swapped(grain=False).std() == pytest.approx(0.0, abs=1e-6)
    for other in (swapped(name="sh0020"), swapped(number=2), swapped(track=1)):
        assert abs(float(np.corrcoef(one.ravel(), other.ravel())[0, 1])) < 0.1


def test_grain_and_light_keep_black_and_untouched_pixels() -> None:
    rgb = grainy(2, 0.02)
    rgb[:, 100:] = np.nan
    source = frame(rgb)
    result = swap_frame(source, [cast(0, face_at(80.0, 80.0, 130.0))], shot=shot(grain=True), want_patch=True)
    check(result, source)
    assert np.isfinite(result.frame.rgb[result.matte >= 1.0]).all()


@pytest.mark.parametrize("shift", [(0, 0), (-230, 0), (300, 20), (0, -130), (0, 410), (4000, 0)])
def test_the_real_swapper_keeps_every_bit_it_does_not_own(shift: tuple[int, int]) -> None:
    sitter, mesh = faces.collins(), faces.canonical_mesh()
    identity = faces.identity_of(sitter, build_texture([sitter.reference], mesh=mesh, size=128))
    swapper = ReprojectionSwapper(mesh=mesh, config=load_config(), options=ReprojectionOptions(reshape=0.5))
    prepared = swapper.prepare(identity, colour_space=LINEAR_REC709, performer=sitter.points)
    rgb = np.roll(sitter.rgb, (shift[1] % 512, shift[0] % 512), axis=(0, 1)).copy()
    rgb[::37, ::41], rgb[::43, ::29] = np.nan, np.inf
    source = faces.frame_of(rgb, x=-40, y=25)
    face = sitter.face(shift=(shift[0] - 40.0, shift[1] + 25.0))
    with np.errstate(invalid="ignore"):
        results = [
            swap_frame(source, [CastFace(0, face, swapper, prepared, 0.9)], shot=shot(grain=True), want_patch=True)
            for _ in range(2 if shift == (0, 0) else 1)
        ]
        check(results[0], source)
    assert results[0].matte.max() > 0.85 or shift != (0, 0)
    assert np.array_equal(bits(results[0].frame.rgb), bits(results[-1].frame.rgb))
