"""Frames made when Blender renders them: before each, every node gets its result, or shows that it has none.

Works alike in a window and in `blender -b`. A plate that is no file cannot be made here, for Blender cannot render
within a render: the node then shows what Render Range made.
"""

from __future__ import annotations

import sys
from typing import Any

from bpy.app.handlers import persistent

from . import compat, link, node, plate, render, result_tree
from .refused import Refused

__all__ = ["HANDLERS"]


@persistent
def before_frame(scene: Any, *_given: Any) -> None:
    """Of `render_pre`."""
    tree = compat.compositor_tree(scene)
    if tree is None or not scene.render.use_compositing:
        return
    for here, one in _in_order(tree):
        _fit(scene, here, one)


def _in_order(tree: Any) -> list[tuple[Any, Any]]:
    """Nodes, those first whose result is the plate of others."""
    found = [(here, one) for here, one in node.nodes_of(tree) if not one.mute and one.inputs[0].is_linked]

    def depth(one: Any) -> int:
        before = one.inputs[0].links[0].from_node if one.inputs[0].is_linked else None
        return 0 if before is None else 1 + (depth(before) if before.inputs else 0)

    return sorted(found, key=lambda pair: depth(pair[1]))


def _fit(scene: Any, tree: Any, one: Any) -> None:
    """Let one node show its result for the scene's frame."""
    owner, state = one.node_tree, one.node_tree.vfx_swap
    if not state.use_result:
        return
    of = plate.of_node(one)
    rendered = of is None
    frame = scene.frame_current if of is None else of.frame(scene.frame_current)
    trouble = ""
    try:
        if of is None:
            of = render.remembered_plate(owner)
        if state.when == "FRAME" and not rendered:
            work = render.start(owner, of, [frame], shown=render.show_node(owner, of))
            work.wait()
            trouble = work.trouble
        there = render.ready(owner, of, frame)
        if not there and not trouble:
            trouble = f"frame {frame} has no result of these settings; press Render Range"
    except (Refused, *link.errors()) as error:
        there, trouble = False, link.sentence(error)
    if trouble:
        state.trouble = trouble
        sys.stderr.write(f"vfx-swap: {tree.name}, {one.name}, frame {scene.frame_current}: {trouble}\n")
    result_tree.flip(owner, on=there or state.missing == "BLACK")
    result_tree.blank(owner, on=not there)


HANDLERS = (("render_pre", before_frame),)
