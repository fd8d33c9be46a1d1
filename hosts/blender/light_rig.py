"""Lights and a world made of the plate's light, as `vfx-swap light` wrote it to light.json or light.exr.

What was made before is taken out first: loading twice leaves one rig. Suns hang on the scene's camera, in whose axes
the file's directions are (x right, y up, -z ahead, as Blender's own cameras have it), and shine along their own -Z.
A sun's strength is its irradiance, a world's colour its radiance.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Iterator
from typing import Any

import bpy
from mathutils import Matrix

from .refused import Refused
from .vfx_swap_bridge.lights import Lamp, SolvedLight, read_light

__all__ = ["load"]

NAME = "Vfx Swap Light"
MARK = "vfx_swap_light"
"""Custom property of what this module made."""
NUMBERED = re.compile(r"^(?P<stem>.*?)(?P<number>\d+)(?P<kind>\.exr)$", re.IGNORECASE)
FROM_CAMERA = Matrix(((0.0, 0.0, -1.0), (-1.0, 0.0, 0.0), (0.0, 1.0, 0.0)))
"""The camera's axes as Blender's latlongs have them: the middle of the picture along +X, its left towards +Y, up +Z."""


def load(scene: Any, path: str, *, offset: int = 0) -> str:
    """Make the lights of a file; what was made, as a sentence.

    Args:
        scene: with a camera.
        path: light.json, light.exr, or one frame of a sequence of the latter.
        offset: added to the file's frames, where the scene counts otherwise than the plate.

    Raises:
        Refused: the scene has no camera, or the file is of another kind or not there.
        AgentError: a JSON that is no light.
    """
    if scene.camera is None:
        raise Refused("The scene has no camera: light is told from where it looks")
    kind = os.path.splitext(path)[1].lower()
    if kind not in (".json", ".exr"):
        raise Refused(f"{os.path.basename(path) or 'Nothing'} is neither a light.json nor a light.exr")
    if kind == ".json":
        light = read_light(path)
        _take_out(scene)
        for lamp in light.lamps:
            _sun(scene, lamp, offset)
        _even(scene, light, offset)
        return f"{len(light.lamps)} sun and even light, frames {light.first + offset} to {light.last + offset}"
    if not os.path.isfile(path):
        raise Refused(f"{path} is not there")
    _take_out(scene)
    return _latlong(scene, path, offset)


def _take_out(scene: Any) -> None:
    """What an earlier load made; the file's own lights and worlds stay."""
    for thing in [one for one in scene.objects if one.get(MARK)]:
        data = thing.data
        bpy.data.objects.remove(thing)
        bpy.data.lights.remove(data)
    for held in [one for one in bpy.data.collections if one.get(MARK) and not one.objects]:
        bpy.data.collections.remove(held)
    if scene.world is not None and scene.world.get(MARK):
        bpy.data.worlds.remove(scene.world)


def _sun(scene: Any, lamp: Lamp, offset: int) -> None:
    held = bpy.data.collections.get(NAME)
    if held is None or not held.get(MARK):
        held = bpy.data.collections.new(NAME)
        held[MARK] = True
    if held.name not in scene.collection.children:
        scene.collection.children.link(held)
    data = bpy.data.lights.new(f"{NAME} {lamp.name}", "SUN")
    data.angle = 2.0 * math.asin(lamp.softness)
    thing = bpy.data.objects.new(data.name, data)
    thing[MARK] = True
    held.objects.link(thing)
    # About x, then about y: straight keys of elevation and azimuth are straight keys of these.
    thing.parent, thing.rotation_mode = scene.camera, "XYZ"
    with _straight():
        for key in lamp.keys:
            strength = max(key.irradiance)
            thing.rotation_euler = (-math.radians(key.elevation_degrees), math.radians(key.azimuth_degrees), 0.0)
            data.energy = strength
            data.color = [one / strength for one in key.irradiance] if strength > 0.0 else (1.0, 1.0, 1.0)
            thing.keyframe_insert("rotation_euler", frame=key.frame + offset)
            data.keyframe_insert("energy", frame=key.frame + offset)
            data.keyframe_insert("color", frame=key.frame + offset)


