"""Panels of the compositor, the image editor and the Sequencer. Drawing asks nobody: it shows what is known."""

from __future__ import annotations

import json
import os
from typing import Any

import bpy

from . import compat, knobs, link, strips
from .vfx_swap_bridge.describe import for_engine

__all__ = ["CLASSES", "draw_shot", "short", "stale_mark"]

OURS = ("write.layers", "lighting.environment", "lighting.environment_rotation_degrees")
"""Keys that the adapter's own wiring gives."""


def short(identity: str) -> str:
    """The name of an identity without its folder and extension."""
    return os.path.splitext(os.path.basename(identity.replace("\\", "/")))[0]


def stale_mark(owner: Any) -> bool:
    """Whether to say that the result is out of date."""
    from . import render

    return render.out_of_date(owner)


def draw_shot(layout: Any, owner: Any, *, brief: bool) -> None:
    """Settings and state of one shot.

    Args:
        layout: where.
        owner: a node's tree, an image or a scene.
        brief: who and how it stands only, for the node itself.
    """
    state, here = owner.vfx_swap, link.current()
    layout.prop(state, "identity", text="", icon="USER")
    person = here.person(state.identity)
    if person is not None:
        layout.label(text=person.consent, icon="ERROR" if person.refused else "CHECKMARK")
    for knob in here.knobs:
        if knob.key == "engine":
            knobs.draw(layout, owner, knob)
    draw_state(layout, owner)
    if brief:
        return
    if not here.knobs:
        layout.operator("vfx_swap.connect", icon="LINKED")
    for name in ("performer", "shot", "folder"):
        layout.prop(state, name)
    if isinstance(owner, bpy.types.NodeTree):
        for name in ("when", "missing", "parsing"):
            layout.prop(state, name)
    row = layout.row(heading="Own Range")
    row.prop(state, "own_range", text="")
    if state.own_range:
        row.prop(state, "first", text="")
        row.prop(state, "last", text="")
    draw_knobs(layout, owner)
    draw_lights(layout, owner)


def draw_state(layout: Any, owner: Any) -> None:
    """How the work stands, what went wrong, and the buttons."""
    state = owner.vfx_swap
    running = link.current().works.get(link.key_of(owner))
    if running is not None:
        layout.progress(factor=state.progress, text=state.status)
        layout.operator("vfx_swap.cancel", icon="CANCEL").owner = link.key_of(owner)
        return
    row = layout.row(align=True)
    row.operator("vfx_swap.render", icon="RENDER_ANIMATION").owner = link.key_of(owner)
    if isinstance(owner, bpy.types.NodeTree):
        row.prop(state, "use_result", text="", icon="HIDE_OFF" if state.use_result else "HIDE_ON")
    if state.job:
        layout.operator("vfx_swap.take_up", icon="RECOVER_LAST").owner = link.key_of(owner)
    if stale_mark(owner):
        layout.label(text="Out of date: the settings have changed", icon="FILE_REFRESH")
    if state.trouble:
        for line in state.trouble.splitlines():
            layout.label(text=line, icon="ERROR")
    else:
        for line in state.status.splitlines():
            layout.label(text=line)


def draw_knobs(layout: Any, owner: Any) -> None:
    """Everything that the agent describes, by the tables of the shot file."""
    here = link.current()
    engine = here.engine_of(owner)
    found: dict[str, list[Any]] = {}
    for knob in here.knobs:
        if knob.key != "engine" and knob.key not in OURS and for_engine(knob, engine):
            found.setdefault(knob.group, []).append(knob)
    for group, members in found.items():
        box = layout.box()
        box.label(text=group)
        for knob in members:
            knobs.draw(box, owner, knob)


def draw_lights(layout: Any, owner: Any) -> None:
    """Lights taken from the scene."""
    state, here = owner.vfx_swap, link.current()
    box = layout.box()
    box.label(text="Light of the Scene")
    box.prop(state, "face")
    box.operator("vfx_swap.take_lights", icon="LIGHT_SUN").owner = link.key_of(owner)
    box.operator("vfx_swap.load_light", icon="IMPORT")
    lights = json.loads(state.lights) if state.lights else []
    for one in lights:
        where = f"{one['azimuth_degrees']:.0f}° / {one['elevation_degrees']:.0f}°"
        box.label(text=f"{where}   × {one['intensity']:.2f}", icon="LIGHT")
    if state.environment:
        box.prop(state, "environment")
        box.prop(state, "rotation")
    if (lights or state.environment) and not here.honours("lighting.environment"):
        box.label(text="Kept, not sent: this vfx-swap does not relight by added light", icon="INFO")


class _Panel:
    bl_category = "Vfx Swap"
    bl_region_type = "UI"
    bl_label = "Vfx Swap"


class VFXSWAP_PT_node(_Panel, bpy.types.Panel):
    """Compositor: the active node."""

    bl_space_type = "NODE_EDITOR"

    @classmethod
    def poll(cls, context: Any) -> bool:
        """In compositors only."""
        return getattr(context.space_data, "tree_type", "") == "CompositorNodeTree"

    def draw(self, context: Any) -> None:
        """The active node's shot, or how to make a node."""
        active = context.active_node
        if active is not None and active.bl_idname == "VfxSwapNode" and active.node_tree is not None:
            draw_shot(self.layout, active.node_tree, brief=False)
            self.layout.operator("vfx_swap.to_group")
        else:
            self.layout.operator("vfx_swap.add_node", icon="ADD")


class VFXSWAP_PT_image(_Panel, bpy.types.Panel):
    """Image editor: the picture that is shown."""

    bl_space_type = "IMAGE_EDITOR"

    def draw(self, context: Any) -> None:
        """Its shot."""
        image = context.space_data.image
        if image is None or image.source not in ("FILE", "SEQUENCE", "MOVIE"):
            self.layout.label(text="Show a picture, a sequence or a movie")
        else:
            draw_shot(self.layout, image, brief=False)


class VFXSWAP_PT_strip(_Panel, bpy.types.Panel):
    """Sequencer: the active strip and its takes."""

    bl_space_type = "SEQUENCE_EDITOR"

    def draw(self, context: Any) -> None:
        """Settings of the next take, and the takes there are."""
        scene = compat.sequencer_scene(context)
        strip = compat.active_strip(scene)
        if strip is None or strip.type not in ("IMAGE", "MOVIE"):
            self.layout.label(text="Select a strip of images or a movie")
            return
        self.layout.prop(scene.vfx_swap, "handles")
        self.layout.operator("vfx_swap.regenerate", icon="USER")
        for one in strips.family_of(scene, strip):
            row = self.layout.row(align=True)
            row.operator("vfx_swap.choose_take", text=one.name, depress=not one.mute).strip = one.name
            if one in strips.takes_of(scene, strip):
                row.operator("vfx_swap.remove_take", text="", icon="TRASH").strip = one.name
        draw_shot(self.layout, scene, brief=False)


def add_menu(self: Any, context: Any) -> None:
    """In the compositor's Add menu."""
    if getattr(context.space_data, "tree_type", "") == "CompositorNodeTree":
        self.layout.operator("vfx_swap.add_node", text="Vfx Swap")


CLASSES = (VFXSWAP_PT_node, VFXSWAP_PT_image, VFXSWAP_PT_strip)
