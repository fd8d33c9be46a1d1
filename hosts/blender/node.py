"""The compositor node. All that it keeps lies on its tree, so that a plain group can stand in for it in files.

Blender (4.5.15 and 5.0.1 were tried) crashes when it renders a file with a node of a type that no add-on registers. So
files never hold one: before a save every node becomes a plain group of the same tree, and after it, and after a load, a
Vfx Swap again. Without the add-on the file opens and renders what was made last.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import bpy
from bpy.app.handlers import persistent

from . import compat, knobs, link, panels, result_tree
from .refused import Refused

__all__ = ["CLASSES", "HANDLERS", "VfxSwapNode", "make_plain", "nodes_of", "owner_tree", "place", "stand_in"]

MARKED = "vfx_swap_node"
"""On a tree: it belongs to a Vfx Swap."""
KEPT = ("name", "label", "location", "width", "mute", "hide", "select", "use_custom_color", "color", "parent")


class VfxSwapNode(bpy.types.CompositorNodeCustomGroup):
    """Plate in; image, matte, patch and parsing mattes out."""

    bl_idname = "VfxSwapNode"
    bl_label = "Vfx Swap"
    bl_width_default = 240.0

    def init(self, _context: Any) -> None:
        """A tree of its own."""
        tree = result_tree.build("Vfx Swap")
        tree[MARKED] = 1
        self.node_tree = tree
        knobs.fit(tree, link.current().knobs)

    def copy(self, _node: Any) -> None:
        """A copied node gets settings of its own; the result it shows stays in use by both."""
        self.node_tree = self.node_tree.copy()
        self.node_tree.vfx_swap.job = ""

    def draw_buttons(self, _context: Any, layout: Any) -> None:
        """On the node."""
        panels.draw_shot(layout, self.node_tree, brief=True)

    def draw_buttons_ext(self, _context: Any, layout: Any) -> None:
        """In the sidebar."""
        panels.draw_shot(layout, self.node_tree, brief=False)

    def draw_label(self) -> str:
        """Who goes in, and a mark on what is out of date."""
        state = self.node_tree.vfx_swap if self.node_tree else None
        if state is None or not state.identity:
            return "Vfx Swap"
        return (
            f"Vfx Swap: {panels.short(state.identity)}{' (out of date)' if panels.stale_mark(self.node_tree) else ''}"
        )


def place(tree: Any) -> Any:
    """Add a node to a compositor, selected; it is fitted to what the agent describes."""
    node = tree.nodes.new(VfxSwapNode.bl_idname)
    for other in tree.nodes:
        other.select = other == node
    tree.nodes.active = node
    return node


def nodes_of(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every Vfx Swap of a compositor and of the groups in it, with the tree that it stands in."""
    seen, left = set(), [tree]
    while left:
        here = left.pop()
        if here is None or here.name in seen:
            continue
        seen.add(here.name)
        for node in here.nodes:
            if node.bl_idname == VfxSwapNode.bl_idname:
                yield here, node
            elif node.bl_idname == "CompositorNodeGroup":
                left.append(node.node_tree)


def owner_tree(tree: Any) -> tuple[Any, Any, Any]:
    """Scene, compositor and node of a Vfx Swap's tree.

    Raises:
        Refused: no scene's compositor has the node any more.
    """
    for scene, root in compat.compositor_scenes():
        for here, node in nodes_of(root):
            if node.node_tree == tree:
                return scene, here, node
    raise Refused("The node is gone")


def stand_in(tree: Any, node: Any, kind: str) -> Any:
    """A node of another type in a node's place, with its tree, its looks and its links."""
    new = tree.nodes.new(kind)
    old_tree = new.node_tree
    new.node_tree = node.node_tree
    if old_tree is not None and old_tree != node.node_tree and not old_tree.users:
        bpy.data.node_groups.remove(old_tree)
    for socket in node.inputs:
        target = new.inputs[socket.name]
        with contextlib.suppress(AttributeError, TypeError):
            target.default_value = socket.default_value
        for wire in list(socket.links):
            tree.links.new(wire.from_socket, target)
    for socket in node.outputs:
        for wire in list(socket.links):
            tree.links.new(new.outputs[socket.name], wire.to_socket)
    kept = {name: getattr(node, name) for name in KEPT}
    kept["location"] = tuple(node.location)
    kept["color"] = tuple(node.color)
    active = tree.nodes.active == node
    tree.nodes.remove(node)
    for name, value in kept.items():
        setattr(new, name, value)
    new.location = kept["location"]
    if active:
        tree.nodes.active = new
    return new


def make_plain(tree: Any, node: Any) -> Any:
    """A plain group in a node's place that stays one: its tree is no longer marked."""
    del node.node_tree[MARKED]
    return stand_in(tree, node, "CompositorNodeGroup")


def _exchange(old: str, new: str) -> None:
    """Every node of one type by one of the other, in all compositors and groups."""
    trees = [tree for _, tree in compat.compositor_scenes()]
    trees += [tree for tree in bpy.data.node_groups if tree.bl_idname == "CompositorNodeTree"]
    for tree in trees:
        for node in list(tree.nodes):
            if node.bl_idname == old and node.node_tree is not None and MARKED in node.node_tree:
                stand_in(tree, node, new)


@persistent
def plain_before_save(*_given: Any) -> None:
    """Files hold plain groups."""
    _exchange(VfxSwapNode.bl_idname, "CompositorNodeGroup")


@persistent
def ours_again(*_given: Any) -> None:
    """After a save or a load."""
    _exchange("CompositorNodeGroup", VfxSwapNode.bl_idname)


HANDLERS = (
    ("save_pre", plain_before_save),
    ("save_post", ours_again),
    ("save_post_fail", ours_again),
    ("load_post", ours_again),
)
CLASSES = (VfxSwapNode,)
