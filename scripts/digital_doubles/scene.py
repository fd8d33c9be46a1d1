"""Runs inside Blender's own Python: draws the frames of a job and ends at once.

Told by a folder: `job.json` (what to draw) and `arrays.npz` (points). Answers on stdout, one line per written picture:
`wrote NAME`. World space is y up (see `mesh`); Blender's is z up: (x, y, z) becomes (x, -z, y). All points of a frame
are in world space already; motion blur comes from a velocity per point, so no object has a transform of its own.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scripts.digital_doubles import scene_materials

__all__ = ["main"]


def _turned(points: Any) -> Any:
    """Blender's axes of (n, 3) in world space, float32, flat."""
    points = np.asarray(points, np.float32)
    return np.ascontiguousarray(np.stack([points[..., 0], -points[..., 2], points[..., 1]], -1)).reshape(-1)


def _empty(bpy: Any) -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)


def _mesh(bpy: Any, spec: Mapping[str, Any], arrays: Mapping[str, Any]) -> Any:
    """A mesh object without places yet; `faces` as loops and sizes, attributes per point."""
    name = spec["name"]
    mesh = bpy.data.meshes.new(name)
    loops = np.asarray(arrays[spec["loops"]], np.int32)
    sizes = np.asarray(arrays[spec["sizes"]], np.int32)
    mesh.vertices.add(int(spec["count"]))
    mesh.loops.add(len(loops))
    mesh.loops.foreach_set("vertex_index", loops)
    mesh.polygons.add(len(sizes))
    mesh.polygons.foreach_set("loop_start", (np.cumsum(sizes) - sizes).astype(np.int32))
    mesh.polygons.foreach_set("loop_total", sizes)
    mesh.polygons.foreach_set("use_smooth", np.full(len(sizes), bool(spec.get("smooth", True))))
    if "uv" in spec:
        layer = mesh.uv_layers.new(name="UVMap")
        layer.data.foreach_set("uv", np.asarray(arrays[spec["uv"]], np.float32)[loops].reshape(-1))
    for attribute, key in spec.get("attributes", {}).items():
        values = np.asarray(arrays[key], np.float32)
        kind = "FLOAT" if values.ndim == 1 else "FLOAT_VECTOR"
        made = mesh.attributes.new(name=attribute, type=kind, domain="POINT")
        made.data.foreach_set("value" if values.ndim == 1 else "vector", values.reshape(-1))
    mesh.attributes.new(name="velocity", type="FLOAT_VECTOR", domain="POINT")
    mesh.update(calc_edges=True)
    thing = bpy.data.objects.new(name, mesh)
    if spec.get("subdivisions"):
        modifier = thing.modifiers.new("subdivide", "SUBSURF")
        modifier.levels = modifier.render_levels = int(spec["subdivisions"])
    if spec.get("thickness"):
        modifier = thing.modifiers.new("thick", "SOLIDIFY")
        modifier.thickness, modifier.offset = float(spec["thickness"]), 1.0
    return thing


def _strands(bpy: Any, spec: Mapping[str, Any], arrays: Mapping[str, Any]) -> Any:
    """Hair curves: `count` points in strands of `points` each."""
    curves = bpy.data.hair_curves.new(spec["name"])
    number = int(spec["count"]) // int(spec["points"])
    curves.add_curves([int(spec["points"])] * number)
    radius = np.tile(np.asarray(arrays[spec["radius"]], np.float32), number)
    made = curves.attributes.get("radius") or curves.attributes.new(name="radius", type="FLOAT", domain="POINT")
    made.data.foreach_set("value", radius)
    curves.attributes.new(name="velocity", type="FLOAT_VECTOR", domain="POINT")
    return bpy.data.objects.new(spec["name"], curves)


def _place(thing: Any, points: Any, velocity: Any) -> None:
    """New places and velocities (metres a second) for a thing's points."""
    data = thing.data
    if thing.type == "MESH":
        data.vertices.foreach_set("co", _turned(points))
    else:
        data.position_data.foreach_set("vector", _turned(points))
    data.attributes["velocity"].data.foreach_set("vector", _turned(velocity))
    if thing.type == "MESH":
        data.update()
    data.update_tag()


