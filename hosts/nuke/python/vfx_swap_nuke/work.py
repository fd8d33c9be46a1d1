"""One render, made ready in the main thread: everything that a thread needs, and nothing of Nuke's."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vfx_swap_bridge.paths import parse_maps, same_system, version_of
from vfx_swap_bridge.shot import shot_values

from vfx_swap_nuke import colour, fingerprint, names, outputs
from vfx_swap_nuke.checks import problems
from vfx_swap_nuke.knobs import values
from vfx_swap_nuke.node import record
from vfx_swap_nuke.plate import Plate, exists, expanded, in_view, plain_source, render_plate, wanted_views

__all__ = ["NotReadyError", "Work", "prepare", "restored"]


class NotReadyError(Exception):
    """The node is not fit to be rendered; the text says why, and how to mend it."""


@dataclass(frozen=True, eq=False)
class Work:
    """What is to be done, for each view a shot of its own with one casting."""

    node: str
    """Full name of the node: nodes themselves never leave the main thread."""
    shots: tuple[tuple[str, Mapping[str, Any]], ...]
    """View, values of its shot file."""
    first: int
    last: int
    pattern: str
    """Of the results, with `%V`."""
    server: str
    environment: Mapping[str, str]
    space: str
    raw: bool
    fingerprint: str
    plate: Mapping[str, Any]

    @property
    def frames(self) -> str:
        """The range as the shot file writes it."""
        return f"{self.first}-{self.last}"

    def record(self, *, state: str, **more: Any) -> dict[str, Any]:
        """What is kept on the node: enough to take the work up after Nuke was closed."""
        return {
            "state": state, "shots": [[view, dict(shot)] for view, shot in self.shots], "first": self.first,
            "last": self.last, "pattern": self.pattern, "server": self.server, "environment": dict(self.environment),
            "space": self.space, "raw": self.raw, "fingerprint": self.fingerprint, "plate": dict(self.plate),
            "version": version_of(self.pattern), **more,
        }  # fmt: skip


def restored(node: str, kept: Mapping[str, Any]) -> Work:
    """The work of a record.

    Raises:
        NotReadyError: it is not whole.
    """
    try:
        return Work(
            node=node, shots=tuple((str(view), shot) for view, shot in kept["shots"]), first=int(kept["first"]),
            last=int(kept["last"]), pattern=str(kept["pattern"]), server=str(kept["server"]),
            environment=kept["environment"], space=str(kept["space"]), raw=bool(kept["raw"]),
            fingerprint=str(kept["fingerprint"]), plate=kept["plate"],
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise NotReadyError("there is no render to go on with") from error


def prepare(group: Any) -> Work:
    """Look the node over, choose the version, and see to the plate; the plate's Write runs here where it must.

    Raises:
        NotReadyError: the node is not in order.
        RuntimeError: Nuke could not render the plate.
    """
    wrong = [one for one in problems(group) if one.stops]
    if wrong:
        raise NotReadyError("\n".join(f"{one.what}. {one.mend}." for one in wrong))
    views = wanted_views(group)
    handles = int(group[names.HANDLES].value())
    first, last = int(group[names.FIRST].value()) - handles, int(group[names.LAST].value()) + handles
    above = fingerprint.of_plate(group)
    digest = fingerprint.of_node(group, plate=above)
    pattern = _result_pattern(group, views, digest)
    plate, kept = _plate(group, pattern, above, first=first, last=last, views=views)
    shots = tuple((view, _shot(group, plate, pattern, view=view)) for view in views)
    where = group[names.WHERE].value()
    return Work(
        node=group.fullName(), shots=shots, first=first, last=last, pattern=pattern,
        server=_server(group) if where == names.SERVED else "", environment=colour.environment(),
        space=plate.knob_space, raw=plate.raw, fingerprint=digest, plate=kept,
    )  # fmt: skip


def _server(group: Any) -> str:
    address = str(group[names.SERVER].value()).strip() or os.environ.get("VFX_SWAP_SERVER", "")
    if not address:
        raise NotReadyError("no server is named. Write HOST:PORT into the knob, or set VFX_SWAP_SERVER.")
    return address


def _result_pattern(group: Any, views: list[str], digest: str) -> str:
    """The output, in the version that was begun with the very same settings, else in one of which nothing is there."""
    given = outputs.output_of(group)
    if version_of(given) == 0:
        given = outputs.with_version(given, 1)
    kept = record(group)
    begun = kept.get("fingerprint") == digest and kept.get("state") != "done" and kept.get("pattern") == given
    pattern = given if begun else outputs.free_version(given, views)
    number = version_of(pattern)
    group[names.OUTPUT].setValue(outputs.with_version(str(group[names.OUTPUT].value()), number))
    group[names.VERSION].setValue(number)
    return pattern


def _plate(
    group: Any, output: str, digest: str, *, first: int, last: int, views: list[str]
) -> tuple[Plate, dict[str, Any]]:
    """The input's own files; or those of the last time where nothing above has changed; or new ones."""
    plain = plain_source(group, first=first, last=last)
    if plain is not None and exists(plain.pattern, first=first, last=last, views=views):
        return plain, {"fingerprint": digest}
    before = record(group).get("plate") or {}
    pattern = str(before.get("pattern", ""))
    if before.get("fingerprint") != digest or not exists(pattern, first=first, last=last, views=views):
        pattern = outputs.plate_pattern(output, views)
        render_plate(group, pattern, first=first, last=last, views=views)
    made = Plate(pattern, colour.working_space(), raw=True, knob_space="", rendered=True)
    return made, {"pattern": pattern, "fingerprint": digest}


def _paths_there(group: Any) -> Callable[[str], str]:
    """Paths as the machine that renders calls them.

    Raises:
        NotReadyError: the path map does not read.
    """
    if group[names.WHERE].value() == names.HERE:
        return lambda path: path
    try:
        maps = parse_maps(str(group[names.PATHS].value()))
    except ValueError as error:
        raise NotReadyError(f"the path map: {error}") from error
    return lambda path: str(same_system(path, maps)) if "/" in path or "\\" in path else path


def _shot(group: Any, plate: Plate, pattern: str, *, view: str) -> dict[str, Any]:
    """Values of one view's shot file. All views have one name, which seeds the grain, and one casting."""
    there = _paths_there(group)
    cast: dict[str, Any] = {"identity": there(group[names.IDENTITY].value().strip())}
    performer = expanded(str(group[names.PERFORMER].value()))
    wanted = values(group)
    if performer:
        cast["performer"] = there(performer)
        wanted.pop("cast[].position", None)
    found: dict[str, Any] = shot_values(
        name=group.fullName().replace(".", "_"),
        plate=there(in_view(plate.pattern, view)),
        output=there(in_view(pattern, view)),
        cast=[cast],
        knobs={**wanted, "colour_space": plate.colour.name},
    )
    return found
