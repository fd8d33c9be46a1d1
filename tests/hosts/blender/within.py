"""What scenarios of `inside.py` share: the extension installed, a comp, a render. Runs inside Blender."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import bpy

__all__ = [
    "FOLDER",
    "NAME",
    "ORDER",
    "comp",
    "image_node",
    "install",
    "load",
    "ours",
    "output_of",
    "refused",
    "render",
    "save",
    "scene_for",
    "swap_of",
    "tree_of",
]

NAME = "bl_ext.user_default.vfx_swap"
FOLDER = Path(sys.argv[1])
ORDER = json.loads((FOLDER / "order.json").read_text(encoding="utf-8"))


def install() -> None:
    """As an artist does, from the zip; and say where the server is."""
    bpy.ops.extensions.package_install_files(filepath=ORDER["zip"], repo="user_default", enable_on_install=True)
    bpy.context.preferences.addons[NAME].preferences.server = ORDER["server"]


def ours(module: str) -> Any:
    """A module of the extension."""
    return importlib.import_module(f"{NAME}.{module}")


def scene_for(width: int = 64, height: int = 48, first: int = 1, last: int = 6) -> Any:
    """The scene, of that size and range."""
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = width, height, 100
    scene.frame_start, scene.frame_end = first, last
    return scene


def tree_of(scene: Any) -> Any:
    """Its compositor; before 5.0 a scene's own is not a group."""
    return scene.compositing_node_group if bpy.app.version >= (5, 0, 0) else scene.node_tree


def output_of(tree: Any) -> Any:
    """Where the picture comes out."""
    kinds = ("NodeGroupOutput", "CompositorNodeComposite")
    return next(node for node in tree.nodes if node.bl_idname in kinds).inputs[0]


def image_node(tree: Any, path: str, *, frames: int = 6, source: str = "SEQUENCE") -> Any:
    """A node that shows a sequence or a movie."""
    image = bpy.data.images.load(path)
    image.source = source
    if source == "SEQUENCE":
        image.colorspace_settings.name = "Linear Rec.709"
    node = tree.nodes.new("CompositorNodeImage")
    node.image, node.frame_duration = image, frames
    return node


def comp(show: Path, *, plate: str, frames: int = 6, source: str = "SEQUENCE", **scene_is: int) -> tuple[Any, Any, Any]:
    """A saved file with plate, Vfx Swap and output; scene, tree, node."""
    scene = scene_for(**scene_is)
    tree = ours("compat").ensure_compositor_tree(scene)
    for node in [one for one in tree.nodes if one.bl_idname in ("CompositorNodeRLayers", "CompositorNodeViewer")]:
        tree.nodes.remove(node)
    bpy.ops.vfx_swap.add_node()
    node = tree.nodes.active
    tree.links.new(image_node(tree, plate, frames=frames, source=source).outputs[0], node.inputs["Plate"])
    tree.links.new(node.outputs["Image"], output_of(tree))
    save(show)
    return scene, tree, swap_of(tree)


def swap_of(tree: Any) -> Any:
    """The Vfx Swap of a tree."""
    return next(node for node in tree.nodes if node.bl_idname == "VfxSwapNode")


def save(show: Path) -> None:
    """The file."""
    bpy.ops.wm.save_as_mainfile(filepath=str(show / "shot.blend"))


def load(show: Path) -> tuple[Any, Any]:
    """The file; scene and compositor."""
    bpy.ops.wm.open_mainfile(filepath=str(show / "shot.blend"))
    return bpy.context.scene, tree_of(bpy.context.scene)


def render(name: str, frame: int) -> str:
    """Render a frame as EXR of halves; its path."""
    scene = bpy.context.scene
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR", "RGBA", "16"
    scene.frame_set(frame)
    path = FOLDER / f"{name}.{frame:04d}.exr"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    return str(path)


def refused(operator: Any, **given: Any) -> str:
    """What an operator says when it will not."""
    try:
        operator(**given)
    except (RuntimeError, TypeError) as error:
        return str(error)
    return ""
