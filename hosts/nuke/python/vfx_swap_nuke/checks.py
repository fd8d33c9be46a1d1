"""What would make a render go wrong, each with what to do, and with a Repair where it can be repaired."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import nuke
from vfx_swap_nuke import colour, names, outputs
from vfx_swap_nuke.migrate import is_newer, is_older, migrate
from vfx_swap_nuke.node import build_inside, missing_inside
from vfx_swap_nuke.plate import FRAME, upstream, wanted_views

__all__ = ["Problem", "problems", "repair"]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong."""

    key: str
    what: str
    mend: str
    repair: Callable[[Any], object] | None = None
    """Takes the node; None: only the artist can."""
    stops: bool = True
    """Whether a render would fail, or only give something else than was meant."""


def problems(group: Any) -> list[Problem]:
    """All of them, the most basic first."""
    found = [*_of_node(group)]
    if any(one.key in ("newer", "inside") for one in found):
        return found
    return [*found, *_of_input(group), *_of_output(group), *_of_casting(group), *_of_colour()]


def repair(group: Any) -> list[Problem]:
    """Repair what can be; those that were."""
    done: list[Problem] = []
    for _ in range(20):  # one repair may show the next problem; none is tried twice
        tried = {one.key for one in done}
        here = next((one for one in problems(group) if one.repair is not None and one.key not in tried), None)
        if here is None or here.repair is None:
            break
        here.repair(group)
        done.append(here)
    return done


def _of_node(group: Any) -> Iterator[Problem]:
    if is_newer(group):
        yield Problem("newer", "this node comes from a newer vfx-swap", "Install the newer adapter")
        return
    if is_older(group):
        yield Problem("older", "this node comes from an older vfx-swap", "Repair brings it up to date", migrate)
    missing = missing_inside(group)
    if missing:
        what = f"inside the node {', '.join(missing)} is missing, or plugged elsewhere"
        yield Problem("inside", what, "Repair builds it again", build_inside)
    elif not group.node(names.WRITE)["disable"].value():
        yield Problem(
            "write",
            "the Write inside is on, and would be rendered with the script's own",
            "Repair switches it off",
            _switch_off,
            stops=False,
        )


def _switch_off(group: Any) -> None:
    group.node(names.WRITE)["disable"].setValue(True)


def _of_input(group: Any) -> Iterator[Problem]:
    if upstream(group) is None:
        yield Problem("input", "nothing is plugged in", "Plug the plate into the node")
        return
    if nuke.root().proxy():
        yield Problem(
            "proxy",
            "proxy mode is on: the plate would be small",
            "Repair switches it off",
            lambda _: nuke.root().setProxy(False),
        )
    first, last = group[names.FIRST].value(), group[names.LAST].value()
    if first > last:
        yield Problem("range", f"the range {first}-{last} is empty", "Repair takes the input's range", range_from_input)
    elif first > group.input(0).lastFrame() or last < group.input(0).firstFrame():
        above = group.input(0)
        what = f"the range {first}-{last} lies outside the input's {above.firstFrame()}-{above.lastFrame()}"
        yield Problem("range", what, "Repair takes the input's range", range_from_input)
    if group[names.HANDLES].value() < 0:
        yield Problem(
            "handles",
            "there cannot be fewer than 0 handles",
            "Repair sets 0",
            lambda node: node[names.HANDLES].setValue(0),
        )
    unknown = set(group[names.VIEWS].value().replace(",", " ").split()) - set(nuke.views())
    if unknown:
        what = f"the script has no view {', '.join(sorted(unknown))}; it has {', '.join(nuke.views())}"
        yield Problem("views", what, "Repair takes all views", lambda node: node[names.VIEWS].setValue(""))


def range_from_input(group: Any) -> None:
    """Take the input's own range."""
    above = group.input(0)
    if above is not None:
        group[names.FIRST].setValue(above.firstFrame())
        group[names.LAST].setValue(above.lastFrame())


def _of_output(group: Any) -> Iterator[Problem]:
    given = str(group[names.OUTPUT].value())
    if not given.strip():
        can = bool(outputs.script_folder())
        mend = "Repair puts results beside the script" if can else "Name the output, or save the script"
        yield Problem("output", "no output is named", mend, _set_default if can else None)
        return
    if "\\" in given:
        yield Problem(
            "backslash", f"Nuke does not write to backslashes: {given}", "Repair turns them round", _turn_round
        )
        return
    pattern = outputs.output_of(group)
    if not os.path.isabs(pattern) and pattern[1:3] != ":/":  # as text: Windows' own paths too
        yield Problem("relative", f"the output is not a full path: {given}", "Name it from the root on")
    if not pattern.lower().endswith(".exr"):
        yield Problem("format", f"results are EXR: {given}", "Repair names it .exr", _as_exr)
    elif FRAME.search(pattern) is None:
        yield Problem(
            "padding", f"the output has no frame number: {given}", "Repair writes it before .exr", _add_padding
        )
    if len(wanted_views(group)) > 1 and "%V" not in pattern and "%v" not in pattern:
        yield Problem(
            "view", f"all views would be written to the same files: {given}", "Repair adds a folder a view", _add_view
        )


def _set_default(group: Any) -> None:
    group[names.OUTPUT].setValue(outputs.default_output(group))


def _turn_round(group: Any) -> None:
    group[names.OUTPUT].setValue(str(group[names.OUTPUT].value()).replace("\\", "/"))


def _as_exr(group: Any) -> None:
    given = str(group[names.OUTPUT].value())
    stem, dot, last = given.rpartition(".")
    group[names.OUTPUT].setValue(f"{stem if dot and '/' not in last else given}.exr")


def _add_padding(group: Any) -> None:
    group[names.OUTPUT].setValue(str(group[names.OUTPUT].value())[: -len(".exr")] + ".%04d.exr")


def _add_view(group: Any) -> None:
    group[names.OUTPUT].setValue(outputs.with_view(str(group[names.OUTPUT].value())))


def _of_casting(group: Any) -> Iterator[Problem]:
    if not group[names.IDENTITY].value().strip():
        yield Problem("identity", "no identity is chosen", "Press choose...")
    performer = str(group[names.PERFORMER].value())
    if performer and not os.path.isfile(performer):  # as text
        yield Problem("performer", f"there is no photograph {performer}", "Name one, or empty the knob")
    if not group[names.DESCRIBED].value():
        yield Problem("options", "the agent was never asked what can be set", "Press Reload options", stops=False)


def _of_colour() -> Iterator[Problem]:
    root = nuke.root()
    config = root.knob("OCIO_config")
    if config is not None and config.value() == "custom" and root["colorManagement"].value() == "OCIO":
        path = str(root["customOCIOConfigPath"].value())
        if not os.path.isfile(path):  # as text
            yield Problem(
                "config", f"there is no OCIO config {path or '(none named)'}", "Name it in the project settings"
            )
    space = colour.working_space()
    if space.is_role:
        what = f"the working space is named by the role {space.name!r}: the agent's own config says which space that is"
        yield Problem("role", what, "Choose the space by its name in the project settings", stops=False)
