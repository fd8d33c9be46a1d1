"""What buttons do. In a window work runs beside the artist, by a timer; without one `execute` waits for its end."""

from __future__ import annotations

import json
from typing import Any

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty

from . import compat, knobs, light_rig, lights, link, node, render
from .refused import Refused

__all__ = ["CLASSES", "Working"]

TIMER_SECONDS = 0.1


class Working:
    """Of an operator that has a work: `begin` makes it, `done` is told its end."""

    _timer: Any = None
    _work: Any = None

    def begin(self, context: Any) -> Any:
        """Start.

        Raises:
            Refused: something is missing; the text says what.
            AgentError: the agent says no.
        """
        raise NotImplementedError(type(self).__name__, context)

    def done(self, work: Any) -> None:
        """After the last frame."""

    def execute(self, context: Any) -> set[str]:
        """Wait for the end."""
        work = self._begun(context)
        if work is None:
            return {"CANCELLED"}
        work.wait()
        return self._ended(work)

    def invoke(self, context: Any, _event: Any) -> set[str]:
        """Run beside the artist."""
        work = self._begun(context)
        if work is None:
            return {"CANCELLED"}
        self._work = work
        self._timer = context.window_manager.event_timer_add(TIMER_SECONDS, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: Any, event: Any) -> set[str]:
        """At each tick: take what the agent said."""
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        going = self._work.pump()
        for area in context.screen.areas if context.screen else ():
            area.tag_redraw()
        if going:
            return {"PASS_THROUGH"}
        context.window_manager.event_timer_remove(self._timer)
        return self._ended(self._work)

    def cancel(self, _context: Any) -> None:
        """Blender closes, or opens another file: the work's record stays, to be taken up."""
        if self._work is not None:
            self._work.leave()

    def _begun(self, context: Any) -> Any:
        try:
            return self.begin(context)
        except (Refused, *link.errors()) as error:
            self.report({"ERROR"}, link.sentence(error))
            return None

    def _ended(self, work: Any) -> set[str]:
        if work.trouble:
            self.report({"ERROR"}, work.trouble)
            return {"CANCELLED"}
        if work.cancelled:
            self.report({"WARNING"}, "Cancelled")
            return {"CANCELLED"}
        self.done(work)
        for warning in work.warnings:
            self.report({"WARNING"}, warning)
        self.report({"INFO"}, work.said)
        return {"FINISHED"}


class Owned:
    """Of an operator that works on a shot: of its `owner`, or of what the artist looks at."""

    owner: StringProperty(description="Whose shot, as `NodeTree/name` or `Image/name`; empty: the active one")

    def shot(self, context: Any) -> Any:
        """The node tree, image or scene.

        Raises:
            Refused: there is none.
        """
        return link.owner_of(self.owner) if self.owner else _active(context)


class VFXSWAP_OT_render(Owned, Working, bpy.types.Operator):
    """Render the range: frames that are there and up to date are left alone"""

    bl_idname = "vfx_swap.render"
    bl_label = "Render Range"
    new_version: BoolProperty(name="New Version", description="Render into the next version, even if nothing changed")

    def begin(self, context: Any) -> Any:
        """One work for the whole range."""
        return render.start_range(self.shot(context), scene=context.scene, anew=self.new_version)


class VFXSWAP_OT_take_up(Owned, Working, bpy.types.Operator):
    """Go on with what was under way when the file was closed"""

    bl_idname = "vfx_swap.take_up"
    bl_label = "Take Up"

    def begin(self, context: Any) -> Any:
        """From its record."""
        return render.take_up(self.shot(context))


class VFXSWAP_OT_cancel(bpy.types.Operator):
    """Stop after the frame in hand; what is made stays"""

    bl_idname = "vfx_swap.cancel"
    bl_label = "Cancel"
    owner: StringProperty(description="Whose work")

    def execute(self, _context: Any) -> set[str]:
        """Ask; the work ends when the agent says so."""
        work = link.current().works.get(self.owner)
        if work is None:
            return {"CANCELLED"}
        work.cancel()
        return {"FINISHED"}


class VFXSWAP_OT_connect(bpy.types.Operator):
    """Start the agent and ask what there is: engines, settings, identities and their consent"""

    bl_idname = "vfx_swap.connect"
    bl_label = "Connect"

    def execute(self, _context: Any) -> set[str]:
        """Ask, and fit every shot of the file to the answer."""
        here = link.current()
        try:
            here.describe()
        except link.errors() as error:
            self.report({"ERROR"}, link.sentence(error))
            return {"CANCELLED"}
        link.fit_all(here.knobs)
        self.report({"INFO"}, here.said)
        return {"FINISHED"}


class VFXSWAP_OT_add_node(bpy.types.Operator):
    """Add a Vfx Swap to the compositor"""

    bl_idname = "vfx_swap.add_node"
    bl_label = "Add Vfx Swap"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: Any) -> set[str]:
        """In the tree that is shown, else the scene's."""
        space = context.space_data
        shown = getattr(space, "edit_tree", None) if getattr(space, "type", "") == "NODE_EDITOR" else None
        node.place(shown or compat.ensure_compositor_tree(context.scene))
        return {"FINISHED"}


