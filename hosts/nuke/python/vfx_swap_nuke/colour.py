"""What the script's colour management says, in words that the agent takes.

The root knobs are read, nothing is set: `colorManagement` (Nuke or OCIO), `OCIO_config`, `customOCIOConfigPath`,
`workingSpaceLUT`. Names in a node's `colorspace` knob carry more than a name: `default (ACES - ACEScg)`,
`scene_linear (ACES - ACEScg)`, or a menu path and an alias behind a tab.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any

import nuke

__all__ = ["Colour", "environment", "file_space", "plain_name", "working_space"]

NUKE_LINEAR = "Linear Rec.709 (sRGB)"
"""What Nuke's own colour management, and its `nuke-default` config, call `linear`."""
ROLES = frozenset({"scene_linear", "rendering", "default", "reference", "compositing_linear"})


@dataclass(frozen=True)
class Colour:
    """The space that pixels are in."""

    name: str
    """As OCIO knows it."""
    is_role: bool = False
    """The name is a role: which space that is, the agent's own config says."""


def working_space() -> Colour:
    """Of the script: what a Write with `raw` on writes."""
    root = nuke.root()
    value = plain_name(_text(root, "workingSpaceLUT"))
    if _text(root, "colorManagement") != "OCIO" or _text(root, "OCIO_config") == "nuke-default":
        return Colour(NUKE_LINEAR if value in {"", "linear", *ROLES} else value)
    return Colour(value or "scene_linear", is_role=value in {"", *ROLES})


def file_space(read: nuke.Node) -> Colour:
    """What the pixels of a Read's file are in."""
    if read["raw"].value():
        return working_space()
    name = plain_name(str(read["colorspace"].value()))
    own = working_space()
    if name == "linear":
        return Colour(NUKE_LINEAR)
    if name in ROLES or not name:
        return own if name in {"", "scene_linear", "default"} else Colour(name, is_role=True)
    return Colour(name)


def plain_name(text: str) -> str:
    """The name in a `colorspace` knob's value: `default (ACEScg)`, a menu path with an alias behind a tab, a name."""
    name = text.split("\t", maxsplit=1)[0].strip()
    wrapped = re.fullmatch(r"(\w+) \((.+)\)", name)
    if wrapped is not None and wrapped[1] in ROLES:
        return wrapped[2].strip()
    if text.count("\t"):
        return name.rpartition("/")[2].strip()
    return name


def environment() -> dict[str, str]:
    """What the agent is told of the config, so that it knows the names the script uses: `OCIO`, where a file is named.

    The variable of that name goes before the project settings, as in Nuke.
    """
    root = nuke.root()
    path = os.environ.get("OCIO", "")
    if not path and _text(root, "colorManagement") == "OCIO" and _text(root, "OCIO_config") == "custom":
        path = _text(root, "customOCIOConfigPath")
    return {"OCIO": path} if path else {}


def _text(node: Any, name: str) -> str:
    knob = node.knob(name)
    return "" if knob is None else str(knob.value())
