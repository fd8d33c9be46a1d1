"""The plate's light, as `vfx-swap light` wrote it to light.json, as DirectLights.

A DirectLight shines along its own -Z, in the axes of what is plugged into it; Nuke turns about X before Y (its order
ZXY), so that elevation and azimuth are two curves. Under one of colour 1 what reflects all is 1: irradiance over pi.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import nuke

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vfx_swap_bridge.lights import Lamp

__all__ = ["load"]

PREFIX = "VfxSwapLight_"
"""Of nodes' names: what is there already is brought up to date, and keeps its wires."""


def load(path: str) -> list[str]:
    """Make or bring up to date a DirectLight a lamp; their names.

    The first selected camera, where there is one, is plugged into new ones: directions are of the plate's camera.

    Args:
        path: of light.json.

    Raises:
        AgentError: the file is no light.
    """
    from vfx_swap_bridge.lights import read_light

    light = read_light(path)
    cameras = [one for one in nuke.selectedNodes() if one.Class().startswith("Camera")]
    even = light.even[len(light.even) // 2]
    made = []
    with nuke.Undo("Load light of the plate"):
        for lamp in light.lamps:
            name = PREFIX + re.sub(r"\W", "_", lamp.name)
            node = nuke.toNode(name)
            if node is None:
                node = nuke.nodes.DirectLight(name=name)
                if cameras:
                    node.setInput(0, cameras[0])
            _set(node, lamp)
            ambient = " ".join(f"{one:.4g}" for one in even.radiance)
            node["label"].setValue(f"{light.name}: {lamp.name}\neven light: ambient {ambient} (frame {even.frame})")
            made.append(name)
    return made


def _set(node: Any, lamp: Lamp) -> None:
    keys = lamp.keys
    node["rotate"].fromScript(
        f"{_curve((key.frame, -key.elevation_degrees) for key in keys)} "
        f"{_curve((key.frame, key.azimuth_degrees) for key in keys)} {{0}}"
    )
    colours = (_curve((key.frame, key.irradiance[channel] / math.pi) for key in keys) for channel in range(3))
    node["color"].fromScript(" ".join(colours))
    node["intensity"].setValue(1.0)


def _curve(keys: Iterable[tuple[int, float]]) -> str:
    """A curve of straight lines, as scripts have it."""
    return f"{{curve L {' '.join(f'x{frame} {value:.6g}' for frame, value in keys)}}}"
