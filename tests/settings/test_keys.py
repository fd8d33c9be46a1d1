from __future__ import annotations

from pathlib import Path

import pytest

from vfx_swap.settings import Light, Lighting, LightingKey, LightKey, draft_shot, lighting_at

HEAD = """schema = "vfx_swap/shot.1"
name = "a"
plate = "plate.####.exr"
output = "out.####.exr"
[[cast]]
track = 1
identity = "lead.identity"
"""


def swept() -> Lighting:
    keys = (LightKey(frame=1011, azimuth_degrees=60.0), LightKey(frame=1001, azimuth_degrees=-60.0))
    bright = (LightKey(frame=1006, intensity=2.0, colour=(1.0, 0.5, 0.0)), LightKey(frame=1008, colour=(0.0, 0.5, 1.0)))
    light = Light(azimuth_degrees=5.0, elevation_degrees=20.0, intensity=0.5, key=(*keys, *bright))
    return Lighting(
        light=(light,),
        key=(LightingKey(frame=1001, exposure_stops=0.0), LightingKey(frame=1005, exposure_stops=2.0, tint=0.5)),
    )


@pytest.mark.parametrize(
    ("frame", "azimuth", "stops"),
    [(1, -60.0, 0.0), (1001, -60.0, 0.0), (1003, -36.0, 1.0), (1011, 60.0, 2.0), (9999, 60.0, 2.0)],
)
def test_values_go_straight_from_key_to_key_and_are_held_beyond(frame: int, azimuth: float, stops: float) -> None:
    now = lighting_at(swept(), frame)
    assert now.light[0].azimuth_degrees == pytest.approx(azimuth)
    assert now.exposure_stops == pytest.approx(stops)
    assert now.key == ()
    assert now.light[0].key == ()


def test_what_no_key_gives_stays_and_each_value_has_keys_of_its_own() -> None:
    now = lighting_at(swept(), 1007)
    light = now.light[0]
    assert light.elevation_degrees == 20.0
    assert light.intensity == 2.0
    assert light.colour == pytest.approx((0.5, 0.5, 0.5))
    assert now.tint == 0.5
    assert now.temperature_mired == 0.0


def test_a_lamp_may_pass_behind_the_head() -> None:
    keys = (LightKey(frame=1, azimuth_degrees=170.0), LightKey(frame=3, azimuth_degrees=190.0))
    lighting = Lighting(light=(Light(azimuth_degrees=0.0, elevation_degrees=0.0, key=keys),))
    assert lighting_at(lighting, 2).light[0].azimuth_degrees == 180.0


def test_without_keys_the_settings_are_themselves() -> None:
    plain = Lighting(exposure_stops=0.3, light=(Light(azimuth_degrees=1.0, elevation_degrees=2.0),))
    assert lighting_at(plain, 7) is plain


def test_what_is_wrong_with_keys_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "shot.toml"
    (tmp_path / "lead.identity").write_bytes(b"")
    text = """[[lighting.key]]
frame = 1001
tint = 0.1
[[lighting.key]]
frame = 1001
tint = 0.2
[[lighting.light]]
azimuth_degrees = 0
elevation_degrees = 0
[[lighting.light.key]]
frame = 5
[[lighting.light.key]]
frame = 6
azimut_degrees = 4
softness = 3
"""
    path.write_text(HEAD + text, encoding="utf-8")
    found = {problem.key: problem for problem in draft_shot(path).problems}
    assert found["lighting.key[1].frame"].line == 12
    assert "lighting.key[0]" in found["lighting.key[1].frame"].what
    assert found["lighting.light[0].key[0]"].line == 17
    assert "says nothing" in found["lighting.light[0].key[0]"].what
    assert found["lighting.light[0].key[1].azimut_degrees"].mend == "Did you mean `azimuth_degrees`?"
    assert (found["lighting.light[0].key[1].softness"].line, len(found)) == (22, 4)
