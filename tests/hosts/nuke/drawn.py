"""The toolset as text, and a picture of what is in it: `python -m tests.hosts.nuke.drawn` writes both anew.

The picture shows boxes and wires of the script file; it is no screenshot.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.hosts.nuke.conftest import Session, start
from tests.hosts.nuke.nk import NkNode, read_script

__all__ = ["PICTURE", "TOOLSET", "picture", "toolset"]

TOOLSET = ROOT / "hosts" / "nuke" / "toolsets" / "VfxSwap.nk"
PICTURE = ROOT / "docs" / "images" / "nuke-node.svg"
COLOURS = {"Input": "#d8d8d8", "Read": "#b9c9e8", "Write": "#c9c08a", "Switch": "#c8a7d8", "Output": "#d8d8d8"}
NOTES = {
    "Plate": "what is plugged in",
    "PlateOut": "off; on only while the plate is rendered",
    "SwapIn": "the result, with its layers",
    "UseResult": "show result",
}
WIDE, HIGH, LEFT, TOP = 130, 40, 190, 60
SIZE = (720, 420)


def toolset(session: Session) -> str:
    """A new node with the options of this version's own engine, as a script."""
    group = session.adapter("node").create()
    session.adapter("knobs").refresh(group, session.options())
    return session.fake.saved()


def picture(text: str) -> str:
    """The inside of the node in a script, as SVG."""
    [group] = read_script(text).nodes
    colour = f"#{group.knobs['tile_color'][2:8]}"
    places = {node: _place(node) for node in group.nodes}
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{SIZE[0]}" height="{SIZE[1]}" font-family="sans-serif">',
        f"<title>What is inside {escape(group.name)}, drawn from toolsets/VfxSwap.nk</title>",
        f'<rect width="{SIZE[0]}" height="{SIZE[1]}" fill="#ffffff"/>',
        f'<rect x="20" y="30" width="680" height="370" rx="8" fill="#f4f0f8" stroke="{colour}" stroke-width="2"/>',
        _text(32, 50, f"Group {group.name}", size=14, fill=colour),
    ]
    for node, (x, y) in places.items():
        for index, above in enumerate(node.inputs):
            if above is not None:
                ax, ay = places[above][0] + WIDE // 2, places[above][1] + HIGH
                to = x + WIDE // 2 + 24 * index - 12 * (len(node.inputs) - 1)
                lines.append(f'<line x1="{ax}" y1="{ay}" x2="{to}" y2="{y}" stroke="#555555" stroke-width="1.5"/>')
    for node, (x, y) in places.items():
        off = ' stroke-dasharray="5 3"' if node.knobs.get("disable") == "true" else ""
        box = f'<rect x="{x}" y="{y}" width="{WIDE}" height="{HIGH}" rx="4" fill="{COLOURS[node.kind]}"'
        beside = (x + WIDE + 8, y + 24) if x >= LEFT else (x, y + HIGH + 16)
        lines += [
            f'{box} stroke="#444444"{off}/>',
            _text(x + WIDE // 2, y + 17, node.name, size=13, anchor="middle"),
            _text(x + WIDE // 2, y + 32, node.kind, size=10, fill="#444444", anchor="middle"),
            *([_text(*beside, NOTES[node.name], size=11, fill="#666666")] if node.name in NOTES else []),
        ]
    which = group.node("UseResult").knobs["which"]
    return "\n".join([*lines, _text(32, 388, f"UseResult.which = {which}", size=11, fill="#666666"), "</svg>", ""])


def _text(x: int, y: int, text: str, *, size: int, fill: str = "#000000", anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" font-size="{size}" fill="{fill}" text-anchor="{anchor}">{escape(text)}</text>'


def _place(node: NkNode) -> tuple[int, int]:
    x, y = int(node.knobs.get("xpos", 0)), int(node.knobs.get("ypos", 0))
    return LEFT + round(1.45 * x), TOP + 20 + y


if __name__ == "__main__":
    with pytest.MonkeyPatch.context() as patch:
        for one in start(patch, gui=True):
            TOOLSET.write_text(toolset(one), encoding="utf-8")
    Path(PICTURE).write_text(picture(TOOLSET.read_text(encoding="utf-8")), encoding="utf-8")
