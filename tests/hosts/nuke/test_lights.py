"""The plate's light as DirectLights of a script."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np

from tests.hosts.bridge.test_lights import GOOD, KEY
from tests.hosts.nuke.conftest import Session

LATER: dict[str, Any] = {
    **KEY,
    "frame": 9,
    "azimuth_degrees": 60,
    "elevation_degrees": -10,
    "irradiance": [2.0, 2.0, 2.0],
}


def _file(folder: Path) -> str:
    path = folder / "light.json"
    lamp = {"name": "key", "softness": 0.2, "keys": [KEY, LATER]}
    path.write_text(json.dumps({**GOOD, "lights": [lamp]}), encoding="utf-8")
    return str(path)


def _at(script: str, frame: int) -> list[float]:
    """Values of a knob's channels at a frame that has keys."""
    found = []
    for word in re.findall(r"\{([^{}]*)\}", script):
        keys = dict(re.findall(r"x(\d+) (\S+)", word))
        found.append(float(keys[str(frame)]) if keys else float(word))
    return found


def test_a_light_of_the_plate_is_a_direct_light_that_shines_from_where_the_file_says(
    gui: Session, tmp_path: Path
) -> None:
    camera = gui.nuke.nodes.Camera2(name="shotcam")
    camera.setSelected(True)
    gui.fake.answers["file"] = _file(tmp_path)
    gui.adapter("actions").load_light()
    node = gui.nuke.toNode("VfxSwapLight_key")
    assert node.Class() == "DirectLight"
    assert node.input(0) is camera
    assert "VfxSwapLight_key" in gui.fake.said[-1]
    for key in (KEY, LATER):
        x, y, z = np.radians(_at(node["rotate"].toScript().strip('"').replace("\\", ""), int(key["frame"])))
        # About x, then about y: where +Z goes, against which it shines.
        toward = [math.sin(y) * math.cos(x), -math.sin(x), math.cos(y) * math.cos(x)]
        azimuth, elevation = np.radians([key["azimuth_degrees"], key["elevation_degrees"]])
        flat = math.cos(elevation)
        assert z == 0.0
        assert np.allclose(toward, [math.sin(azimuth) * flat, math.sin(elevation), math.cos(azimuth) * flat], atol=1e-5)
        colour = _at(node["color"].toScript().strip('"').replace("\\", ""), int(key["frame"]))
        assert np.allclose(np.multiply(colour, math.pi), key["irradiance"], atol=1e-4)
    assert node["rotate"].toScript().count("curve L") == 2
    assert "0.1 0.2 0.3" in node["label"].value()


def test_loading_again_brings_the_node_up_to_date_and_leaves_its_wires(gui: Session, tmp_path: Path) -> None:
    load = gui.adapter("lights").load
    assert load(_file(tmp_path)) == ["VfxSwapLight_key"]
    node, dot = gui.nuke.toNode("VfxSwapLight_key"), gui.nuke.nodes.Dot()
    node.setInput(0, dot)
    node["rotate"].fromScript("{0} {0} {0}")
    load(_file(tmp_path))
    assert len(gui.nuke.allNodes("DirectLight")) == 1
    assert node.input(0) is dot
    assert "curve" in node["rotate"].toScript()


def test_what_is_no_light_is_said_and_nothing_is_made(gui: Session, tmp_path: Path) -> None:
    path = tmp_path / "light.json"
    path.write_text("{}", encoding="utf-8")
    gui.fake.answers["file"] = str(path)
    gui.adapter("actions").load_light()
    assert "no light of a shot" in gui.fake.said[-1]
    gui.fake.answers["file"] = None
    before = len(gui.fake.said)
    gui.adapter("actions").load_light()
    assert len(gui.fake.said) == before
    assert gui.nuke.allNodes("DirectLight") == []
