"""light.json as hosts read it, and what is refused of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from vfx_swap_bridge.errors import AgentError
from vfx_swap_bridge.lights import read_light

KEY: dict[str, Any] = {"frame": 3, "azimuth_degrees": -60, "elevation_degrees": 30.0, "irradiance": [1.0, 2.0, 3.0]}
GOOD: dict[str, Any] = {
    "schema": "vfx_swap/light.1",
    "name": "sh010",
    "frames": [3, 9],
    "lights": [{"name": "key", "softness": 0.2, "keys": [KEY, {**KEY, "frame": 9}]}],
    "even": [{"frame": 3, "radiance": [0.1, 0.2, 0.3]}],
}


def _written(folder: Path, value: object) -> str:
    path = folder / "light.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    return str(path)


def test_a_light_is_read_whole(tmp_path: Path) -> None:
    light = read_light(_written(tmp_path, GOOD))
    [lamp] = light.lamps
    assert (light.name, light.first, light.last, lamp.name, lamp.softness) == ("sh010", 3, 9, "key", 0.2)
    assert [key.frame for key in lamp.keys] == [3, 9]
    assert (lamp.keys[0].azimuth_degrees, lamp.keys[0].elevation_degrees) == (-60.0, 30.0)
    assert lamp.keys[0].irradiance == (1.0, 2.0, 3.0)
    assert light.even[0].radiance == (0.1, 0.2, 0.3)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"schema": "vfx_swap/light.2"}, "no light of a shot"),
        ({"lights": []}, "holds no light"),
        ({"even": []}, "holds no light"),
        ({"lights": [{"name": "key", "softness": 0.2, "keys": []}]}, "holds no light"),
        ({"lights": [{"name": "key", "softness": 2, "keys": [KEY]}]}, "2 does not lie between"),
        ({"lights": [{"name": "key", "softness": 0.2, "keys": [KEY, KEY]}]}, "order of frames"),
        ({"lights": [{"name": "key", "softness": 0.2, "keys": [{**KEY, "elevation_degrees": 91}]}]}, "91"),
        ({"lights": [{"name": "key", "softness": 0.2, "keys": [{**KEY, "irradiance": [1, 2]}]}]}, "not whole"),
        ({"lights": [{"name": "key", "softness": 0.2, "keys": [{**KEY, "irradiance": [1, 2, True]}]}]}, "True"),
        ({"even": [{"frame": 1, "radiance": [1, 2, float("nan")]}]}, "nan"),
        ({"even": [{"frame": 1, "intensity": 1.0}]}, "lacks 'radiance'"),
        ({"frames": 7}, "not whole"),
        ({"lights": 7}, "not whole"),
    ],
)
def test_nonsense_is_refused_with_what_and_where_and_a_mend(tmp_path: Path, change: dict[str, Any], what: str) -> None:
    path = _written(tmp_path, {**GOOD, **change})
    with pytest.raises(AgentError, match=what) as caught:
        read_light(path)
    assert caught.value.where == path
    assert "vfx-swap light" in caught.value.mend


@pytest.mark.parametrize("text", ["", "[", "7", "[]", "\x00"])
def test_what_is_no_light_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "light.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(AgentError):
        read_light(str(path))
