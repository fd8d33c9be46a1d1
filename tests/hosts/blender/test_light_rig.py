"""The plate's light as lights of a Blender scene: a grey ball under them is as bright, and where, as the file says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.hosts.blender.blenders import BLENDERS, Blender, blender_of, extension, pixels
from vfx_swap.arrays import FloatArray
from vfx_swap.pipeline.light_track import ALBEDO, SKIN, LightFrame
from vfx_swap.pipeline.shot_light import ShotLight, write_light
from vfx_swap.types import Embedding, Track

LEFT = LightFrame(
    frame=1001, azimuth_degrees=-60.0, elevation_degrees=30.0, intensity=1.2, colour=(1.2, 1.0, 0.8), even=0.25,
    mean=(0.4, 0.25, 0.18),
)  # fmt: skip
RIGHT = replace(LEFT, frame=1011, azimuth_degrees=60.0, elevation_degrees=-10.0, intensity=0.6)


@pytest.fixture(scope="module", params=list(BLENDERS))
def blender(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Blender:
    folder = tmp_path_factory.mktemp("light")
    venv = blender_of(request.param)
    return Blender(venv, extension(folder, venv), "", folder)


def _shot_light(*frames: LightFrame) -> ShotLight:
    track = Track(1, {}, Embedding("fake", np.ones(4, np.float32)))
    return ShotLight(name="sh010", track=track, frames=frames, lights={})


def _ball(path: str) -> tuple[FloatArray, FloatArray]:
    """Colours of the ball's pixels, (n, 3), and their normals in the camera's axes."""
    rgba = pixels(Path(path))
    y, x = np.mgrid[0:48, 0:48]
    across, up = (x - 23.5) / 48 * 2.2, -(y - 23.5) / 48 * 2.2
    inside = np.hypot(across, up) < 0.9
    toward = np.sqrt(np.maximum(1.0 - across**2 - up**2, 0.0))
    return rgba[inside][:, :3].astype(np.float32), np.stack([across, up, toward], axis=-1)[inside].astype(np.float32)


def _expected(light: LightFrame, normals: FloatArray) -> FloatArray:
    """What a ball of the file's albedo shows under a small lamp and even light."""
    azimuth, elevation = np.radians(light.azimuth_degrees), np.radians(light.elevation_degrees)
    toward = [np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation)]
    facing = np.maximum(normals @ np.asarray(toward), 0.0)[:, None]
    found = (light.intensity * facing * np.asarray(light.colour) + light.even) * np.asarray(light.mean) / SKIN
    return np.asarray(found, np.float32)


def _off(path: str, light: LightFrame) -> float:
    shown, normals = _ball(path)
    expected = _expected(light, normals)
    # Where the lamp grazes, its size softens the edge; a small lamp has none.
    return float(np.abs(shown - expected).mean() / expected.mean())


def test_a_ball_under_the_loaded_light_is_as_the_file_says(blender: Blender, tmp_path: Path) -> None:
    light = _shot_light(LEFT, RIGHT)
    write_light(light, tmp_path / "light.json")
    write_light(_shot_light(LEFT), tmp_path / "light.exr", frame=1001)
    series = _shot_light(*(replace(LEFT, frame=frame) for frame in (1001, 1002)), replace(RIGHT, frame=1003))
    write_light(series, tmp_path / "all.####.exr")
    broken = {
        "no.json": "{",
        "other.json": '{"schema": "x"}',
        "half.json": '{"schema": "vfx_swap/light.1"}',
        "a.txt": "",
    }
    for name, text in broken.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    paths = [str(tmp_path / name) for name in (*broken, "none.json", "none.exr")]
    told = blender.run(
        "light_rig",
        light=str(tmp_path / "light.json"),
        hdri=str(tmp_path / "light.exr"),
        series=str(tmp_path / "all.1001.exr"),
        broken=paths,
    )
    for text, word in zip(
        told["broken"],
        ("no JSON", "no light of a shot", "lacks", "neither", "cannot be read", "not there"),
        strict=True,
    ):
        assert word in text
    assert told["untouched"] == ["set", 2]
    assert told["done"] == told["hdri"] == told["series"] == ["FINISHED"]
    assert told["suns"] == ["Vfx Swap Light key"], "loaded twice, there once"
    assert told["worlds"] == told["worlds_after"]
    assert set(told["worlds"]) >= {"set", "Vfx Swap Light"}
    assert told["suns_after"] == [], "the HDRI holds the key too"
    assert told["softness"] == pytest.approx(0.2, abs=1e-3)
    assert _off(told["json"]["1"], LEFT) < 0.06
    assert _off(told["json"]["11"], RIGHT) < 0.06
    assert _off(told["json"]["1"], RIGHT) > 0.3
    [first], [between], [last] = (told["taken"][frame] for frame in ("1", "6", "11"))
    assert (first["azimuth_degrees"], first["elevation_degrees"]) == pytest.approx((-60.0, 30.0), abs=0.1)
    assert (last["azimuth_degrees"], last["elevation_degrees"]) == pytest.approx((60.0, -10.0), abs=0.1)
    assert (between["azimuth_degrees"], between["elevation_degrees"]) == pytest.approx((0.0, 10.0), abs=0.1)
    assert _off(told["exr"], LEFT) < 0.08
    assert [_off(told["moved"][frame], LEFT) < 0.08 for frame in ("1", "3", "5")] == [True] * 3, (
        "it turns with the camera"
    )
    assert _off(told["series_exr"]["1"], LEFT) < 0.08
    assert _off(told["series_exr"]["3"], RIGHT) < 0.08
    assert "no camera" in told["no_camera"]


def test_the_albedo_of_the_ball_is_the_file_s(tmp_path: Path) -> None:
    write_light(_shot_light(LEFT, RIGHT), tmp_path / "light.json")
    value = json.loads((tmp_path / "light.json").read_text(encoding="utf-8"))
    assert value["skin_albedo"] == ALBEDO == 0.35
    key, even = value["lights"][0]["keys"][0], value["even"][0]
    white = np.asarray(LEFT.mean) / SKIN / ALBEDO
    assert key["irradiance"] == pytest.approx((np.pi * 1.2 * np.array([1.2, 1.0, 0.8]) * white).tolist(), abs=1e-4)
    assert even["radiance"] == pytest.approx((0.25 * white).tolist(), abs=1e-4)