def _camera(bpy: Any, scene: Any) -> Any:
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    camera.rotation_mode = "QUATERNION"
    camera.data.sensor_fit = "VERTICAL"
    camera.data.clip_start, camera.data.clip_end = 0.01, 100.0
    return camera


def _aim(camera: Any, poses: Any, field_degrees: Any) -> None:
    """Keys of the camera at shutter open, middle and close: (3, 4, 4) world space, looking along -z, y up."""
    mathutils = importlib.import_module("mathutils")

    axes = mathutils.Matrix(((1, 0, 0, 0), (0, 0, -1, 0), (0, 1, 0, 0), (0, 0, 0, 1)))
    camera.animation_data_clear()
    camera.data.animation_data_clear()
    last = None
    for time, pose, degrees in zip((-0.25, 0.0, 0.25), poses, field_degrees, strict=True):
        matrix = axes @ mathutils.Matrix(np.asarray(pose).tolist())
        quaternion = matrix.to_quaternion()
        if last is not None:
            quaternion.make_compatible(last)
        last = quaternion.copy()
        camera.location, camera.rotation_quaternion = matrix.to_translation(), quaternion
        camera.data.angle_y = float(np.radians(degrees))
        camera.keyframe_insert("location", frame=time)
        camera.keyframe_insert("rotation_quaternion", frame=time)
    if camera.animation_data:
        for curve in camera.animation_data.action.fcurves:
            for key in curve.keyframe_points:
                key.interpolation = "LINEAR"


def _lights(bpy: Any, scene: Any, lights: list[Mapping[str, Any]], made: list[Any]) -> None:
    """Area lights of a frame: position, target, size (metres), watts, colour."""
    mathutils = importlib.import_module("mathutils")

    for old in made:
        bpy.data.objects.remove(old, do_unlink=True)
    made.clear()
    for number, spec in enumerate(lights):
        light = bpy.data.lights.new(f"light{number}", "AREA")
        light.shape, light.size = "DISK", float(spec["size"])
        light.energy, light.color = float(spec["watts"]), spec["color"]
        thing = bpy.data.objects.new(light.name, light)
        x, y, z = (float(v) for v in spec["position"])
        a, b, c = (float(v) for v in spec["target"])
        place, aim = mathutils.Vector((x, -z, y)), mathutils.Vector((a, -c, b))
        thing.location = place
        thing.rotation_mode = "QUATERNION"
        thing.rotation_quaternion = (aim - place).to_track_quat("-Z", "Y")
        thing.visible_camera = False
        scene.collection.objects.link(thing)
        made.append(thing)


def _world(bpy: Any, scene: Any, spec: Mapping[str, Any], folder: Path) -> None:
    world = bpy.data.worlds.new("world")
    scene.world = world
    world.use_nodes = True
    background = world.node_tree.nodes["Background"]
    background.inputs["Color"].default_value = (*spec["color"], 1.0)
    background.inputs["Strength"].default_value = float(spec.get("strength", 1.0))
    if spec.get("picture"):
        image = bpy.data.images.load(str(folder / spec["picture"]))
        image.colorspace_settings.name = "Non-Color"
        node = world.node_tree.nodes.new("ShaderNodeTexEnvironment")
        node.image = image
        world.node_tree.links.new(node.outputs["Color"], background.inputs["Color"])


