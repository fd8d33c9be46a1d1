"""What differs between Blender 4.2 and 5.2: every difference is here and nowhere else.

Measured on bpy 4.2.23, 4.5.15 and 5.0.1; what is said of others is from their documentation.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import bpy

from .refused import Refused

__all__ = [
    "active_strip",
    "areas",
    "compositor_scenes",
    "compositor_tree",
    "content_start",
    "ensure_compositor_tree",
    "exr_settings",
    "new_image_strip",
    "output_socket",
    "sequencer_scene",
    "set_switch",
    "set_trim",
    "strips",
    "visible_range",
]

FIVE = (5, 0, 0)


def compositor_tree(scene: Any) -> Any:
    """The scene's compositor, or None. Before 5.0 a tree that `use_nodes` has switched off does not count."""
    if bpy.app.version >= FIVE:
        return scene.compositing_node_group
    return scene.node_tree if scene.use_nodes else None


def ensure_compositor_tree(scene: Any) -> Any:
    """The scene's compositor, made with an output where there is none."""
    tree = compositor_tree(scene)
    if tree is None and bpy.app.version >= FIVE:
        tree = bpy.data.node_groups.new("Compositing", "CompositorNodeTree")
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        tree.nodes.new("NodeGroupOutput")
        scene.compositing_node_group = tree
    elif tree is None:
        scene.use_nodes = True
        tree = scene.node_tree
    return tree


def compositor_scenes() -> Iterator[tuple[Any, Any]]:
    """Every scene that has a compositor, with its tree."""
    for scene in bpy.data.scenes:
        tree = compositor_tree(scene)
        if tree is not None:
            yield scene, tree


def output_socket(tree: Any) -> Any:
    """The input of a compositor's output node that makes the picture: a Composite node's before 5.0, a group's since.

    Raises:
        Refused: the compositor has no output.
    """
    kinds = ("NodeGroupOutput",) if bpy.app.version >= FIVE else ("CompositorNodeComposite",)
    nodes = [node for node in tree.nodes if node.bl_idname in kinds and node.inputs]
    if not nodes:
        raise Refused("the compositor has no output node")
    active = [node for node in nodes if getattr(node, "is_active_output", False)]
    return (active or nodes)[0].inputs[0]


def set_switch(node: Any, *, on: bool) -> None:
    """Flip a Switch node; its socket came in 4.5, before that it is a property."""
    if "Switch" in node.inputs:
        node.inputs["Switch"].default_value = on
    else:
        node.check = on


@contextlib.contextmanager
def exr_settings(scene: Any) -> Iterator[None]:
    """Half-float EXR of one layer for what is rendered within; the scene's own settings come back."""
    render, settings = scene.render, scene.render.image_settings
    # In this order: the kind of medium (since 5.0) decides which formats there are, the format which depths.
    wanted = {
        "media_type": "IMAGE",
        "file_format": "OPEN_EXR",
        "color_mode": "RGBA",
        "color_depth": "16",
        "exr_codec": "ZIP",
    }
    wanted = {name: value for name, value in wanted.items() if hasattr(settings, name)}
    kept = {name: getattr(settings, name) for name in wanted}
    flags = {"use_file_extension": False, "use_compositing": True, "use_sequencer": False, "filepath": render.filepath}
    # Dates and times in the header would make equal frames differ.
    flags |= {f"use_stamp_{name}": False for name in ("date", "render_time", "time", "memory", "hostname")}
    others = {name: getattr(render, name) for name in flags}
    try:
        for name, value in wanted.items():
            setattr(settings, name, value)
        for name, flag in flags.items():
            setattr(render, name, flag)
        yield
    finally:
        for name, value in kept.items():
            with contextlib.suppress(TypeError):  # a depth that only the other format has
                setattr(settings, name, value)
        for name, flag in others.items():
            setattr(render, name, flag)


def sequencer_scene(context: Any) -> Any:
    """The scene whose strips are edited: since 5.0 a workspace may name another than the window's."""
    workspace = getattr(context, "workspace", None)
    return getattr(workspace, "sequencer_scene", None) or context.scene


def strips(scene: Any) -> Any:
    """The top level of strips: `sequences` before 4.4."""
    editor = scene.sequence_editor or scene.sequence_editor_create()
    return editor.strips if hasattr(editor, "strips") else editor.sequences


def new_image_strip(scene: Any, *, name: str, filepath: str, channel: int, frame_start: int) -> Any:
    """An image strip of one picture; more are appended to its `elements`."""
    return strips(scene).new_image(
        name=name, filepath=filepath, channel=channel, frame_start=frame_start, fit_method="ORIGINAL"
    )


def content_start(strip: Any) -> int:
    """Scene frame of the strip's first picture, trimmed off or not: `content_start` since 5.2."""
    return round(strip.content_start if hasattr(strip, "content_start") else strip.frame_start)


def visible_range(strip: Any) -> tuple[int, int]:
    """First scene frame that the strip shows, and the one after its last."""
    if hasattr(strip, "left_handle"):
        return int(strip.left_handle), int(strip.right_handle)
    return int(strip.frame_final_start), int(strip.frame_final_end)


def set_trim(strip: Any, *, first: int, end: int) -> None:
    """Let the strip show from scene frame `first` up to before `end`."""
    if hasattr(strip, "left_handle"):
        strip.left_handle, strip.right_handle = first, end
    else:
        strip.frame_final_start, strip.frame_final_end = first, end


def active_strip(scene: Any) -> Any:
    """The active strip, or None."""
    return scene.sequence_editor.active_strip if scene.sequence_editor else None


def areas(kind: str) -> Iterator[Any]:
    """Every area of a kind in every window; none without windows."""
    for window in bpy.context.window_manager.windows:
        yield from (area for area in window.screen.areas if area.type == kind)
