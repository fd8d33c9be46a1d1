"""Vfx Swap for Blender: face replacement as a compositor node, in the Image editor and as takes in the Sequencer."""

from __future__ import annotations

import bpy

from . import at_render, link, node, operators, panels, preferences, state, strip_operators

__all__ = ["register", "unregister"]

MODULES = (state, preferences, operators, strip_operators, node, panels)
"""Whose classes are registered, in this order."""
HANDLERS = (*node.HANDLERS, *at_render.HANDLERS)


def register() -> None:
    """When the extension is switched on."""
    link.open_link()
    for module in MODULES:
        for one in module.CLASSES:
            bpy.utils.register_class(one)
    state.attach()
    for name, handler in HANDLERS:
        if hasattr(bpy.app.handlers, name):
            getattr(bpy.app.handlers, name).append(handler)
    bpy.types.NODE_MT_add.append(panels.add_menu)


def unregister() -> None:
    """When it is switched off: the open file gets plain groups, which Blender can render without us."""
    node.plain_before_save()
    bpy.types.NODE_MT_add.remove(panels.add_menu)
    for name, handler in HANDLERS:
        if hasattr(bpy.app.handlers, name) and handler in getattr(bpy.app.handlers, name):
            getattr(bpy.app.handlers, name).remove(handler)
    state.detach()
    for module in reversed(MODULES):
        for one in reversed(module.CLASSES):
            bpy.utils.unregister_class(one)
    link.close_link()