def _render(bpy: Any, job: Mapping[str, Any]) -> Any:
    scene = bpy.context.scene
    settings = job["render"]
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y = settings["width"], settings["height"]
    scene.render.resolution_percentage = 100
    scene.render.fps = int(settings["fps"])
    scene.render.use_motion_blur = True
    scene.render.motion_blur_shutter = 0.5
    scene.render.motion_blur_position = "CENTER"
    scene.render.threads_mode, scene.render.threads = "FIXED", int(settings["threads"])
    scene.render.film_transparent = False
    scene.render.image_settings.file_format = "OPEN_EXR_MULTILAYER"
    scene.render.image_settings.color_depth = "32"
    scene.render.image_settings.exr_codec = "ZIP"
    scene.view_settings.view_transform = "Raw"
    cycles = scene.cycles
    cycles.device, cycles.samples, cycles.seed = "CPU", int(settings["samples"]), int(settings["seed"])
    cycles.use_adaptive_sampling, cycles.adaptive_threshold, cycles.adaptive_min_samples = True, 0.03, 4
    cycles.use_light_tree = False  # few lights: sampling each is as good, and faster
    cycles.use_denoising = bool(settings.get("denoise", True))
    cycles.denoiser = "OPENIMAGEDENOISE"
    cycles.denoising_prefilter = "FAST"
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 6, 2, 2
    cycles.transmission_bounces, cycles.transparent_max_bounces, cycles.volume_bounces = 4, 12, 0
    cycles.sample_clamp_indirect = 4.0
    cycles.caustics_reflective = cycles.caustics_refractive = False
    layer = scene.view_layers[0]
    layer.use_pass_z = layer.use_pass_normal = layer.use_pass_diffuse_color = True
    for name in job["mattes"]:
        aov = layer.aovs.add()
        aov.name, aov.type = name, "VALUE"
    aov = layer.aovs.add()
    aov.name, aov.type = "texture", "COLOR"
    return scene


def _crop(scene: Any, box: Any) -> None:
    """Draws only a box of the frame (left, low, right, high as shares of it, y up), or all of it; the size stays."""
    scene.render.use_border = box is not None
    scene.render.use_crop_to_border = False
    left, low, right, high = box or (0.0, 0.0, 1.0, 1.0)
    scene.render.border_min_x, scene.render.border_max_x = float(left), float(right)
    scene.render.border_min_y, scene.render.border_max_y = float(low), float(high)


def _draw(bpy: Any, job: Mapping[str, Any], arrays: Mapping[str, Any], folder: Path) -> None:
    _empty(bpy)
    scene = _render(bpy, job)
    _world(bpy, scene, job["world"], folder)
    camera = _camera(bpy, scene)
    materials = {name: scene_materials.build(bpy, name, spec, folder) for name, spec in job["materials"].items()}
    things: dict[str, Any] = {}
    for spec in job["things"]:
        thing = (_strands if spec.get("points") else _mesh)(bpy, spec, arrays)
        thing.data.materials.append(materials[spec["material"]])
        if thing.type == "CURVES":
            thing.active_material_index = 0
        thing.cycles.motion_steps = 1
        scene.collection.objects.link(thing)
        things[spec["name"]] = thing
    lights: list[Any] = []
    for picture in job["pictures"]:
        scene.frame_set(0)
        for name, thing in things.items():
            entry = picture["things"].get(name)
            thing.hide_render = entry is None
            if entry is not None:
                _place(thing, arrays[entry["points"]], arrays[entry["velocity"]])
                if entry.get("material"):
                    thing.data.materials[0] = materials[entry["material"]]
        _aim(camera, arrays[picture["camera"]], picture["field"])
        _lights(bpy, scene, picture["lights"], lights)
        scene.frame_set(0)
        _crop(scene, picture.get("box"))
        path = folder / f"{picture['name']}.exr"
        scene.render.filepath = str(path)
        bpy.ops.render.render(write_still=True)
        if not path.is_file():
            raise RuntimeError(f"Blender wrote no {path}")
        print(f"wrote {picture['name']}", flush=True)


def main(arguments: list[str]) -> int:
    """Draws the job in the folder named; 0 when all pictures are written."""
    folder = Path(arguments[0])
    job = json.loads((folder / "job.json").read_text())
    if job.get("hang"):  # for the driver's own test: what a stuck Blender looks like
        import time

        time.sleep(3600)
    bpy = importlib.import_module("bpy")

    with np.load(folder / "arrays.npz") as arrays:
        _draw(bpy, job, arrays, folder)  # lazily: a picture's points are read when it is drawn
    return 0


if __name__ == "__main__":
    status = 1
    try:
        status = main(sys.argv[1:])
    except BaseException:  # noqa: BLE001 - the process ends here, and its last lines are all that the driver gets
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # bpy 4.5 can hang when Python takes it down
