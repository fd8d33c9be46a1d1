"""The plate's light over a track: read, smoothed without lag, kept with the tracks."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tests.models import faces
from vfx_swap.colour.ocio import LINEAR_REC709, load_config
from vfx_swap.errors import FrameFailure, TracksError
from vfx_swap.light.harmonics import HarmonicLight
from vfx_swap.models.face_light import FaceSurface
from vfx_swap.models.reprojection.swapper import ReprojectionOptions, ReprojectionSwapper
from vfx_swap.models.reprojection.texture import build_texture
from vfx_swap.pipeline.face_lights import light_row, read_lights, rounded_light, smooth_lights
from vfx_swap.pipeline.swap import CastFace, swap_frame
from vfx_swap.pipeline.tracks_file import Tracks, load_tracks, rounded_track, save_tracks
from vfx_swap.settings import Cast, Grain, Shot
from vfx_swap.types import Embedding, Frame, Front, Track


@cache
def surface() -> FaceSurface:
    return FaceSurface(faces.canonical_mesh())


def track(numbers: range, *, confidence: float = 1.0) -> Track:
    sitter = faces.collins()
    found = {number: replace(sitter.face(frame=number), confidence=confidence) for number in numbers}
    return rounded_track(Track(1, found, Embedding("a", np.ones(4, np.float32))))


def light(level: float, *, side: float = 0.0) -> HarmonicLight:
    brightness = np.zeros(9, np.float32)
    brightness[:2] = level, side * level
    return HarmonicLight(brightness, np.ones((4, 3), np.float32) * np.array([[1], [0], [0], [0]], np.float32), level)


def test_light_is_read_off_the_skin_and_scales_with_it() -> None:
    rgb, config = faces.collins().rgb, load_config()
    frames: list[Frame | FrameFailure]
    frames = [faces.frame_of(rgb, number=1), faces.frame_of(2.0 * rgb, number=2), FrameFailure(3, "gone")]
    found = read_lights([track(range(1, 5))], frames, surface=surface(), config=config)[1]
    assert sorted(found) == [1, 2]
    assert found[2].mean == pytest.approx(2.0 * found[1].mean, rel=0.02)
    assert np.allclose(found[2].colour, found[1].colour, atol=0.02)


def test_a_plate_in_other_primaries_has_the_same_light() -> None:
    config = load_config()
    matrix = config.matrix(source=LINEAR_REC709, destination="ACEScg")
    plain = faces.frame_of(faces.collins().rgb)
    wide = replace(plain, rgb=np.asarray(plain.rgb @ matrix.T, np.float32), colour_space="ACEScg")
    one, other = (read_lights([track(range(1, 2))], [f], surface=surface(), config=config)[1][1] for f in (plain, wide))
    assert np.allclose(one.brightness, other.brightness, rtol=0.02, atol=1e-3)
    assert np.allclose(one.colour, other.colour, atol=0.02)


def test_a_hand_of_skin_s_colour_is_no_light_on_the_face() -> None:
    sitter, config = faces.collins(), load_config()
    plain = read_lights([track(range(1, 2))], [faces.frame_of(sitter.rgb)], surface=surface(), config=config)[1][1]
    points = sitter.points[:468, :2]
    left, top = points.min(axis=0)
    middle, bottom = points[:, 0].mean(), points[:, 1].max()
    rgb = sitter.rgb.copy()
    rgb[int(top) : int(bottom), int(left) : int(middle)] *= 3.0
    matte = np.full((int(bottom - top), int(middle - left)), 255, np.uint8)
    front = Front(left=float(int(left)), top=float(int(top)), step=1.0, mattes={"hand": matte})
    known = track(range(1, 2))
    behind = replace(known, faces={1: replace(known.faces[1], front=front)})
    wrong = read_lights([known], [faces.frame_of(rgb)], surface=surface(), config=config)[1][1]
    right = read_lights([behind], [faces.frame_of(rgb)], surface=surface(), config=config)[1][1]
    assert wrong.mean > 1.25 * plain.mean
    assert right.mean == pytest.approx(plain.mean, rel=0.15)


def test_noise_goes_and_a_moving_light_stays() -> None:
    numbers = range(1001, 1049)
    noise = np.random.default_rng(5).normal(0.0, 0.02, (len(numbers), 9)).astype(np.float32)
    moving = {number: light(0.3 + 0.004 * index, side=0.4) for index, number in enumerate(numbers)}
    raw = {
        number: replace(one, brightness=one.brightness + 0.3 * noise[index])
        for index, (number, one) in enumerate(moving.items())
    }
    smooth = smooth_lights(track(numbers), raw, cuts=())
    before = np.array([raw[n].brightness - moving[n].brightness for n in numbers])
    after = np.array([smooth[n].brightness - moving[n].brightness for n in numbers])
    assert after.std() < 0.5 * before.std()
    # Zero-phase: it does not lag behind the ramp, which climbs by 0.004 a frame.
    assert abs(after[8:-8, 0].mean() - before[8:-8, 0].mean()) < 0.002


def test_a_switched_light_stays_a_switch_and_nothing_is_smoothed_across_a_cut() -> None:
    numbers = range(1, 41)
    noise = np.random.default_rng(6).normal(0.0, 0.004, 40)
    raw = {n: light((0.2 if n < 21 else 0.8) * (1.0 + noise[n - 1])) for n in numbers}
    smooth = smooth_lights(track(numbers), raw, cuts=())
    assert smooth[20].mean < 0.25
    assert smooth[21].mean > 0.7
    cut = smooth_lights(track(numbers), raw, cuts=(21,))
    assert cut[20].mean == pytest.approx(0.2, rel=0.02)
    assert cut[21].mean == pytest.approx(0.8, rel=0.02)


def test_a_frame_that_shows_no_skin_lies_between_its_neighbours() -> None:
    numbers = range(1, 12)
    raw = {n: light(0.1 * n) for n in numbers if n not in (5, 6)}
    smooth = smooth_lights(track(numbers), raw, cuts=())
    assert smooth[5].mean == pytest.approx(0.5, rel=0.03)
    assert sorted(smooth) == list(numbers)
    assert smooth_lights(track(numbers), {}, cuts=()) == {}


def test_lights_come_back_from_the_tracks_file_with_the_same_bits(tmp_path: Path) -> None:
    lit = {n: rounded_light(light(0.123456789 * n, side=0.3)) for n in (1, 2)}
    made = Tracks((track(range(1, 4)),), (1, 2, 3), lights={1: lit})
    save_tracks(made, tmp_path / "a.tracks.json")
    read = load_tracks(tmp_path / "a.tracks.json")
    assert not read.edited
    assert sorted(read.lights[1]) == [1, 2]
    for number, one in lit.items():
        assert np.array_equal(read.lights[1][number].brightness, one.brightness)
        assert np.array_equal(read.lights[1][number].colour, one.colour)
        assert read.lights[1][number].mean == one.mean
        assert light_row(read.lights[1][number]) == light_row(one)


@pytest.mark.parametrize("bad", ['{"mean": 0}', "3", '{"mean": 1, "brightness": [1], "colour": [[1, 1, 1]]}'])
def test_a_light_that_is_none_is_named_with_its_frame(tmp_path: Path, bad: str) -> None:
    path = tmp_path / "a.tracks.json"
    save_tracks(Tracks((track(range(1, 3)),), (1, 2)), path)
    text = path.read_text(encoding="utf-8").replace('"frame": 2,', f'"frame": 2, "light": {bad},')
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TracksError, match="light") as caught:
        load_tracks(path)
    assert "track 1, frame 2" in str(caught.value)


def test_the_default_engine_lights_by_the_track_s_light() -> None:
    sitter, mesh, config = faces.collins(), faces.canonical_mesh(), load_config()
    identity = faces.identity_of(sitter, build_texture([sitter.reference], mesh=mesh, size=128))
    swapper = ReprojectionSwapper(mesh=mesh, config=config, options=ReprojectionOptions())
    prepared = swapper.prepare(identity, colour_space=LINEAR_REC709)
    frame = faces.frame_of(sitter.rgb)
    [known] = read_lights([track(range(1, 2))], [frame], surface=surface(), config=config)[1].values()
    dimmer = replace(known, brightness=0.7 * known.brightness, mean=0.7 * known.mean)

    def swapped(one: ReprojectionSwapper) -> tuple[Frame, np.ndarray]:
        shot = Shot(name="a", plate="p", output="o", cast=(Cast(identity="i", track=1),), grain=Grain(match="none"))
        result = swap_frame(frame, [CastFace(1, sitter.face(), one, prepared, 1.0)], shot=shot, want_patch=False)
        return result.frame, result.matte >= 1.0

    plain, solid = swapped(swapper)
    same, _ = swapped(swapper.under({1: known}))
    dim, _ = swapped(swapper.under({1: dimmer}))
    elsewhere, _ = swapped(swapper.under({2: dimmer}))
    assert np.abs(np.log(same.rgb[solid].sum(1) / plain.rgb[solid].sum(1))).mean() < 0.05
    assert float(dim.rgb[solid].mean() / same.rgb[solid].mean()) < 0.95
    assert np.array_equal(elsewhere.rgb, plain.rgb)
