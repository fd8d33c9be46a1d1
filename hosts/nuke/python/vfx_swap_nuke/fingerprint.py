"""Whether a result still is what the node would give: a digest of what went into it.

It covers the described knobs, casting, range, views, and everything upstream: classes and knobs of all nodes, and
size and time of the files that Reads name. `Node.opHashes` would be quicker, but it is another number on every frame
of an animated tree. Where nodes stand and how they look is left out.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from vfx_swap_bridge.stale import plate_stamp, result_digest

import nuke
from vfx_swap_nuke import names
from vfx_swap_nuke.knobs import values
from vfx_swap_nuke.plate import in_view, wanted_views

__all__ = ["of_node", "of_plate"]

LOOKS = frozenset({
    "autolabel", "bookmark", "cached", "dope_sheet", "gl_color", "help", "hide_input", "icon", "indicators", "label",
    "lifetimeEnd", "lifetimeStart", "name", "note_font", "note_font_color", "note_font_size", "onCreate", "onDestroy",
    "postage_stamp", "postage_stamp_frame", "process_mask", "selected", "tile_color", "updateUI", "useLifetime",
    "xpos", "ypos",
})  # fmt: skip
"""Knobs that change no pixel."""


def of_node(group: Any, *, plate: str = "") -> str:
    """Of everything that the result hangs on.

    Args:
        group: the node.
        plate: `of_plate` of it, where that is known already: it looks at every node above.
    """
    cast = {"identity": group[names.IDENTITY].value(), "performer": group[names.PERFORMER].value()}
    return str(result_digest({"cast": [cast], "knobs": values(group)}, [plate or of_plate(group)]))


def of_plate(group: Any) -> str:
    """Of the plate, its range and its views alone."""
    seen: dict[str, Any] = {}
    _walk(group.input(0), seen)
    root = nuke.root()
    said = [str(knob.value()) for knob in map(root.knob, ("colorManagement", "OCIO_config", "workingSpaceLUT")) if knob]
    frames = [group[name].value() for name in (names.FIRST, names.LAST, names.HANDLES)]
    return _digest([list(seen.values()), said, frames, wanted_views(group), _plugged(group)])


def _plugged(group: Any) -> str:
    above = group.input(0)
    return "" if above is None else str(above.Class())


def _walk(node: Any, seen: dict[str, Any]) -> None:
    """Every node above, once, in the order they are met."""
    stack = [node]
    while stack:
        one = stack.pop()
        if one is None or one.fullName() in seen:
            continue
        number = len(seen)
        above = [one.input(index) for index in range(one.maxInputs())]
        inside = one.nodes() if one.Class() == "Group" else []
        seen[one.fullName()] = [number, one.Class(), _knobs(one), _stamp(one), [bool(each) for each in above]]
        stack.extend([*inside, *reversed(above)])


def _knobs(node: Any) -> list[str]:
    """What decides pixels; of another node of ours whether its result is shown, and what lies inside it, does."""
    ours = {name for name in node.knobs() if name.startswith(names.PREFIX)} - {names.USE_RESULT}
    kept = [name for name in sorted(node.knobs()) if name not in LOOKS and name not in ours]
    return [f"{name} {node[name].toScript()}" for name in kept]


def _stamp(node: Any) -> Any:
    """Size and time of a Read's first and last file, per view."""
    if node.Class() != "Read":
        return None
    pattern, ends = str(node["file"].value()), (int(node["first"].value()), int(node["last"].value()))
    return [plate_stamp(in_view(pattern, view), ends) for view in nuke.views()]


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]
