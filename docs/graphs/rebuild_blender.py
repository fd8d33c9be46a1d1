"""A swap rebuilt from its layers by Blender's compositor: see docs/layers.md.

    blender --background --python rebuild_blender.py -- LAYERS.exr PLATE.exr FOLDER

LAYERS is a result as the adapter lays it in `blender/` beside the others. Writes FOLDER/over.exr, the patch over the
plate; FOLDER/undone.exr, the plate's face unrolled; FOLDER/redone.exr, that laid back on the plate.
"""

from __future__ import annotations

import sys
from typing import Any

import bpy

FIVE = bpy.app.version >= (5, 0, 0)


def empty_compositor(scene: Any) -> tuple[Any, Any]:
    """The scene's compositor with nothing in it but its end; and what the end takes."""
    if FIVE:
        tree = bpy.data.node_groups.new("Rebuilt", "CompositorNodeTree")
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        scene.compositing_node_group = tree
        return tree, tree.nodes.new("NodeGroupOutput").inputs[0]
    scene.use_nodes = True
    scene.node_tree.nodes.clear()
    return scene.node_tree, scene.node_tree.nodes.new("CompositorNodeComposite").inputs[0]


def picture(tree: Any, path: str) -> Any:
    """An Image node; light goes through it as it is."""
    node = tree.nodes.new("CompositorNodeImage")
    node.image = bpy.data.images.load(path)
    node.image.colorspace_settings.is_data = True
    return node


def mapped(tree: Any, image: Any, maps: Any) -> Any:
    """A Map UV node: the image, looked up where the map says."""
    node = tree.nodes.new("CompositorNodeMapUV")
    tree.links.new(image, node.inputs["Image"])
    tree.links.new(maps, node.inputs["UV"])
    return node.outputs["Image"]


def laid_over(tree: Any, plate: Any, patch: Any) -> Any:
    """An Alpha Over node. Its sockets were renamed in 5.0; plate first, patch second, in both."""
    node = tree.nodes.new("CompositorNodeAlphaOver")
    colours = [one for one in node.inputs if one.type == "RGBA"]
    tree.links.new(plate, colours[0])
    tree.links.new(patch, colours[1])
    return node.outputs["Image"]


def write(scene: Any, tree: Any, end: Any, result: Any, path: str) -> None:
    """Render the compositor's result to a float EXR."""
    tree.links.new(result, end)
    settings = scene.render.image_settings
    for name, value in (("media_type", "IMAGE"), ("file_format", "OPEN_EXR"), ("color_depth", "32")):
        if hasattr(settings, name):
            setattr(settings, name, value)
    scene.render.filepath = path
    bpy.ops.render.render(write_still=True)


def main(layers_path: str, plate_path: str, folder: str) -> None:
    """Build the graph, and write what it gives."""
    scene = bpy.context.scene
    tree, end = empty_compositor(scene)
    layers, plate = picture(tree, layers_path), picture(tree, plate_path)
    scene.render.resolution_x, scene.render.resolution_y = plate.image.size
    scene.render.resolution_percentage = 100
    undone = mapped(tree, plate.outputs["Image"], layers.outputs["STMap inverse"])
    redone = mapped(tree, undone, layers.outputs["STMap"])
    over = laid_over(tree, plate.outputs["Image"], layers.outputs["Patch"])
    for name, result in (("over", over), ("undone", undone), ("redone", redone)):
        write(scene, tree, end, result, f"{folder}/{name}.exr")


if __name__ == "__main__":
    main(*sys.argv[-3:])
