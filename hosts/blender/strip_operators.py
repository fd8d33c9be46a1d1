"""The Sequencer's buttons: regenerate a face as a take, choose among takes, remove one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bpy
from bpy.props import StringProperty

from . import compat, render, shots, strips
from .operators import Working
from .refused import Refused

__all__ = ["CLASSES"]


class VFXSWAP_OT_regenerate(Working, bpy.types.Operator):
    """Render the strip's source range with handles, and lay it above as a take; the original is muted"""

    bl_idname = "vfx_swap.regenerate"
    bl_label = "Regenerate Face"
    bl_options = {"REGISTER", "UNDO"}
    strip: StringProperty(description="Its name; empty: the active strip")

    _scene = ""
    _span: Any = None

    def begin(self, context: Any) -> Any:
        """One work for the strip."""
        scene = compat.sequencer_scene(context)
        original = strips.original_of(scene, _strip(scene, self.strip))
        self.strip, self._scene = original.name, scene.name
        self._span = strips.span_of(original, scene.vfx_swap.handles)
        return render.start(scene, self._span.plate, self._span.frames, shown=lambda _version, _frames: None)

    def done(self, work: Any) -> None:
        """Lay the take."""
        scene = bpy.data.scenes[self._scene]
        label = f"v{work.version.number:03d}"
        strips.lay(
            scene,
            _strip(scene, self.strip),
            self._span,
            files=[work.version.file(frame) for frame in self._span.frames],
            label=label,
            note={
                "identity": scene.vfx_swap.identity,
                "settings": shots.knob_values(scene),
                "result": work.version.pattern,
                "frames": [self._span.frames[0], self._span.frames[-1]],
            },
        )


class OnStrip:
    """Of an operator that acts on a strip at once."""

    strip: StringProperty(description="Name of the strip; empty: the active one")

    def act(self, context: Any, action: Callable[[Any, Any], None]) -> set[str]:
        """Do it, or say why not."""
        scene = compat.sequencer_scene(context)
        try:
            action(scene, _strip(scene, self.strip))
        except Refused as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class VFXSWAP_OT_choose_take(OnStrip, bpy.types.Operator):
    """Show this one of the strip's takes, mute the others"""

    bl_idname = "vfx_swap.choose_take"
    bl_label = "Choose Take"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: Any) -> set[str]:
        """Mute and unmute."""
        return self.act(context, strips.choose)


class VFXSWAP_OT_remove_take(OnStrip, bpy.types.Operator):
    """Take this take away; its frames stay on disk"""

    bl_idname = "vfx_swap.remove_take"
    bl_label = "Remove Take"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: Any) -> set[str]:
        """What is left shows its newest take, or the original."""
        return self.act(context, strips.remove)


def _strip(scene: Any, name: str) -> Any:
    found = compat.strips(scene).get(name) if name else compat.active_strip(scene)
    if found is None:
        raise Refused(f"There is no strip {name!r}" if name else "Select a strip")
    return found


CLASSES = (VFXSWAP_OT_regenerate, VFXSWAP_OT_choose_take, VFXSWAP_OT_remove_take)
