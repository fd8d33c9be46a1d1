"""What Nuke tells us of: nodes that come up with a script, knobs that change, frames that are about to be rendered.

None of these may raise into Nuke, but one: a frame that is to be written and has no result stops, with the reason.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import nuke
from vfx_swap_nuke import names
from vfx_swap_nuke.node import all_nodes, badge, is_ours, record, say

__all__ = ["register"]


def register() -> None:
    """With Nuke, in a window and in a terminal session."""
    nuke.addOnCreate(_quiet(_came_up), nodeClass="Group")
    nuke.addKnobChanged(_quiet(_changed), nodeClass="Group")
    nuke.addBeforeFrameRender(_frame_is_there, nodeClass="Write")


def _quiet(call: Callable[[Any], None]) -> Callable[[], None]:
    def called() -> None:
        try:
            node = nuke.thisNode()
            if is_ours(node):
                call(node)
        except BaseException as error:  # noqa: BLE001  # the script must open, and the panel must work
            sys.stderr.write(f"vfx-swap: {type(error).__name__}: {error}\n")

    return called


def _came_up(node: Any) -> None:
    """A script was opened, or a node pasted: bring it up to date, say what was interrupted."""
    from vfx_swap_nuke.migrate import is_newer, is_older, migrate

    if is_newer(node):
        say(
            node, "This node comes from a newer vfx-swap: it shows its result, but install the newer adapter to render."
        )
        return
    if is_older(node):
        migrate(node)
    if record(node).get("state") == "running":
        say(node, "A render was interrupted. Press Go on.")
        badge(node, "interrupted")


def _changed(node: Any) -> None:
    from vfx_swap_nuke.knobs import show_for_engine
    from vfx_swap_nuke.stale import mark

    knob = nuke.thisKnob()
    name = knob.name()
    if name == "vs_engine":
        show_for_engine(node)
    if name == names.VERSION:
        from vfx_swap_nuke.outputs import set_version

        set_version(node, int(knob.value()))
    kept = (names.STATUS, names.BADGE, names.JOB, names.DESCRIBED, names.SCHEMA, names.CONSENT, names.USE_RESULT)
    if name in {"showPanel", "inputChange"} or (name.startswith(names.PREFIX) and name not in kept):
        mark(node)


def _frame_is_there() -> None:
    """Stop a Write that would render a result which is not on disk, in words that say which.

    Only looks: it starts nothing, since it runs for every frame on every machine of a farm.

    Raises:
        RuntimeError: a file is missing.
    """
    from vfx_swap_bridge.paths import frame_file

    from vfx_swap_nuke.plate import in_view

    shown = [node for node in all_nodes() if node[names.USE_RESULT].value()]
    above = _all_above(nuke.thisNode()) if shown else set()
    for node in shown:
        read = node.node(names.RESULT)
        if node.fullName() not in above or read is None:
            continue
        pattern, frame = str(read["file"].value()), nuke.frame()
        if not pattern or not read["first"].value() <= frame <= read["last"].value():
            continue
        path = frame_file(in_view(pattern, nuke.thisView()), frame)
        if not os.path.isfile(path):  # as text
            mend = "Render it first, or switch off 'show result'."
            raise RuntimeError(f"{node.fullName()}: the swapped frame {path} is not there. {mend}")


def _all_above(node: Any) -> set[str]:
    """Full names of every node that a node hangs on."""
    seen: set[str] = set()
    stack = [node]
    while stack:
        one = stack.pop()
        if one is not None and one.fullName() not in seen:
            seen.add(one.fullName())
            stack.extend(one.input(index) for index in range(one.maxInputs()))
    return seen
