"""Menus: the node, its toolset, and what goes over all nodes of a script."""

from __future__ import annotations

import nuke

__all__ = ["add"]

ICON = "vfx_swap.png"
COMMANDS = (
    ("VfxSwap", "create()", ICON),
    ("VfxSwap, from the toolset", "create_from_toolset()", ICON),
    ("Load light of the plate", "load_light()", ""),
    ("Check all", "check_all()", ""),
    ("Go on with all that was interrupted", "resume_all()", ""),
)


def add() -> None:
    """Into the node menu, once."""
    nodes = nuke.menu("Nodes")
    if nodes.findItem("VfxSwap") is not None:
        return
    menu = nodes.addMenu("VfxSwap", icon=ICON)
    for title, call, icon in COMMANDS:
        menu.addCommand(title, f"from vfx_swap_nuke import actions; actions.{call}", icon=icon)
