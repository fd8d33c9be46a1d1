"""Scenarios of the plate's light as lights of a scene; run inside Blender by `inside.py`."""

from __future__ import annotations

import math
from typing import Any

import bpy

from tests.hosts.blender.within import FOLDER, ours, refused

__all__ = ["light_rig"]

ALBEDO = 0.35


def light_rig(light: str, hdri: str, series: str, broken: list[str]) -> dict[str, Any]:
    """Suns and worlds of light.json and light.exr, and a grey ball rendered under both."""
    scene = _ball()
    told: dict[str, Any] = {"broken": [refused(bpy.ops.vfx_swap.load_light, filepath=path) for path in broken]}
    told["untouched"] = [scene.world.name, len(scene.objects)]
    for _ in range(2):  # the second takes the place of the first
        told["done"] = list(bpy.ops.vfx_swap.load_light(filepath=light, offset=-1000))
    suns = [one for one in scene.objects if one.type == "LIGHT"]
    told["suns"] = [one.name for one in suns]
    told["softness"] = math.sin(suns[0].data.angle / 2.0)
    told["worlds"] = sorted(world.name for world in bpy.data.worlds)
    told["json"] = {frame: _picture("json", frame) for frame in (1, 6, 11)}
    told["taken"] = {}
    for frame in (1, 6, 11):
        scene.frame_set(frame)
        bpy.context.view_layer.update()
        told["taken"][frame] = [one.values() for one in ours("lights").from_scene(scene).lights]
    told["hdri"] = list(bpy.ops.vfx_swap.load_light(filepath=hdri))
    told["suns_after"] = [one.name for one in scene.objects if one.type == "LIGHT"]
    told["exr"] = _picture("exr", 1)
    told["moved"] = {frame: _picture("moved", frame) for frame in _moved(scene)}
    told["series"] = list(bpy.ops.vfx_swap.load_light(filepath=series, offset=-1000))
    told["series_exr"] = {frame: _picture("series", frame) for frame in (1, 3)}
    told["worlds_after"] = sorted(world.name for world in bpy.data.worlds)
    scene.camera = None
    told["no_camera"] = refused(bpy.ops.vfx_swap.load_light, filepath=light)
    return told


def _moved(scene: Any) -> tuple[int, ...]:
    """Frames over which the camera flies round the ball, on a parent that turns and by keys of its own."""
    camera = scene.camera
    arm = bpy.data.objects.new("arm", None)
    scene.collection.objects.link(arm)
    camera.parent = arm
    for frame, degrees in ((1, 0.0), (5, 140.0)):
        arm.rotation_euler = (0.0, math.radians(degrees / 7.0), math.radians(degrees))
        arm.keyframe_insert("rotation_euler", frame=frame)
    return 1, 3, 5


def _ball() -> Any:
    """A ball of albedo 0.35 before a camera that looks askew, in a scene with a world of its own."""
    scene = bpy.context.scene
    for thing in list(scene.objects):
        bpy.data.objects.remove(thing)
    scene.world = bpy.data.worlds.new("set")
    bpy.ops.mesh.primitive_uv_sphere_add(segments=48, ring_count=24, radius=1.0)
    ball = bpy.context.object
    for face in ball.data.polygons:
        face.use_smooth = True
    skin = bpy.data.materials.new("skin")
    if bpy.app.version < (5, 0, 0):
        skin.use_nodes = True
    nodes = skin.node_tree.nodes
    nodes.clear()
    diffuse, out = nodes.new("ShaderNodeBsdfDiffuse"), nodes.new("ShaderNodeOutputMaterial")
    diffuse.inputs["Color"].default_value = (ALBEDO, ALBEDO, ALBEDO, 1.0)
    skin.node_tree.links.new(diffuse.outputs[0], out.inputs["Surface"])
    ball.data.materials.append(skin)
    lens = bpy.data.cameras.new("camera")
    lens.type, lens.ortho_scale = "ORTHO", 2.2
    camera = bpy.data.objects.new("camera", lens)
    scene.collection.objects.link(camera)
    scene.camera = camera
    # Down by 20 degrees, turned by 35, rolled by 10: the light must follow all three.
    camera.rotation_mode = "YXZ"
    camera.rotation_euler = (math.radians(70.0), math.radians(10.0), math.radians(35.0))
    bpy.context.view_layer.update()
    camera.location = 6.0 * camera.matrix_world.to_3x3().col[2]
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.max_bounces = 24, False, 0
    scene.render.resolution_x = scene.render.resolution_y = 48
    scene.render.film_transparent = True
    return scene


def _picture(name: str, frame: int) -> str:
    scene = bpy.context.scene
    scene.frame_set(frame)
    path = str(FOLDER / f"{name}.{frame:04d}.exr")
    with ours("compat").exr_settings(scene):
        scene.render.filepath = path
        bpy.ops.render.render(write_still=True)
    return path
