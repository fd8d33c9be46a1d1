"""The node: a Group that holds the plate's Write, the result's Read and a Switch between plate and result.

It is a Group and no gizmo, so that a script which holds one opens, shows its result and renders on machines that have
no adapter. Nothing in it is Python but the buttons, and those say what is missing where the adapter is not there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import nuke
from vfx_swap_nuke import names
from vfx_swap_nuke.wiring import add_wiring

__all__ = [
    "all_nodes", "badge", "build_inside", "create", "find", "inner", "is_ours", "missing_inside", "record", "say",
    "set_record", "show_result",
]  # fmt: skip

TILE = 0x5A3C78FF
LABEL = "[value vs_identity]\n[value vs_badge]"
"""Tcl, which Nuke reads without the adapter too; a Python autolabel would be an error there."""


def create(*, name: str = "VfxSwap1") -> nuke.Group:
    """A new node below what is selected, without the knobs that the agent describes."""
    group: Any = nuke.createNode("Group", inpanel=False)
    group.setName(name)
    group["tile_color"].setValue(TILE)
    add_wiring(group)
    group["label"].setValue(LABEL)
    build_inside(group)
    above = group.input(0) or nuke.root()
    group[names.FIRST].setValue(above.firstFrame())
    group[names.LAST].setValue(above.lastFrame())
    if nuke.GUI:
        group.showControlPanel()
    return group  # type: ignore[no-any-return]  # Any: the stub knows createNode's answer as a Node


def build_inside(group: nuke.Group) -> None:
    """Make what is missing inside, and plug all of it together; what is there keeps its knobs."""
    with group:
        made = {}
        for index, (name, kind) in enumerate(names.INSIDE):
            found = group.node(name)
            if found is None or found.Class() != kind:
                if found is not None:
                    nuke.delete(found)
                found = getattr(nuke.nodes, kind)(name=name)
                found.setXYpos(*_place(index))
            made[name] = found
    plate, write, read, switch, output = (made[name] for name, _ in names.INSIDE)
    write.setInput(0, plate)
    switch.setInput(0, plate)
    switch.setInput(1, read)
    switch["which"].setExpression(f"parent.{names.USE_RESULT}")
    output.setInput(0, switch)
    _set_write(write)
    read["on_error"].setValue("error")


def _place(index: int) -> tuple[int, int]:
    return ((0, 0), (-110, 80), (110, 80), (0, 160), (0, 240))[index]


def _set_write(write: nuke.Node) -> None:
    """Half EXR, a line a block, the script's own light, everything that the plate's header says."""
    write["file_type"].setValue("exr")  # first: the knobs below are made by it
    write["datatype"].setValue("16 bit half")
    write["compression"].setValue("Zip (1 scanline)")
    write["metadata"].setValue("all metadata")
    write["autocrop"].setValue(False)
    write["channels"].setValue("rgba")
    write["raw"].setValue(True)
    write["create_directories"].setValue(True)
    write["disable"].setValue(True)  # so that "render all" does not write it


def is_ours(node: Any) -> bool:
    """Whether it is a node of this adapter."""
    return node is not None and node.Class() == "Group" and node.knob(names.SCHEMA) is not None


def find(full_name: str) -> Any:
    """The node of that name now; None where it was deleted or renamed, or another has its name."""
    node = nuke.toNode(full_name)
    return node if is_ours(node) else None


def all_nodes() -> Iterator[Any]:
    """Every node of ours in the script, within groups too."""
    for node in nuke.allNodes("Group", nuke.root(), True):
        if is_ours(node):
            yield node


def inner(group: Any, name: str) -> Any:
    """A node inside.

    Raises:
        LookupError: somebody took it out.
    """
    found = group.node(name)
    if found is None:
        raise LookupError(f"{group.fullName()} has no {name} inside; its check can repair that")
    return found


def missing_inside(group: Any) -> list[str]:
    """Names of what should be inside and is not, or is of another class or plugged elsewhere."""
    held = {name: group.node(name) for name, _ in names.INSIDE}
    wrong = [name for name, kind in names.INSIDE if held[name] is None or held[name].Class() != kind]
    if not wrong:
        wires: Sequence[tuple[str, int, str]] = (
            (names.WRITE, 0, names.PLATE), (names.SWITCH, 0, names.PLATE), (names.SWITCH, 1, names.RESULT),
            ("Output1", 0, names.SWITCH),
        )  # fmt: skip
        for name, index, above in wires:
            plugged = held[name].input(index)
            if plugged is None or plugged.name() != above:
                wrong.append(name)
    return wrong


def show_result(group: Any, *, pattern: str, first: int, last: int, space: str, raw: bool) -> None:
    """Let the Read show frames, and the node pass them on.

    Args:
        group: the node.
        pattern: of the frames; `%V` stands for the view.
        first: first frame.
        last: last frame, itself included.
        space: value for the Read's `colorspace`; empty: leave it.
        raw: the frames are in the working space.
    """
    read = inner(group, names.RESULT)
    read["file"].setValue(pattern)
    for knob, value in (("first", first), ("origfirst", first), ("last", last), ("origlast", last)):
        read[knob].setValue(value)
    read["origset"].setValue(True)
    if space and not raw:
        # `default (linear)` is how Nuke shows the first entry, and no entry's name.
        read["colorspace"].setValue(0 if space.startswith("default") else space)
    read["raw"].setValue(raw)
    group[names.USE_RESULT].setValue(True)


def say(group: Any, text: str) -> None:
    """One line on the node's panel."""
    group[names.STATUS].setValue(text)


def badge(group: Any, text: str) -> None:
    """What stands under the node's name in the graph."""
    group[names.BADGE].setValue(text)


def record(group: Any) -> dict[str, Any]:
    """What is kept of the last render; empty where there was none, or where somebody wrote nonsense there."""
    try:
        found = json.loads(group[names.JOB].value() or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def set_record(group: Any, values: dict[str, Any]) -> None:
    """Keep that of the last render."""
    group[names.JOB].setValue(json.dumps(values, sort_keys=True))
