"""Read a shot file: every problem found is reported at once, each with its key and line."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vfx_swap.errors import MissingInputError, Problem, SettingsError
from vfx_swap.settings.checks import Knows, check_values
from vfx_swap.settings.lines import key_lines, line_of
from vfx_swap.settings.messages import describe_findings
from vfx_swap.settings.shot import Shot

__all__ = ["ENGINES", "Draft", "draft_shot", "load_shot", "shot_from_values"]

ENGINES: tuple[str, ...] = ("reprojection",)
"""Engines that every installation has."""
MAX_SHOT_BYTES = 1 << 20
"""A shot file is a page of text; more is a mistake."""


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
        placed = tuple(
            problem if problem.line is not None else replace(problem, line=line_of(self.lines, problem.key))
            for problem in problems
        )
        return replace(self, problems=self.problems + placed)

    def result(self) -> Shot:
        """The shot.

        Raises:
            SettingsError: with every problem, in the order of the file.
        """
        if self.problems or self.shot is None:
            unique = dict.fromkeys(self.problems)
            raise SettingsError(sorted(unique, key=lambda problem: (problem.line or 0, problem.key)), where=self.where)
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
    folder = where.parent.absolute()
    draft = Draft(where=where, folder=folder)
    text = _read_text(where)
    if isinstance(text, Problem):
        return draft.with_problems(text)
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return draft.with_problems(_syntax_problem(str(error), text))
    except (RecursionError, ValueError) as error:  # a nest too deep, a number too long
        return draft.with_problems(Problem(key="", what=f"cannot be read as TOML: {type(error).__name__}"))
    lines = key_lines(text)
    return _check(replace(draft, lines=lines), raw, engines=engines, knows_colour_space=knows_colour_space)


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


def _read_text(where: Path) -> str | Problem:
    try:
        with where.open("rb") as file:
            content = file.read(MAX_SHOT_BYTES + 1)
    except FileNotFoundError as error:
        raise MissingInputError(
            "there is no such shot file", where=where, mend="Check the path; docs/shot-file.md shows one"
        ) from error
    except NotADirectoryError as error:
        raise MissingInputError("there is no such shot file", where=where, mend="Check the path") from error
    except IsADirectoryError:
        return Problem(key="", what="is a folder, not a shot file")
    except (OSError, ValueError) as error:
        return Problem(key="", what=f"cannot be read: {getattr(error, 'strerror', None) or error}")
    if len(content) > MAX_SHOT_BYTES:
        return Problem(key="", what=f"is larger than {MAX_SHOT_BYTES} bytes, which no shot file is")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return Problem(key="", what="is not UTF-8 text", mend="Save it as UTF-8", line=line)


def _syntax_problem(message: str, text: str) -> Problem:
    found = re.search(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$", message)
    if found is None:
        return Problem(key="", what=f"is not valid TOML: {message}")
    line = int(found[1]) if found[1] else text.count("\n") + 1
    what = message[: found.start()]
    mend = "Text stands in quotes, one key a line, `key = value`"
    return Problem(key="", what=f"is not valid TOML: {what[:1].lower()}{what[1:]}", mend=mend, line=line)


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
