"""Knobs that every node has, whatever the agent says: a table, from the top of the panel to its end."""

from __future__ import annotations

from typing import Any

import nuke
from vfx_swap_nuke import names

__all__ = ["add_knob", "add_wiring"]

BUTTON = """try:
    from vfx_swap_nuke import actions
except ImportError:
    nuke.message('{missing}')
else:
    actions.{name}()"""
MISSING = "The vfx-swap adapter is not on NUKE_PATH here. The result that was rendered still shows."
BESIDE = "beside"
"""On the line of the knob above."""
TEXT, FILE, NUMBER, SAID, LINE, CHECK = "text", "file", "number", "said", "line", "truth"

WIRING: tuple[tuple[str, str, str, str, str], ...] = (
    (names.IDENTITY, TEXT, "identity", "Who goes in: a name that the server knows, or a pack's path.", ""),
    ("vs_pick", "pick_identity", "choose...", "Identities, each with the state of its consent.", BESIDE),
    (names.CONSENT, SAID, "consent", "What the identity's consent record says today.", ""),
    (names.PERFORMER, FILE, "performer", "Photograph of who in the plate is replaced. Empty: by position.", ""),
    ("vs_line_frames", LINE, "", "", ""),
    (names.FIRST, NUMBER, "frames", "First frame that is rendered.", ""),
    (names.LAST, NUMBER, "to", "Last frame that is rendered.", BESIDE),
    ("vs_range", "range_from_input", "from input", "Take the input's own range.", BESIDE),
    (names.HANDLES, NUMBER, "handles", "Frames more, before the first and after the last.", ""),
    (names.VIEWS, TEXT, "views", "Views by name; empty: all of the script. Each has the same identity.", ""),
    (names.OUTPUT, FILE, "output", "Results: name_v001.%04d.exr, %V for the view. Never written over.", ""),
    (names.VERSION, NUMBER, "version", "The version in the output's name.", BESIDE),
    (names.WHERE, "choice", "render on", "This machine, a server, or a farm, for which a job is written.", ""),
    (names.SERVER, TEXT, "server", "HOST:PORT of the server. Empty: VFX_SWAP_SERVER.", BESIDE),
    (names.PATHS, TEXT, "path map", "What the server or farm calls folders here: P:/show=/mnt/show, parted by |.", ""),
    ("vs_line_render", LINE, "", "", ""),
    ("vs_render", "render", "Render", "Render the plate where that is needed, and the swap.", ""),
    ("vs_cancel", "cancel", "Cancel", "Stop after the frame in hand. What is written stays.", BESIDE),
    ("vs_resume", "resume", "Go on", "Take up a render that was interrupted, such as by closing Nuke.", BESIDE),
    ("vs_check", "check", "Check", "Look for what would go wrong, and repair what can be repaired.", BESIDE),
    ("vs_layers", "shuffle_out", "Shuffle out", "A branch for each matte, patch, STMap and Cryptomatte.", BESIDE),
    ("vs_reveal", "reveal", "Folder", "Show the folder of the results.", BESIDE),
    ("vs_reload", "reload_options", "Reload options", "Ask the agent again what can be set.", BESIDE),
    (names.USE_RESULT, CHECK, "show result", "On: the result; off: the plate.", ""),
    (names.STATUS, SAID, "status", "What was done last, or what is wrong.", ""),
)  # fmt: skip
"""Name, kind (or the action of a button), label, tooltip, place."""
HIDDEN = (names.JOB, names.BADGE, names.DESCRIBED)


def add_wiring(group: Any) -> None:
    """Add them to a node that has none of them yet."""
    add_knob(group, nuke.Tab_Knob("vfx_swap", "VfxSwap"), "")
    for name, kind, label, text, place in WIRING:
        knob = _made(name, kind, label)
        add_knob(group, knob, text, line=place != BESIDE)
    schema: Any = nuke.Int_Knob(names.SCHEMA, names.SCHEMA)
    for hidden in (schema, *(nuke.String_Knob(name, name) for name in HIDDEN)):
        hidden.setFlag(nuke.INVISIBLE)
        group.addKnob(hidden)
    schema.setValue(names.SCHEMA_NUMBER)
    group[names.VERSION].setValue(1)


def add_knob(group: Any, knob: Any, help: str, *, line: bool = True) -> None:
    """Add a knob.

    Args:
        group: the node.
        knob: not yet of a node.
        help: its tooltip.
        line: whether it begins a line of the panel.
    """
    knob.setTooltip(help)
    if not isinstance(knob, nuke.Tab_Knob):
        (knob.setFlag if line else knob.clearFlag)(nuke.STARTLINE)
    group.addKnob(knob)


def _made(name: str, kind: str, label: str) -> Any:
    if kind == "choice":
        return nuke.Enumeration_Knob(name, label, list(names.PLACES))
    if kind == LINE:
        return nuke.Text_Knob(name, "", "")
    if kind == SAID:
        return nuke.Text_Knob(name, label, " ")
    plain: dict[str, Any] = {
        TEXT: nuke.String_Knob, FILE: nuke.File_Knob, NUMBER: nuke.Int_Knob, CHECK: nuke.Boolean_Knob,
    }  # fmt: skip
    if kind in plain:
        return plain[kind](name, label)
    return nuke.PyScript_Knob(name, label, BUTTON.format(missing=MISSING, name=kind))
