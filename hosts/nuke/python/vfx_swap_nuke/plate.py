"""The plate: the input's own files where they are all there is to it, else frames that the node's Write makes."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from vfx_swap_bridge.paths import existing

import nuke
from vfx_swap_nuke import names
from vfx_swap_nuke.colour import Colour, file_space, working_space
from vfx_swap_nuke.node import inner

__all__ = [
    "FRAME", "Plate", "exists", "expanded", "in_view", "plain_source", "render_plate", "upstream", "wanted_views",
]  # fmt: skip

PASSED = frozenset({"Dot", "NoOp", "PostageStamp"})
"""Nodes that change nothing."""
FRAME = re.compile(r"(#+|%0?\d*d)(?=[^/]*$)")


@dataclass(frozen=True)
class Plate:
    """Frames that an agent can read."""

    pattern: str
    """Of the files, with forward slashes; `%V` stands for the view."""
    colour: Colour
    raw: bool
    """The pixels are in the script's working space."""
    knob_space: str
    """What the `colorspace` of a Read of these files is set to; empty where `raw`."""
    rendered: bool
    """The node's Write makes them."""


def wanted_views(group: Any) -> list[str]:
    """Views that are rendered, in the script's order."""
    there = nuke.views()
    named = group[names.VIEWS].value().replace(",", " ").split()
    return [view for view in there if view in named] if named else list(there)


def in_view(pattern: str, view: str) -> str:
    """A pattern as it is for one view: `%V` its name, `%v` its first letter."""
    return re.sub(r"%v(?![\w])", view[:1], pattern.replace("%V", view))


def expanded(path: str) -> str:
    """A path of a knob without Tcl in it, and with forward slashes."""
    return (nuke.tcl("subst", path) if "[" in path else path).replace("\\", "/")


def upstream(group: Any) -> nuke.Node | None:
    """What is plugged in, past nodes that change nothing."""
    node: nuke.Node | None = group.input(0)
    while node is not None and (node.Class() in PASSED or _is_off(node)):
        node = node.input(0)
    return node


def _is_off(node: nuke.Node) -> bool:
    """Switched off, so that its input goes through."""
    disable = node.knob("disable")
    return disable is not None and node.Class() != "Read" and not disable.hasExpression() and bool(disable.value())


def plain_source(group: Any, *, first: int, last: int) -> Plate | None:
    """The input's own files, where the plate is nothing else: an EXR sequence, read as it is, frame for frame.

    Other formats are not taken: what comes out of a Read of them is not what is in the file, and the swap of an
    encoded file would be read back as something else.
    """
    read = upstream(group)
    if read is None or read.Class() != "Read" or nuke.root().proxy():
        return None
    pattern = expanded(str(read["file"].value()))
    if not pattern.lower().endswith(".exr") or FRAME.search(pattern) is None:
        return None
    if _is_retimed(read) or read["disable"].value() or first < read["first"].value() or last > read["last"].value():
        return None
    raw = bool(read["raw"].value())
    return Plate(pattern, file_space(read), raw, "" if raw else str(read["colorspace"].value()), rendered=False)


def _is_retimed(read: nuke.Node) -> bool:
    mode, frame = read.knob("frame_mode"), read.knob("frame")
    if frame is not None and (frame.hasExpression() or frame.isAnimated()):
        return True
    return mode is not None and frame is not None and str(frame.value()).strip() not in {"", "0"}


def render_plate(group: Any, pattern: str, *, first: int, last: int, views: Sequence[str]) -> Plate:
    """Write the plate with the node's own Write, in the foreground; call it from the main thread.

    Args:
        group: the node.
        pattern: of the files, with `%V` where there is more than one view.
        first: first frame.
        last: last frame, itself included.
        views: by name.

    Raises:
        RuntimeError: Nuke could not render it, or the artist stopped it.
        LookupError: there is no Write inside.
    """
    write = inner(group, names.WRITE)
    with _switched_on(write, pattern, views):
        nuke.execute(write, first, last, 1, views=list(views))
    return Plate(pattern, working_space(), raw=True, knob_space="", rendered=True)


@contextlib.contextmanager
def _switched_on(write: Any, pattern: str, views: Sequence[str]) -> Iterator[None]:
    """The Write is off but for this moment: proxy off, its views and its file as told."""
    root = nuke.root()
    proxy = root.proxy()
    write["file"].setValue(pattern)
    write["views"].setValue(" ".join(views))
    write["disable"].setValue(False)
    if proxy:
        root.setProxy(False)
    try:
        yield
    finally:
        write["disable"].setValue(True)
        if proxy:
            root.setProxy(True)


def exists(pattern: str, *, first: int, last: int, views: Sequence[str]) -> bool:
    """Whether every frame of every view is there."""
    wanted = set(range(first, last + 1))
    return all(wanted <= set(existing(in_view(pattern, view))) for view in views)
