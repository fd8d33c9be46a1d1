"""What lies inside a node: the plate comes in, a Switch gives the plate or the result's frames, the mattes go out."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import bpy

from . import compat
from .plate import Plate
from .vfx_swap_bridge.paths import frame_file

__all__ = ["ALWAYS", "blank", "build", "fit_sockets", "flip", "show"]

ALWAYS = (("Image", "NodeSocketColor"), ("Matte", "NodeSocketFloat"), ("Patch", "NodeSocketColor"))
"""Outputs that every node has."""
RESULT, SWITCH = "Result", "Use Result"


def build(name: str) -> Any:
    """A node's tree, with no result yet: the plate passes through."""
    tree = bpy.data.node_groups.new(name, "CompositorNodeTree")
    tree.interface.new_socket("Plate", in_out="INPUT", socket_type="NodeSocketColor")
    for label, kind in ALWAYS:
        tree.interface.new_socket(label, in_out="OUTPUT", socket_type=kind)
    into, out = tree.nodes.new("NodeGroupInput"), tree.nodes.new("NodeGroupOutput")
    result, switch = tree.nodes.new("CompositorNodeImage"), tree.nodes.new("CompositorNodeSwitch")
    result.name = result.label = RESULT
    switch.name = switch.label = SWITCH
    for node, x, y in ((into, -400, 100), (result, -400, -80), (switch, -100, 100), (out, 150, 0)):
        node.location = (x, y)
    tree.links.new(into.outputs[0], switch.inputs["Off"])
    tree.links.new(switch.outputs[0], out.inputs["Image"])
    switch.inputs["On"].default_value = (0.0, 0.0, 0.0, 0.0)  # black while there is no result at all
    compat.set_switch(switch, on=False)
    return tree


def fit_sockets(tree: Any, regions: Iterable[str]) -> None:
    """Give the node an output for each region, or none for any: links of those that go are lost."""
    wanted = [*(label for label, _ in ALWAYS), *regions]
    have = {item.name: item for item in tree.interface.items_tree if item.in_out == "OUTPUT"}
    for label, item in have.items():
        if label not in wanted:
            tree.interface.remove(item)
    for label in wanted:
        if label not in have:
            tree.interface.new_socket(label, in_out="OUTPUT", socket_type="NodeSocketFloat")
    _link(tree)


def show(tree: Any, pattern: str, plate: Plate, frame: int) -> None:
    """Let the node show the frames of a pattern, as the plate's user shows the plate's.

    Args:
        tree: of the node.
        pattern: of EXRs that `host_layers` of the agent wrote.
        plate: whose scene frames, offsets and colour space count.
        frame: one that is on disk: Blender learns the passes from it.
    """
    node = tree.nodes[RESULT]
    path = frame_file(pattern, frame)
    image = node.image
    if image is None or os.path.normpath(bpy.path.abspath(image.filepath)) != os.path.normpath(path):
        if image is not None and not image.users > 1:
            bpy.data.images.remove(image)
        image = bpy.data.images.load(path)
        image.name = os.path.basename(pattern)
    image.source = "FILE" if plate.kind == "FILE" else "SEQUENCE"
    if plate.colour:
        image.colorspace_settings.name = plate.colour
    image.reload()
    node.image = image
    if plate.kind != "FILE":
        node.frame_start, node.frame_offset = plate.start, plate.offset
        node.frame_duration, node.use_cyclic = plate.duration, plate.cyclic
        node.use_auto_refresh = True
    _link(tree)
    flip(tree)


def flip(tree: Any, *, on: bool | None = None) -> None:
    """Show the result where there is one and it is wanted, else the plate; `on` decides for a frame."""
    wanted = tree.vfx_swap.use_result and tree.nodes[RESULT].image is not None
    compat.set_switch(tree.nodes[SWITCH], on=wanted if on is None else on)


def blank(tree: Any, *, on: bool) -> None:
    """Take the result's picture away for a frame that has none, or of other settings: Image and mattes are black."""
    tree.nodes[RESULT].mute = on


def _link(tree: Any) -> None:
    """Connect passes of the result's file to outputs of the same name; each load makes their sockets anew."""
    result, out = tree.nodes[RESULT], next(node for node in tree.nodes if node.bl_idname == "NodeGroupOutput")
    for socket in result.outputs:
        target = tree.nodes[SWITCH].inputs["On"] if socket.name == "Image" else out.inputs.get(socket.name)
        if target is not None and not any(link.from_socket == socket for link in target.links):
            tree.links.new(socket, target)
