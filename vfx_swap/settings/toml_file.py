"""A TOML file of settings as its values and the lines of its keys, with what is wrong with the file as such."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vfx_swap.errors import MissingInputError, Problem, SettingsError
from vfx_swap.settings.lines import key_lines, line_of

__all__ = ["MAX_FILE_BYTES", "TomlFile", "in_order", "placed", "read_toml"]

MAX_FILE_BYTES = 1 << 20
"""A settings file is a page of text; more is a mistake."""


@dataclass(frozen=True)
class TomlFile:
    """What a file holds; empty values and a problem when it is not TOML."""

    text: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)  # Any: what TOML holds, not yet validated
    lines: Mapping[str, int] = field(default_factory=dict)
    """Dotted key to its 1-based line."""
    problems: tuple[Problem, ...] = ()


def read_toml(where: Path, *, kind: str, page: str) -> TomlFile:
    """Read a file.

    Args:
        where: the file.
        kind: what it is called in messages, such as `shot file`.
        page: the page of the documentation that shows one.

    Raises:
        MissingInputError: there is no such file.
    """
    text = _read_text(where, kind=kind, page=page)
    if isinstance(text, Problem):
        return TomlFile(problems=(text,))
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return TomlFile(text=text, problems=(_syntax_problem(str(error), text),))
    except (RecursionError, ValueError) as error:  # a nest too deep, a number too long
        what = f"cannot be read as TOML: {type(error).__name__}"
        return TomlFile(text=text, problems=(Problem(key="", what=what),))
    return TomlFile(text=text, values=values, lines=key_lines(text))


def placed(problems: Iterable[Problem], *, lines: Mapping[str, int]) -> tuple[Problem, ...]:
    """The same problems, each with the line of its key where that is known."""
    return tuple(
        problem if problem.line is not None else replace(problem, line=line_of(lines, problem.key))
        for problem in problems
    )


def in_order(problems: Iterable[Problem], *, where: Path | None) -> SettingsError:
    """The error that tells all problems, each once, in the order of the file."""
    unique = dict.fromkeys(problems)
    return SettingsError(sorted(unique, key=lambda problem: (problem.line or 0, problem.key)), where=where)


def _read_text(where: Path, *, kind: str, page: str) -> str | Problem:
    try:
        with where.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise MissingInputError(
            f"there is no such {kind}", where=where, mend=f"Check the path; {page} shows one"
        ) from error
    except NotADirectoryError as error:
        raise MissingInputError(f"there is no such {kind}", where=where, mend="Check the path") from error
    except IsADirectoryError:
        return Problem(key="", what=f"is a folder, not a {kind}")
    except (OSError, ValueError) as error:
        return Problem(key="", what=f"cannot be read: {getattr(error, 'strerror', None) or error}")
    if len(content) > MAX_FILE_BYTES:
        return Problem(key="", what=f"is larger than {MAX_FILE_BYTES} bytes, which no {kind} is")
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
