"""Light of the scene as the shot's lighting: sun and area lights that reach the face, and the world's HDRI.

Angles are of the shot file: azimuth from the camera's axis, positive toward the picture's right, 0 for light from the
camera; elevation above the camera's horizon. Intensity is the light's irradiance on a surface that faces it over that
of all of them together on the face.

Irradiance is Blender's own: a sun's strength is W/m2; an area light of P watts is a Lambertian emitter, so at distance
d and angle t off its axis P cos t / (pi d2); a world of radiance L gives pi L.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any

import bpy

from .refused import Refused

__all__ = ["Light", "Taken", "from_scene"]

REACH_DEGREES = 110.0
"""Lights farther from where the face looks than this stand behind it. Beyond 90: the nose and the chin stand out."""
LUMINANCE = (0.2126, 0.7152, 0.0722)
"""Rec.709's, of Blender's default working space."""


@dataclass(frozen=True)
class Light:
    """One light, as the shot file has it."""

    name: str
    azimuth_degrees: float
    elevation_degrees: float
    intensity: float
    colour: tuple[float, float, float]

    def values(self) -> dict[str, Any]:
        """A `[[lighting.light]]` of the shot file."""
        return {
            "azimuth_degrees": round(self.azimuth_degrees, 3),
            "elevation_degrees": round(self.elevation_degrees, 3),
            "intensity": round(self.intensity, 5),
            "colour": [round(one, 5) for one in self.colour],
        }


@dataclass(frozen=True)
class Taken:
    """What was found in a scene."""

    lights: tuple[Light, ...]
    environment: str
    """Path of the world's HDRI; empty: none."""
    rotation_degrees: float
    left_out: tuple[str, ...]
    """Lights that do not count, with the reason."""


def from_scene(scene: Any, face: Any = None) -> Taken:
    """Read the lights.

    Args:
        scene: with a camera.
        face: an object that stands where the face is and looks along its -Y; without, the face is at the 3D cursor and
            looks into the camera.

    Raises:
        Refused: the scene has no camera.
    """
    camera = scene.camera
    if camera is None:
        raise Refused("The scene has no camera: lights are told from where it looks")
    eye = camera.matrix_world
    at = face.matrix_world.translation if face is not None else scene.cursor.location
    ahead = eye.translation - at if face is None else -(face.matrix_world.to_3x3().col[1])
    ahead = ahead.normalized() if ahead.length > 0 else eye.to_3x3().col[2].normalized()
    found, left_out, strong = [], [], 0.0
    for thing in _lights(scene):
        toward, irradiance, why = _reaching(thing, at, ahead)
        if why:
            left_out.append(f"{thing.name}: {why}")
            continue
        colour, bright = _colour(thing.data)
        strong += irradiance * bright * max(0.0, toward.dot(ahead))
        found.append((thing.name, toward, irradiance * bright, colour))
    path, rotation, ambient = _world(scene.world)
    whole = strong + math.pi * ambient
    turned = eye.to_3x3().normalized().inverted()
    lights = tuple(
        _as_seen(name, turned @ toward, irradiance / whole if whole > 0 else 0.0, colour)
        for name, toward, irradiance, colour in found
    )
    return Taken(lights, path, _from_camera(eye, rotation), tuple(left_out))


def _lights(scene: Any) -> list[Any]:
    return [one for one in scene.objects if one.type == "LIGHT" and not one.hide_render]


