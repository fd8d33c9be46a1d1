"""Layers of the result, each brought out on a branch of its own.

The node passes on all layers of the files. Which there are is read off the Read, and not known beforehand: Nuke writes
`matte.1.A` of a file as `matte_1.alpha`, and regions are whatever the parser calls them. A Copy node brings channels
over by name, which a Shuffle does for the first four of a layer alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import nuke
from vfx_swap_nuke import names
from vfx_swap_nuke.node import inner

__all__ = ["branches", "shuffle_out"]

COLOUR = ("red", "green", "blue", "alpha")
CRYPTOMATTE = re.compile(r"Crypto\w*?\d\d$")


def branches(channels: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    """Name of a branch -> channels to copy, from and to; Cryptomatte has none, its own node reads the layers.

    Args:
        channels: as a node names them, such as `matte_1.alpha`.
    """
    layers: dict[str, list[str]] = {}
    for channel in channels:
        layer, _, last = channel.partition(".")
        layers.setdefault(layer, []).append(last)
    found: dict[str, list[tuple[str, str]]] = {}
    for layer, members in layers.items():
        if CRYPTOMATTE.search(layer):
            found.setdefault("Cryptomatte", [])
        elif layer.startswith("matte") and members:
            found[layer] = [(f"{layer}.{members[0]}", "rgba.alpha")]
        elif layer == "regions":
            found.update({f"{layer}_{one}": [(f"{layer}.{one}", "rgba.alpha")] for one in members})
        elif layer == "patch" or layer.startswith(("stmap", "face_")):
            shown = [one if one in COLOUR else COLOUR[at] for at, one in enumerate(members)]  # normals are X, Y, Z
            found[layer] = [(f"{layer}.{one}", f"rgba.{to}") for one, to in zip(members, shown)]
    return found


def shuffle_out(group: Any) -> list[str]:
    """Make a branch below the node for every layer that has none yet; names of the new nodes.

    Raises:
        LookupError: the Read inside is gone, or shows no file with layers.
    """
    wanted = branches(inner(group, names.RESULT).channels())
    if not wanted:
        raise LookupError("the result has no layers; tick some under Layers, and render")
    made = []
    parent = group.parent()
    with parent:
        for index, (branch, copies) in enumerate(wanted.items()):
            name = f"{group.name()}_{re.sub('[^A-Za-z0-9_]', '_', branch)}"
            if parent.node(name) is not None:
                continue
            node = _cryptomatte(name, group) if not copies else _copy(name, group, copies)
            node.setXYpos(group.xpos() + 110 * (index + 1), group.ypos() + 80)
            made.append(name)
    return made


def _copy(name: str, group: Any, copies: Sequence[tuple[str, str]]) -> Any:
    node = nuke.nodes.Copy(name=name)
    node.setInput(0, group)
    node.setInput(1, group)
    for index, (come, go) in enumerate(copies):
        node[f"from{index}"].setValue(come)
        node[f"to{index}"].setValue(go)
    return node


def _cryptomatte(name: str, group: Any) -> Any:
    node = nuke.nodes.Cryptomatte(name=name)
    node.setInput(0, group)
    return node
