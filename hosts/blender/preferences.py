"""Preferences: where the agent and the server are. Blender keeps them, not the file."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import StringProperty

from . import link

__all__ = ["CLASSES", "VfxSwapPreferences", "preferences"]


def _anew(_preferences: Any, _context: Any) -> None:
    link.current().close()


class VfxSwapPreferences(bpy.types.AddonPreferences):
    """What is set once for this machine."""

    bl_idname = __package__

    agent: StringProperty(
        name="Agent",
        subtype="FILE_PATH",
        update=_anew,
        description="The program vfx-swap; empty: VFX_SWAP_AGENT, else the one on PATH",
    )
    server: StringProperty(
        name="Server",
        update=_anew,
        description="Host and port of a server; empty: VFX_SWAP_SERVER, else this machine renders",
    )
    maps: StringProperty(
        name="Path Maps",
        update=_anew,
        description="How the agent's machine calls folders of this one: Z:\\show=/mnt/show; separated by |",
    )

    def draw(self, _context: Any) -> None:
        """In Blender's preferences."""
        here = link.current()
        for name in ("agent", "server", "maps"):
            self.layout.prop(self, name)
        row = self.layout.row()
        row.operator("vfx_swap.connect", icon="LINKED")
        row.label(text=here.said or "Not connected")


def preferences() -> Any:
    """Ours."""
    return bpy.context.preferences.addons[__package__].preferences


CLASSES = (VfxSwapPreferences,)
