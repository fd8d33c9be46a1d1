"""The light of a shot as keys and HDRIs, and one frame of it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.models import faces
from tests.pipeline.shot_fakes import TODAY, make_shot, tools
from tests.pipeline.test_face_lights import track
from vfx_swap.colour.ocio import load_config
from vfx_swap.errors import FrameRangeError, UsageError
from vfx_swap.io.read import read_picture
from vfx_swap.light.harmonics import HarmonicLight
from vfx_swap.light.relight import Lamp, direction_of, environment_of, lamp_light
from vfx_swap.models.face_light import FaceSurface
from vfx_swap.pipeline.light_track import ALBEDO, LightFrame, key_frames, latlong_of, light_over
from vfx_swap.pipeline.relight import open_environment
from vfx_swap.pipeline.shot_light import LIGHT_SCHEMA, ShotLight, preview_light, write_light


@cache
def surface() -> FaceSurface:
    return FaceSurface(faces.canonical_mesh())


def lit(azimuth: float, *, warm: float = 0.0) -> HarmonicLight:
    """What a fit makes of a lamp beside even light: its part of order 2, on grey skin."""
    x, y, z = (float(one) for one in direction_of(azimuth, 15.0))
    bright = np.array([0.35 + 0.1, 0.5 * x, 0.5 * y, 0.5 * z, 0.9375 * x * y, 0.9375 * y * z, 0.9375 * z * x, 0, 0])
    bright[7:] = 0.3125 * 1.5 * (x * x - y * y) / 2.0, 0.3125 * (3.0 * z * z - 1.0) / 4.0
    colour = np.zeros((4, 3), np.float32)
    colour[0], colour[1] = 1.0, np.array([warm, 0.0, -warm]) * np.sign(x)
    return HarmonicLight(0.4 * bright.astype(np.float32), colour, 0.2)


def frame(number: int, **values: Any) -> LightFrame:
    plain: dict[str, Any] = {
        "azimuth_degrees": 10.0, "elevation_degrees": 20.0, "intensity": 1.5, "colour": (1.0, 1.0, 1.0), "even": 0.2,
        "mean": (0.3, 0.2, 0.15),
    }  # fmt: skip
    return LightFrame(frame=number, **{**plain, **values})


def test_a_lamp_that_moves_is_found_in_every_frame() -> None:
    numbers = range(1001, 1010)
    angles = dict(zip(numbers, np.linspace(-50.0, 50.0, 9), strict=True))
    found = light_over(track(numbers), {n: lit(float(a)) for n, a in angles.items()}, surface=surface())
    assert [one.frame for one in found] == list(numbers)
    for one in found:
        assert one.azimuth_degrees == pytest.approx(angles[one.frame], abs=12.0)
        assert one.elevation_degrees == pytest.approx(15.0, abs=10.0)
        assert one.mean == pytest.approx((0.2, 0.2, 0.2), rel=1e-3)


def test_the_key_has_the_colour_of_its_side() -> None:
    [one] = light_over(track(range(1, 2)), {1: lit(50.0, warm=0.3)}, surface=surface())
    assert one.colour[0] > 1.1
    assert one.colour[2] < 0.9


def test_a_still_light_needs_one_key_and_a_sweep_two() -> None:
    assert [one.frame for one in key_frames([frame(n) for n in range(1, 30)])] == [1]
    assert [one.frame for one in key_frames([frame(n, azimuth_degrees=3.0 * n) for n in range(1, 30)])] == [1, 29]
    switched = [frame(n, intensity=0.5 if n < 15 else 2.0) for n in range(1, 30)]
    assert [one.frame for one in key_frames(switched)] == [1, 14, 15, 29]
    assert len(key_frames([frame(1), frame(2)])) == 1
    assert key_frames([]) == []


def test_an_hdri_lights_as_the_key_and_the_even_light_do() -> None:
    one = frame(1, azimuth_degrees=-40.0, colour=(1.2, 1.0, 0.7))
    picture = latlong_of(one, height=128)
    normals = np.stack([direction_of(a, e) for a in range(-80, 90, 20) for e in (-20, 10, 40)])
    from_picture = environment_of(picture).light(normals, rotation_degrees=0.0)
    lamp = Lamp(direction_of(-40.0, 20.0), np.array([1.8, 1.5, 1.05], np.float32), 0.2)
    wanted = lamp_light(lamp, normals) + 0.2
    ratio = from_picture[:, 1] / wanted[:, 1]
    assert float(np.abs(ratio / np.median(ratio) - 1.0)[wanted[:, 1] > 0.4].max()) < 0.22
    assert float(normals[int(from_picture[:, 1].argmax())] @ direction_of(-40.0, 20.0)) > 0.93


def test_skin_under_the_hdri_is_as_bright_as_in_the_plate() -> None:
    one = frame(1, intensity=0.0, even=1.0)
    picture = latlong_of(one, height=32)
    luma = np.array([0.2126, 0.7152, 0.0722])
    assert float((picture @ luma).mean()) * ALBEDO == pytest.approx(float(np.array(one.mean) @ luma), rel=0.2)


def a_light() -> ShotLight:
    frames = tuple(frame(n, azimuth_degrees=5.0 * n) for n in range(1, 6))
    return ShotLight("sh0010", track(range(1, 6)), frames, {n: lit(5.0 * n) for n in range(1, 6)})


def test_json_has_its_schema_the_keys_and_what_was_solved(tmp_path: Path) -> None:
    assert write_light(a_light(), tmp_path / "light.json") == (tmp_path / "light.json",)
    told = json.loads((tmp_path / "light.json").read_text(encoding="utf-8"))
    assert told["schema"] == LIGHT_SCHEMA
    assert told["frames"] == [1, 5]
    [key] = told["lights"]
    assert [one["frame"] for one in key["keys"]] == [1, 5]
    assert key["keys"][1]["azimuth_degrees"] == 25.0
    assert len(told["harmonics"]) == 5
    assert len(told["harmonics"][0]["brightness"]) == 9


def test_an_hdri_of_a_frame_and_of_every_frame(tmp_path: Path) -> None:
    [one] = write_light(a_light(), tmp_path / "light.exr", frame=2)
    picture = read_picture(one)
    assert picture.rgb(None).shape == (256, 512, 3)
    # What is written can be an environment of a shot.
    assert open_environment(str(one), config=load_config()).radiance.shape == (32, 64, 3)
    every = write_light(a_light(), tmp_path / "light.####.exr")
    assert [path.name for path in every] == [f"light.{n:04d}.exr" for n in range(1, 6)]


def test_what_is_no_light_file_or_frame_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"not '\.png'"):
        write_light(a_light(), tmp_path / "light.png")
    with pytest.raises(UsageError, match="no light is known in frame 9"):
        write_light(a_light(), tmp_path / "light.exr", frame=9)


def test_a_frame_without_light_is_left_out() -> None:
    lights = {1: lit(10.0), 3: lit(10.0)}
    assert [one.frame for one in light_over(track(range(1, 4)), lights, surface=surface())] == [1, 3]
    assert light_over(track(range(1, 4)), {}, surface=surface()) == []


def test_a_preview_shows_plate_and_swap_of_one_frame(tmp_path: Path) -> None:
    shot = make_shot(tmp_path)
    out = preview_light(shot, 2, tmp_path / "look.png", today=TODAY, tools=tools())
    shown = read_picture(out).rgb(None)
    width = shown.shape[1] // 2
    changed = np.abs(shown[:, :width] - shown[:, width:]).max(axis=2) > 0.05
    assert 0.02 < changed.mean() < 0.9
    with pytest.raises(UsageError, match=r"not '\.exr'"):
        preview_light(shot, 2, tmp_path / "look.exr", today=TODAY, tools=tools())
    with pytest.raises(FrameRangeError):
        preview_light(shot, 77, tmp_path / "look.png", today=TODAY, tools=tools())