def _reaching(thing: Any, at: Any, ahead: Any) -> tuple[Any, float, str]:
    """Unit vector from the face to a light, its irradiance there in W/m2 at colour 1, or why it does not count."""
    shines = -(thing.matrix_world.to_3x3().col[2].normalized())
    power = thing.data.energy * 2.0 ** getattr(thing.data, "exposure", 0.0)
    if thing.data.type == "SUN":
        toward, irradiance = -shines, power
    elif thing.data.type == "AREA":
        way = at - thing.matrix_world.translation
        if way.length == 0:
            return way, 0.0, "stands in the face"
        toward = -way.normalized()
        irradiance = power * shines.dot(way.normalized()) / (math.pi * way.length_squared)
        if irradiance <= 0 and power > 0:
            return toward, 0.0, "shines away from the face"
    else:
        return ahead, 0.0, "is neither a sun nor an area light"
    if irradiance <= 0:
        return toward, 0.0, "gives no light"
    if toward.dot(ahead) < math.cos(math.radians(REACH_DEGREES)):
        return toward, 0.0, "stands behind the face"
    return toward, irradiance, ""


def _colour(light: Any) -> tuple[tuple[float, float, float], float]:
    """A light's colour at luminance 1, and the luminance that was divided out."""
    rgb = list(light.color)
    if getattr(light, "use_temperature", False):  # since 4.5
        rgb = [one * warm for one, warm in zip(rgb, light.temperature_color, strict=True)]
    bright = sum(part * weight for part, weight in zip(rgb, LUMINANCE, strict=True))
    if bright <= 0:
        return (1.0, 1.0, 1.0), 0.0
    return (rgb[0] / bright, rgb[1] / bright, rgb[2] / bright), bright


def _as_seen(name: str, toward: Any, intensity: float, colour: tuple[float, float, float]) -> Light:
    """A light whose direction is in the camera's axes: x to the right, y up, z to the camera."""
    azimuth = math.degrees(math.atan2(toward.x, toward.z))
    elevation = math.degrees(math.asin(max(-1.0, min(1.0, toward.y))))
    return Light(name, azimuth, elevation, min(intensity, 1000.0), colour)


def _world(world: Any) -> tuple[str, float, float]:
    """The HDRI behind a world's Background, its turn about the vertical in radians, and radiance without one."""
    if world is None:
        return "", 0.0, 0.0
    tree = world.node_tree
    if tree is None or (bpy.app.version < (5, 0, 0) and not world.use_nodes):
        return "", 0.0, sum(part * weight for part, weight in zip(world.color, LUMINANCE, strict=True))
    ground = next((node for node in tree.nodes if node.bl_idname == "ShaderNodeBackground"), None)
    if ground is None:
        return "", 0.0, 0.0
    strength = ground.inputs["Strength"].default_value
    picture = _before(ground.inputs["Color"], "ShaderNodeTexEnvironment")
    if picture is not None and picture.image is not None:
        mapping = _before(picture.inputs["Vector"], "ShaderNodeMapping")
        turn = mapping.inputs["Rotation"].default_value[2] if mapping is not None else 0.0
        # The picture's own light is not summed: its mean stands for 1, as in most calibrated HDRIs of a set.
        return os.path.abspath(bpy.path.abspath(picture.image.filepath)), float(turn), strength
    colour = ground.inputs["Color"].default_value
    return "", 0.0, strength * sum(part * weight for part, weight in zip(colour[:3], LUMINANCE, strict=True))


def _before(socket: Any, kind: str) -> Any:
    """The nearest node of a kind that leads into a socket, or None."""
    for link in socket.links:
        if link.from_node.bl_idname == kind:
            return link.from_node
        for other in link.from_node.inputs:
            found = _before(other, kind)
            if found is not None:
                return found
    return None


def _from_camera(eye: Any, turn: float) -> float:
    """Degrees that an HDRI's middle stands to the right of where the camera looks, -180 to 180.

    The middle of Blender's latlong lies along +X, and its Mapping turns what is looked up, so +X by the negative.
    """
    looks = -(eye.to_3x3().col[2])
    if math.hypot(looks.x, looks.y) < 1e-6:  # straight up or down: its upper edge points ahead
        looks = eye.to_3x3().col[1]
    degrees = math.degrees(math.atan2(looks.y, looks.x) + turn)
    return (degrees + 180.0) % 360.0 - 180.0
