"""Read a shot file: every problem found is reported at once, each with its key and line."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vfx_swap.errors import Problem
from vfx_swap.settings.checks import Knows, check_values
from vfx_swap.settings.messages import describe_findings
from vfx_swap.settings.shot import Shot
from vfx_swap.settings.toml_file import in_order, placed, read_toml

__all__ = ["ENGINES", "Draft", "draft_shot", "load_shot", "shot_from_values"]

ENGINES: tuple[str, ...] = ("reprojection",)
"""Engines that every installation has."""


@dataclass(frozen=True)
class Draft:
    """A shot file that was read, with what is wrong with it so far.

    Floors above add what they find (frames, pictures, packs) by `with_problems`, so that the reader sees
    everything at once.
    """

    where: Path | None
    """The file; None for values that came from a command line."""
    folder: Path
    """Relative paths start here."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """The file as it stands, paths made absolute; empty when it is not TOML."""
    shot: Shot | None = None
    """None when the values do not make a shot."""
    problems: tuple[Problem, ...] = ()
    lines: Mapping[str, int] = field(default_factory=dict)

    def with_problems(self, *problems: Problem) -> Draft:
        """The same draft with more problems, their lines looked up."""
        return replace(self, problems=self.problems + placed(problems, lines=self.lines))

    def result(self) -> Shot:
        """The shot.

        Raises:
            SettingsError: with every problem, in the order of the file.
        """
        if self.problems or self.shot is None:
            raise in_order(self.problems, where=self.where)
        return self.shot


def load_shot(
    path: str | os.PathLike[str], *, engines: Collection[str] = ENGINES, knows_colour_space: Knows | None = None
) -> Shot:
    """Read a shot file and check all that can be checked without opening a picture.

    Args:
        path: the shot file.
        engines: ids of the engines that can be used here.
        knows_colour_space: tells whether a colour space exists; None leaves that unchecked.

    Raises:
        MissingInputError: there is no such file.
        SettingsError: anything is wrong with it; holds every problem.
    """
    return draft_shot(path, engines=engines, knows_colour_space=knows_colour_space).result()


def draft_shot(
    path: str | os.PathLike[str], *, engines: Collection[str] = ENGINES, knows_colour_space: Knows | None = None
) -> Draft:
    """As `load_shot`, but with the problems as values, for a caller that has more checks to make.

    Raises:
        MissingInputError: there is no such file.
    """
    where = Path(path)
    read = read_toml(where, kind="shot file", page="docs/shot-file.md")
    draft = Draft(where=where, folder=where.parent.absolute(), lines=read.lines)
    if read.problems:
        return draft.with_problems(*read.problems)
    return _check(draft, read.values, engines=engines, knows_colour_space=knows_colour_space)


def shot_from_values(
    values: Mapping[str, Any],  # Any: what a command line or a service was given, checked here
    *,
    folder: str | os.PathLike[str] = ".",
    engines: Collection[str] = ENGINES,
    knows_colour_space: Knows | None = None,
) -> Draft:
    """A draft from values instead of a file, with the same checks; `schema` may be left out.

    Args:
        values: nested mappings shaped as the shot file.
        folder: relative paths start here.
        engines: ids of the engines that can be used here.
        knows_colour_space: tells whether a colour space exists; None leaves that unchecked.
    """
    draft = Draft(where=None, folder=Path(folder).absolute())
    raw = {"schema": "vfx_swap/shot.1", **values}
    return _check(draft, raw, engines=engines, knows_colour_space=knows_colour_space)


def _absolute(draft: Draft, value: object) -> object:
    """A path of the file made absolute; what is no path is left for the type check to name."""
    if not isinstance(value, str) or not value or "\0" in value:
        return value
    return str(draft.folder / value)


def _absolute_paths(draft: Draft, raw: Mapping[str, Any]) -> dict[str, Any]:
    values = dict(raw)
    for key in ("plate", "output"):
        if key in values:
            values[key] = _absolute(draft, values[key])
    if isinstance(values.get("cast"), (list, tuple)):
        values["cast"] = [
            {key: _absolute(draft, value) if key in ("performer", "identity") else value for key, value in cast.items()}
            if isinstance(cast, Mapping)
            else cast
            for cast in values["cast"]
        ]
    lighting = values.get("lighting")
    if isinstance(lighting, Mapping) and "environment" in lighting:
        values["lighting"] = {**lighting, "environment": _absolute(draft, lighting["environment"])}
    matte = values.get("matte")
    if isinstance(matte, Mapping):
        files = {key: _absolute(draft, matte[key]) for key in ("holdout_matte", "garbage_matte") if key in matte}
        values["matte"] = {**matte, **files}
    return values


def _check(
    draft: Draft, raw: Mapping[str, Any], *, engines: Collection[str], knows_colour_space: Knows | None
) -> Draft:
    values = _absolute_paths(draft, raw)
    draft = replace(draft, values=values)
    if "schema" not in raw:  # the model has a default for callers in Python; a file must say what it is
        draft = draft.with_problems(
            Problem(key="schema", what="is missing", mend='Begin with schema = "vfx_swap/shot.1"')
        )
    try:
        draft = replace(draft, shot=Shot.model_validate(values))
    except ValidationError as error:
        draft = draft.with_problems(*describe_findings(error))
    found = check_values(values, engines=engines, knows_colour_space=knows_colour_space)
    return draft.with_problems(*found)
