"""Draws docs/images/blender-node.svg from a node that Blender made: `-m scripts.blender_picture TREE.json OUT.svg`.

TREE.json is the answer of the scenario `picture_of_tree` of tests/hosts/blender/inside.py: no window is drawn there.
"""

from __future__ import annotations

import json
import sys
from html import escape
from pathlib import Path
from typing import Any

__all__ = ["draw"]

Box = tuple[int, int, list[str], list[str]]
ROW, WIDTH = 22, 150
COLOURS = {"Image": "#c7c729", "Patch": "#c7c729", "Plate": "#c7c729", "Combined": "#c7c729"}


def draw(tree: dict[str, Any]) -> str:
    """The picture.

    Args:
        tree: `outer` and `inner`: links as [node, socket, node, socket]; `inputs` and `outputs` of the node.
    """
    parts = ['<rect width="100%" height="100%" fill="#1d1d1d"/>']
    for title, links, top in (("The compositor", tree["outer"], 40), ("Inside Vfx Swap", tree["inner"], 250)):
        parts.append(_text(20, top - 14, title, "#9a9a9a"))
        parts += _graph(links, tree, top)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="760" height="480" font-family="sans-serif" font-size="12">'
        + "\n".join(parts)
        + "</svg>\n"
    )


def _graph(links: list[list[str]], tree: dict[str, Any], top: int) -> list[str]:
    sockets: dict[str, tuple[list[str], list[str]]] = {}
    for before, out, after, into in links:
        for name, socket, side in ((before, out, 1), (after, into, 0)):
            have = sockets.setdefault(name, ([], []))[side]
            if socket not in have:
                have.append(socket)
    if "Vfx Swap" in sockets:
        sockets["Vfx Swap"] = (tree["inputs"], tree["outputs"])
    depth = dict.fromkeys(sockets, 0)
    for _ in sockets:
        for before, _out, after, _into in links:
            depth[after] = max(depth[after], depth[before] + 1)
    rows: dict[int, int] = {}
    boxes: dict[str, Box] = {}
    for name, (inputs, outputs) in sockets.items():
        column = depth[name]
        boxes[name] = (20 + column * 240, top + rows.get(column, 0), inputs, outputs)
        rows[column] = rows.get(column, 0) + 50 + ROW * (len(inputs) + len(outputs))
    wires = [_wire(boxes[before], out, boxes[after], into) for before, out, after, into in links]
    return [*wires, *(line for name, box in boxes.items() for line in _box(name, box))]


def _at(box: Box, socket: str, *, out: bool) -> tuple[int, int]:
    x, y, inputs, outputs = box
    index = outputs.index(socket) if out else len(outputs) + inputs.index(socket)
    return x + (WIDTH if out else 0), y + 38 + ROW * index


def _wire(before: Box, out: str, after: Box, into: str) -> str:
    (x, y), (u, v) = _at(before, out, out=True), _at(after, into, out=False)
    return f'<path d="M{x} {y} C{x + 50} {y} {u - 50} {v} {u} {v}" stroke="#8d8d8d" stroke-width="2" fill="none"/>'


def _box(name: str, box: Box) -> list[str]:
    x, y, inputs, outputs = box
    height = 36 + ROW * (len(inputs) + len(outputs))
    head = "#2f6b3d" if name == "Vfx Swap" else "#4d4d4d"
    lines = [
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{height}" rx="6" fill="#303030" stroke="#111"/>',
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="24" rx="6" fill="{head}"/>',
        _text(x + 10, y + 16, name, "#ffffff"),
    ]
    for side, names in ((True, outputs), (False, inputs)):
        for socket in names:
            u, v = _at(box, socket, out=side)
            lines.append(f'<circle cx="{u}" cy="{v}" r="5" fill="{COLOURS.get(socket, "#a1a1a1")}" stroke="#111"/>')
            lines.append(_text(u + (-10 if side else 10), v + 4, socket, "#dddddd", end=side))
    return lines


def _text(x: int, y: int, text: str, colour: str, *, end: bool = False) -> str:
    anchor = ' text-anchor="end"' if end else ""
    return f'<text x="{x}" y="{y}" fill="{colour}"{anchor}>{escape(text)}</text>'


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(draw(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))), encoding="utf-8")