class VFXSWAP_OT_to_group(bpy.types.Operator):
    """Turn the node into a plain group that stays one: it shows the frames there are, without this add-on"""

    bl_idname = "vfx_swap.to_group"
    bl_label = "Make Plain Group"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        """On a Vfx Swap."""
        tree = compat.compositor_tree(context.scene)
        return tree is not None and tree.nodes.active is not None and tree.nodes.active.bl_idname == "VfxSwapNode"

    def execute(self, context: Any) -> set[str]:
        """The tree is no longer marked."""
        tree = compat.compositor_tree(context.scene)
        node.make_plain(tree, tree.nodes.active)
        return {"FINISHED"}


class VFXSWAP_OT_take_lights(Owned, bpy.types.Operator):
    """Take sun and area lights near the face's direction, and the world's HDRI, as the shot's lighting"""

    bl_idname = "vfx_swap.take_lights"
    bl_label = "Take Light from Scene"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: Any) -> set[str]:
        """Keep them with the shot, and say what was left out."""
        owner = self.shot(context)
        state = owner.vfx_swap
        try:
            taken = lights.from_scene(context.scene, state.face)
        except Refused as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        state.lights = json.dumps([one.values() for one in taken.lights])
        state.environment, state.rotation = taken.environment, taken.rotation_degrees
        for text in taken.left_out:
            self.report({"INFO"}, f"Left out: {text}")
        self.report({"INFO"}, f"{len(taken.lights)} lights taken{', and the HDRI' if taken.environment else ''}")
        return {"FINISHED"}


class VFXSWAP_OT_load_light(bpy.types.Operator):
    """Make lights of the plate's light, as `vfx-swap light` wrote it: a sun and even light, or an HDRI"""

    bl_idname = "vfx_swap.load_light"
    bl_label = "Load Light of the Plate"
    bl_options = {"REGISTER", "UNDO"}
    filepath: StringProperty(subtype="FILE_PATH", description="light.json, light.exr, or a frame of its sequence")
    filter_glob: StringProperty(default="*.json;*.exr", options={"HIDDEN"})
    offset: IntProperty(name="Frame Offset", description="Added to the plate's frames to give the scene's")

    def invoke(self, context: Any, _event: Any) -> set[str]:
        """Ask for the file."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: Any) -> set[str]:
        """Make them; nothing is changed where the file is no light."""
        try:
            made = light_rig.load(context.scene, bpy.path.abspath(self.filepath), offset=self.offset)
        except (Refused, *link.errors()) as error:
            self.report({"ERROR"}, link.sentence(error))
            return {"CANCELLED"}
        self.report({"INFO"}, made)
        return {"FINISHED"}


def _choices(self: Any, _context: Any) -> list[tuple[str, str, str]]:
    knob = link.current().knob(self.key)
    return [(word, word, knob.help) for word in knob.choices] if knob else []


class OfKnob(Owned):
    """Of an operator that sets a knob, named by its key in the shot file."""

    bl_options = {"REGISTER", "UNDO"}
    key: StringProperty()

    @classmethod
    def description(cls, _context: Any, properties: Any) -> str:
        """The knob's own words."""
        knob = link.current().knob(properties.key)
        return knob.help if knob else cls.bl_label


class VFXSWAP_OT_choose(OfKnob, bpy.types.Operator):
    """Choose"""

    bl_idname = "vfx_swap.choose"
    bl_label = "Choose"
    choice: EnumProperty(items=_choices)

    def execute(self, context: Any) -> set[str]:
        """Set it."""
        owner = self.shot(context)
        knobs.put(owner, link.current().knob(self.key), self.choice)
        return {"FINISHED"}


class VFXSWAP_OT_toggle(OfKnob, bpy.types.Operator):
    """Switch one of several on or off"""

    bl_idname = "vfx_swap.toggle"
    bl_label = "Toggle"
    word: StringProperty()

    def execute(self, context: Any) -> set[str]:
        """In the order of the choices."""
        owner = self.shot(context)
        knob = link.current().knob(self.key)
        have = set(knobs.get(owner, knob) or ()) ^ {self.word}
        knobs.put(owner, knob, [word for word in knob.choices if word in have])
        return {"FINISHED"}


def _active(context: Any) -> Any:
    """The shot that the artist looks at: of the shown image, of the Sequencer, else of the active node.

    Raises:
        Refused: there is none.
    """
    space = getattr(context.space_data, "type", "")
    if space == "IMAGE_EDITOR" and context.space_data.image is not None:
        return context.space_data.image
    if space == "SEQUENCE_EDITOR":
        return compat.sequencer_scene(context)
    tree = getattr(context.space_data, "edit_tree", None) or compat.compositor_tree(context.scene)
    active = tree.nodes.active if tree is not None else None
    if active is None or active.bl_idname != "VfxSwapNode":
        raise Refused("Select a Vfx Swap node")
    return active.node_tree


CLASSES = (
    VFXSWAP_OT_render, VFXSWAP_OT_take_up, VFXSWAP_OT_cancel, VFXSWAP_OT_connect, VFXSWAP_OT_add_node,
    VFXSWAP_OT_to_group, VFXSWAP_OT_take_lights, VFXSWAP_OT_load_light, VFXSWAP_OT_choose, VFXSWAP_OT_toggle,
)  # fmt: skip
