"""Read a server file and the flags over it: every problem is reported at once, each with its key and line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import ValidationError

from vfx_swap.errors import Problem
from vfx_swap.service.server_checks import check_server
from vfx_swap.service.settings import SERVER_SCHEMA, ServerSettings
from vfx_swap.settings.messages import describe_findings
from vfx_swap.settings.toml_file import TomlFile, in_order, placed, read_toml

__all__ = ["ServerDraft", "draft_settings", "load_settings"]

Values: TypeAlias = Mapping[str, Any]  # Any: not yet validated

_PATHS = (
    ("state",),
    ("access",),
    ("tls", "certificate"),
    ("tls", "key"),
    ("tls", "client_ca"),
    ("roots", "read"),
    ("roots", "write"),
    ("roots", "map", "server"),
)
"""Keys that hold paths, or lists of them."""


@dataclass(frozen=True)
class ServerDraft:
    """Settings that were read, with what is wrong with them and what is worth a word."""

    where: Path | None
    settings: ServerSettings | None
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()

    def result(self) -> ServerSettings:
        """The settings.

        Raises:
            SettingsError: with every problem, in the order of the file.
        """
        if self.problems or self.settings is None:
            raise in_order(self.problems, where=self.where)
        return self.settings


def load_settings(path: str | os.PathLike[str] | None, *, flags: Values | None = None) -> ServerSettings:
    """The settings of a server.

    Args:
        path: its file; None: the flags alone, over the defaults.
        flags: values shaped as the file, which go over it; their paths start at the working folder.

    Raises:
        MissingInputError: there is no such file.
        SettingsError: anything is wrong; holds every problem.
    """
    return draft_settings(path, flags=flags).result()


def draft_settings(path: str | os.PathLike[str] | None, *, flags: Values | None = None) -> ServerDraft:
    """As `load_settings`, but with the problems as values.

    Raises:
        MissingInputError: there is no such file.
    """
    where = None if path is None else Path(path)
    read = TomlFile() if where is None else read_toml(where, kind="server file", page="docs/operations.md")
    if read.problems:
        return ServerDraft(where, None, placed(read.problems, lines=read.lines))
    problems: list[Problem] = []
    if where is not None and "schema" not in read.values:
        problems.append(Problem("schema", "is missing", f'Begin with schema = "{SERVER_SCHEMA}"'))
    given = _absolute(flags or {}, folder=Path.cwd())
    folder = Path.cwd() if where is None else where.absolute().parent
    values = _laid_over(_absolute(read.values, folder=folder), given)
    values.setdefault("state", str(_default_state()))
    settings = None
    try:
        settings = ServerSettings.model_validate(values)
    except ValidationError as error:
        problems += describe_findings(error, root=ServerSettings, kind="server file")
    notes: list[str] = []
    if settings is not None:
        found, notes = check_server(settings, now=datetime.now(UTC))
        problems += found
    lines = {key: line for key, line in read.lines.items() if not _is_flag(key, given)}
    return ServerDraft(where, settings, placed(problems, lines=lines), tuple(notes))


def _default_state() -> Path:
    from platformdirs import user_state_path

    return user_state_path("vfx-swap") / "server"


def _absolute(values: Values, *, folder: Path) -> dict[str, Any]:
    """The values with their paths made absolute; what is no path is left for the type check to name."""
    found = dict(values)
    for path in _PATHS:
        _absolute_at(found, path, folder)
    return found


def _absolute_at(values: dict[str, Any], keys: tuple[str, ...], folder: Path) -> None:
    first, *rest = keys
    if first not in values:
        return
    held = values[first]
    if not rest:
        values[first] = [_joined(folder, one) for one in held] if isinstance(held, list) else _joined(folder, held)
    elif isinstance(held, Mapping):
        inner = dict(held)
        _absolute_at(inner, tuple(rest), folder)
        values[first] = inner
    elif isinstance(held, list):
        inners = [dict(one) if isinstance(one, Mapping) else one for one in held]
        for one in inners:
            if isinstance(one, dict):
                _absolute_at(one, tuple(rest), folder)
        values[first] = inners


def _joined(folder: Path, value: object) -> object:
    return str(folder / value) if isinstance(value, str) and value and "\0" not in value else value


def _laid_over(below: dict[str, Any], above: Values) -> dict[str, Any]:
    """Tables key by key; whatever else whole."""
    merged = dict(below)
    for key, value in above.items():
        held = merged.get(key)
        merged[key] = _laid_over(held, value) if isinstance(held, dict) and isinstance(value, Mapping) else value
    return merged


def _is_flag(key: str, given: Values) -> bool:
    """Whether a key's value came from a flag: its line in the file would mislead."""
    held: Any = given
    for part in key.split("."):
        name = part.partition("[")[0]
        if not isinstance(held, Mapping) or name not in held:
            return False
        held = held[name]
    return not isinstance(held, Mapping)