def _even(scene: Any, light: SolvedLight, offset: int) -> None:
    ground = _world(scene)
    with _straight():
        for key in light.even:
            ground.inputs["Color"].default_value = (*key.radiance, 1.0)
            ground.inputs["Color"].keyframe_insert("default_value", frame=key.frame + offset)


def _latlong(scene: Any, path: str, offset: int) -> str:
    ground = _world(scene)
    tree = ground.id_data
    picture = bpy.data.images.load(path, check_existing=True)
    sky, turned, seen, place = (
        tree.nodes.new(kind)
        for kind in ("ShaderNodeTexEnvironment", "ShaderNodeMapping", "ShaderNodeMapping", "ShaderNodeTexCoord")
    )
    sky.image = picture
    # What is looked up goes into the camera's axes, wherever it turns: the picture's middle is where the camera looks.
    seen.vector_type = "TEXTURE"  # turns back
    for axis in range(3):
        _follow(seen.inputs["Rotation"].driver_add("default_value", axis).driver, scene.camera, axis)
    turned.inputs["Rotation"].default_value = FROM_CAMERA.to_euler("XYZ")
    tree.links.new(place.outputs["Generated"], seen.inputs["Vector"])
    tree.links.new(seen.outputs["Vector"], turned.inputs["Vector"])
    tree.links.new(turned.outputs["Vector"], sky.inputs["Vector"])
    tree.links.new(sky.outputs["Color"], ground.inputs["Color"])
    frames = _frames(path)
    if len(frames) < 2:
        return "HDRI of one frame"
    picture.source = "SEQUENCE"
    user = sky.image_user
    user.frame_duration, user.frame_start = frames[-1] - frames[0] + 1, frames[0] + offset
    user.frame_offset, user.use_auto_refresh = frames[0] - 1, True
    return f"HDRI of frames {frames[0] + offset} to {frames[-1] + offset}"


def _follow(driver: Any, camera: Any, axis: int) -> None:
    """Drive an angle by the camera's own about x, y or z, parents and constraints and all. It needs no Python."""
    driver.type = "SUM"
    told = driver.variables.new()
    told.type = "TRANSFORMS"
    target = told.targets[0]
    target.id = camera
    target.transform_type, target.transform_space = f"ROT_{'XYZ'[axis]}", "WORLD_SPACE"
    target.rotation_mode = "XYZ"


def _frames(path: str) -> list[int]:
    """Frames of the sequence that a file belongs to."""
    found = NUMBERED.match(os.path.basename(path))
    if found is None:
        return []
    folder = os.path.dirname(path)
    others = (NUMBERED.match(name) for name in os.listdir(folder or "."))
    return sorted(int(one["number"]) for one in others if one is not None and one["stem"] == found["stem"])


def _world(scene: Any) -> Any:
    """A world of our own for the scene, empty but for its Background; the one before stays in the file."""
    if scene.world is not None:
        scene.world.use_fake_user = True
    world = bpy.data.worlds.new(NAME)
    world[MARK] = True
    if bpy.app.version < (5, 0, 0):
        world.use_nodes = True
    scene.world = world
    tree = world.node_tree
    tree.nodes.clear()
    ground, out = tree.nodes.new("ShaderNodeBackground"), tree.nodes.new("ShaderNodeOutputWorld")
    tree.links.new(ground.outputs["Background"], out.inputs["Surface"])
    return ground


@contextlib.contextmanager
def _straight() -> Iterator[None]:
    """Keys set within are straight between, as the file's are."""
    edit = bpy.context.preferences.edit
    kept = edit.keyframe_new_interpolation_type
    edit.keyframe_new_interpolation_type = "LINEAR"
    try:
        yield
    finally:
        edit.keyframe_new_interpolation_type = kept
