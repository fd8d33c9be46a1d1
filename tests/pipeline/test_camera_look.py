"""Shutter, focus and grain of plates whose camera is known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.models import faces
from vfx_swap.arrays import FloatArray
from vfx_swap.comp.motion import NONE, MotionBlur, Travel, blur_along, compare_detail
from vfx_swap.errors import TracksError
from vfx_swap.models.kernels import NUMPY
from vfx_swap.pipeline.camera_file import camera_from_value, camera_value
from vfx_swap.pipeline.camera_knock import lacking_of
from vfx_swap.pipeline.camera_look import CameraLook, read_camera, travel_of
from vfx_swap.pipeline.camera_match import FaceCamera, as_the_camera_saw, lacking, shutter_blur
from vfx_swap.settings import Focus, Motion
from vfx_swap.types import Crop, Embedding, Frame, Track, Warp, Window

COUNT = 12
GRAIN = 0.01


def _places(speed: float) -> FloatArray:
    """(frames,) pixels to the right of a head that stands, goes, and stands again."""
    steps = speed * np.clip(np.minimum(np.arange(COUNT) - 2, COUNT - 2 - np.arange(COUNT)), 0, 3) / 3.0
    return np.asarray(np.cumsum(steps), dtype=np.float32)


def _plate(
    places: FloatArray,
    *,
    shutter: float = 0.0,
    focus: FloatArray | None = None,
    knocked: int = -1,
    grain: float = GRAIN,
) -> Iterator[Frame]:
    """The portrait at twice its size, moved, blurred as told, with new grain in every frame."""
    portrait = cv2.resize(faces.collins().rgb, None, fx=2.0, fy=2.0, interpolation=cv2.INTER_CUBIC)
    for index in range(COUNT):
        moved = cv2.warpAffine(
            portrait, np.array([[1.0, 0.0, places[index]], [0.0, 1.0, 0.0]]), portrait.shape[1::-1],
            flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip
        speed = 0.5 * float(places[min(index + 1, COUNT - 1)] - places[max(index - 1, 0)])
        rgb = blur_along(np.asarray(np.maximum(moved, 0.0), np.float32), MotionBlur(shutter * speed, 0.0))
        if index == knocked:
            rgb = blur_along(rgb, MotionBlur(14.0, 90.0))
        if focus is not None and focus[index] > 0.0:
            rgb = np.asarray(cv2.GaussianBlur(rgb, (0, 0), float(focus[index])), dtype=np.float32)
        root = np.sqrt(np.maximum(rgb, 0.0)) + np.random.default_rng(index).normal(0.0, grain, rgb.shape)
        window = Window(0, 0, rgb.shape[1], rgb.shape[0])
        yield Frame(index + 1, np.asarray(np.maximum(root, 0.0) ** 2, np.float32), window, window, "lin_rec709_scene")


def _track(places: FloatArray) -> Track:
    sitter = faces.collins()
    found = {n + 1: sitter.face(scale=2.0, shift=(float(places[n]), 0.0), frame=n + 1) for n in range(COUNT)}
    return Track(1, found, Embedding("fake", np.ones(4, np.float32)))


def _look(places: FloatArray, *, cuts: tuple[int, ...] = (), **how: object) -> CameraLook:
    track, numbers = _track(places), tuple(range(1, COUNT + 1))
    return read_camera((track,), _plate(places, **how), numbers=numbers, cuts=cuts)  # type: ignore[arg-type]


@pytest.mark.parametrize("shutter", [0.5, 0.75])
def test_a_shutter_is_found_to_a_tenth_from_motion_along_the_track(shutter: float) -> None:
    found = _look(_places(16.0), shutter=shutter).shutter
    assert found == pytest.approx(shutter, abs=0.1)


def test_a_shot_without_motion_blur_has_no_shutter_and_one_knocked_frame_does_not_make_one() -> None:
    assert _look(_places(16.0), shutter=0.0).shutter == 0.0
    assert _look(_places(16.0), shutter=0.0, knocked=5).shutter == 0.0


def _swing() -> FloatArray:
    """(frames,) pixels to the right: there, and back from the sixth frame on, in which the face stands."""
    return np.asarray(4.0 * (5.0 - np.abs(np.arange(COUNT) - 5.0)), dtype=np.float32)


def test_a_knock_is_found_in_the_stillest_frame_of_all_and_in_no_other() -> None:
    look = _look(_swing(), knocked=5)
    knock = look.knock[1]
    assert sorted(knock) == list(range(1, COUNT + 1))
    assert knock[6].length_pixels == pytest.approx(14.0, rel=0.25)
    assert knock[6].angle_degrees == pytest.approx(90.0, abs=8.0)
    assert [knock[number].length_pixels for number in knock if number != 6] == [0.0] * (COUNT - 1)
    # The frame that all are compared with is a sharp one: the others are in focus.
    assert max(lost for number, lost in look.focus[1].items() if number != 6) < 0.6


def test_a_shutter_is_no_knock_and_a_knock_is_found_beside_it() -> None:
    calm = _look(_places(16.0), shutter=0.5).knock[1]
    assert max(blur.length_pixels for blur in calm.values()) < 1.0
    knock = _look(_places(16.0), shutter=0.5, knocked=5).knock[1]
    assert knock[6].length_pixels == pytest.approx(14.0, rel=0.3)
    assert knock[6].angle_degrees == pytest.approx(90.0, abs=12.0)
    assert max(blur.length_pixels for number, blur in knock.items() if number != 6) < 1.0


def test_of_a_face_seen_once_no_knock_is_known() -> None:
    track = _track(_places(0.0))
    alone = Track(1, {3: track.faces[3]}, track.embedding)
    look = read_camera((alone,), list(_plate(_places(0.0), knocked=2))[2:3], numbers=(3,), cuts=())
    assert look.knock == {1: {}}


@pytest.mark.parametrize(("answered", "share"), [(0.0, 1.0), (14.0, 0.0)])
def test_a_swap_gets_what_it_lacks_of_a_knock(answered: float, share: float) -> None:
    known = MotionBlur(14.0, 90.0)
    sharp = next(_plate(_places(0.0), grain=0.0)).rgb
    plate, swap = blur_along(sharp, known), blur_along(sharp, MotionBlur(answered, 90.0))
    lacking_now = lacking_of(compare_detail(plate, swap, np.ones(sharp.shape[:2], np.float32)), known)
    assert lacking_now.angle_degrees == 90.0
    assert lacking_now.length_pixels / 14.0 == pytest.approx(share, abs=0.12)
    assert lacking_of(None, known) == known


@pytest.mark.parametrize(("softer", "blurred"), [(0.8, False), (2.5, True)])
def test_a_small_face_s_swap_is_blurred_by_a_soft_plate_and_not_by_its_sampling(softer: float, blurred: bool) -> None:
    sharp = next(_plate(_places(0.0), grain=0.0)).rgb
    warp = Warp(np.eye(2, 3), sharp.shape[1], sharp.shape[0])
    alpha = np.ones(sharp.shape[:2], np.float32)
    before = Crop(cv2.GaussianBlur(sharp, (0, 0), softer), alpha, warp, "lin_rec709_scene")
    seen = as_the_camera_saw(
        before, Crop(sharp, alpha, warp, "lin_rec709_scene"), NUMPY, camera=FaceCamera(knock=NONE), travel=None,
        motion=Motion(), focus=Focus(), height=100.0,
    )  # fmt: skip
    assert (not np.array_equal(seen.rgb, sharp)) == blurred


def test_a_swap_is_blurred_by_the_knock_that_tracks_tell_and_measured_only_where_they_tell_nothing() -> None:
    sharp = next(_plate(_places(0.0), grain=0.0)).rgb
    warp = Warp(np.eye(2, 3), sharp.shape[1], sharp.shape[0])
    alpha = np.ones(sharp.shape[:2], np.float32)
    before = Crop(blur_along(sharp, MotionBlur(14.0, 90.0)), alpha, warp, "lin_rec709_scene")
    after = Crop(sharp, alpha, warp, "lin_rec709_scene")

    def seen(knock: MotionBlur | None, motion: Motion = Motion()) -> FloatArray:  # noqa: B008
        found = as_the_camera_saw(
            before, after, NUMPY, camera=FaceCamera(knock=knock), travel=None, motion=motion,
            focus=Focus(match="none"), height=300.0,
        )  # fmt: skip
        return np.asarray(found.rgb)

    def off(rgb: FloatArray) -> float:
        return float(np.abs(rgb - before.rgb).mean())

    assert np.array_equal(seen(NONE), sharp), "tracks say: no knock"
    assert off(seen(MotionBlur(14.0, 90.0))) < 0.1 * off(sharp)
    assert off(seen(None)) < 0.3 * off(sharp), "tracks say nothing: read in the frame"
    assert np.array_equal(seen(MotionBlur(14.0, 90.0), Motion(shutter_degrees=0.0)), sharp)
    assert np.array_equal(seen(MotionBlur(14.0, 90.0), Motion(match="none")), sharp)


def test_of_a_face_that_hardly_moves_nothing_is_known() -> None:
    look = _look(_places(1.0), shutter=0.5)
    assert look.shutter is None
    assert look.blur(Travel(40.0, 0.0)).length_pixels == 0.0


def test_a_pulled_focus_is_found_and_is_continuous() -> None:
    wanted = np.array([0, 0, 0, 0, 0.7, 1.4, 2.1, 2.8, 2.8, 2.8, 2.8, 2.8])
    look = _look(_places(0.0), focus=wanted)
    found = np.sqrt([look.focus[1][number] for number in range(1, COUNT + 1)])
    assert found[:3] == pytest.approx(0.0, abs=0.2)
    assert found[8:] == pytest.approx(2.8, rel=0.2)
    # Never back on the way there, and no leap: a pull of 0.7 a frame, and room for the threshold at which it begins.
    assert np.diff(found).min() > -0.3
    assert np.diff(found).max() < 1.6


def test_a_face_in_focus_all_along_is_in_focus_and_motion_blur_is_no_defocus() -> None:
    look = _look(_places(16.0), shutter=0.5)
    assert max(look.focus[1].values()) < 0.6


def test_nothing_is_smoothed_across_a_cut() -> None:
    wanted = np.array([0.0] * 6 + [2.5] * 6)
    look = _look(_places(0.0), focus=wanted, cuts=(7,))
    found = np.sqrt([look.focus[1][number] for number in range(1, COUNT + 1)])
    assert found[5] < 0.2
    assert found[6] == pytest.approx(2.5, rel=0.2)


def test_grain_is_one_for_the_shot() -> None:
    clean, grain = (_look(_places(2.0), grain=strength).grain for strength in (0.0, 0.03))
    assert clean is not None  # the photograph's own
    assert grain is not None
    added = np.sqrt(grain.strength[4:9] ** 2 - clean.strength[4:9] ** 2)
    assert np.allclose(added, 0.03, rtol=0.2)


def test_blur_goes_with_speed_and_comes_from_nothing() -> None:
    look = CameraLook(shutter=0.5)
    lengths = [look.blur(Travel(2.0 * x, 0.0)).length_pixels for x in np.linspace(0.0, 20.0, 41)]
    assert lengths[0] == 0.0
    assert np.allclose(np.diff(lengths), 0.25)
    turned = look.blur(Travel(-6.0, 8.0))
    assert (turned.length_pixels, turned.angle_degrees) == pytest.approx((2.5, 126.87), abs=0.01)


def test_a_shutter_in_the_settings_stands_above_what_was_measured() -> None:
    camera, way = FaceCamera(blur=MotionBlur(3.0, 0.0)), Travel(0.0, 20.0)
    assert shutter_blur(camera, way, Motion()) == camera.blur
    assert shutter_blur(camera, way, Motion(match="none")).length_pixels == 0.0
    given = shutter_blur(camera, way, Motion(shutter_degrees=360.0))
    assert (given.length_pixels, given.angle_degrees) == (10.0, 90.0)


def test_what_a_swap_lacks_of_softness_is_what_is_known_and_more_only_beyond_doubt() -> None:
    assert lacking(4.0, known=3.0, spare=2.0) == 3.0
    assert lacking(0.5, known=3.0, spare=2.0) == 0.5  # a network that answered softly itself
    assert lacking(-1.0, known=3.0, spare=2.0) == 0.0
    assert lacking(9.0, known=0.0, spare=2.0) == 7.0  # soft in every frame
    values = [lacking(x, known=1.0, spare=2.0) for x in np.linspace(0.0, 8.0, 801)]
    assert np.diff(values).max() < 0.02


def test_tracks_keep_what_was_read_to_the_bit_and_nonsense_is_refused() -> None:
    look = _look(_places(16.0), shutter=0.5, focus=np.linspace(0.0, 3.0, COUNT))
    again = camera_from_value(camera_value(look), where=Path("t.json"))
    assert again.shutter == look.shutter
    assert {frame: lost for frame, lost in look.focus[1].items() if lost > 0.0} == again.focus[1]
    assert look.grain is not None
    assert again.grain is not None
    assert np.array_equal(again.grain.covariance, look.grain.covariance)
    assert again.grain.softness == look.grain.softness
    assert camera_from_value(None, where=Path("t.json")).grain is None
    assert again.knock == look.knock == {1: dict.fromkeys(range(1, COUNT + 1), NONE)}
    knocked = replace(look, knock={1: {3: MotionBlur(12.34, 56.7), 4: NONE}})
    value = json.loads(json.dumps(camera_value(knocked)))
    assert value["knock"] == {"1": {"3": [12.34, 56.7], "4": 0}}
    assert camera_from_value(value, where=Path("t.json")).knock == knocked.knock
    nonsense: list[object] = [
        [], {"shutter": "fast"}, {"focus": {"1": {"x": 2}}}, {"grain": {"levels": [1]}}, {"shutter": -1},
    ]  # fmt: skip
    blurs: list[object] = [1, True, "x", None, [5], [5, 1, 1], [-1, 0], [1, 400], [1, "x"]]
    for wrong in [*nonsense, *({"knock": {"1": {"3": blur}}} for blur in blurs)]:
        with pytest.raises(TracksError, match="camera"):
            camera_from_value(wrong, where=Path("t.json"))


def test_travel_stops_at_a_cut() -> None:
    track = _track(_places(16.0))
    way, before = travel_of(track, 6, cuts=()), travel_of(track, 6, cuts=(6,))
    assert way is not None
    assert before is not None
    assert way.x_pixels > 20.0
    assert before.x_pixels == pytest.approx(2.0 * float(_places(16.0)[6] - _places(16.0)[5]), rel=1e-3)
