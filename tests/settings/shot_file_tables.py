"""The tables of docs/shot-file.md, made from the models: `python -m tests.settings.shot_file_tables` prints them."""

from __future__ import annotations

import sys
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from vfx_swap.settings.messages import choices_of, range_of, table_of
from vfx_swap.settings.shot import Shot

__all__ = ["tables"]

REQUIRED_SCHEMA = "schema"
"""Has a default for callers in Python; a file must say it."""


def tables() -> str:
    """All tables as Markdown."""
    parts = [_table("The top of the file", Shot)]
    for name, field in Shot.model_fields.items():
        inner = table_of(field)
        if inner is None:
            continue
        parts.append(_table(f"`[[{name}]]`, one or more" if name == "cast" else f"`[{name}]`", inner))
        parts += _deeper(name, inner)
    return "\n\n".join(parts)


def _deeper(at: str, model: type[BaseModel]) -> list[str]:
    """Lists of tables inside a table, and those inside them."""
    parts = []
    for name, field in model.model_fields.items():
        if (inner := table_of(field)) is not None:
            parts += [_table(f"`[[{at}.{name}]]`, none or more", inner), *_deeper(f"{at}.{name}", inner)]
    return parts


def _table(title: str, model: type[BaseModel]) -> str:
    about = (model.__doc__ or "").strip()
    rows = [
        f"| `{field.alias or name}` | {_kind(field)} | {_default(field)} | {_line(field.description)} |"
        for name, field in model.model_fields.items()
        if table_of(field) is None
    ]
    head = [f"## {title}", "", about, "", "| key | type and range | default | meaning |", "| --- | --- | --- | --- |"]
    return "\n".join([*head, *rows])


def _line(text: str | None) -> str:
    """On one line: a row of a table cannot be broken."""
    return " ".join((text or "").split())


def _kind(field: FieldInfo) -> str:
    text = str(field.annotation)
    many = "tuple" in text
    if choices := choices_of(field):
        words = ", ".join(f"`{word}`" for word in choices)
        return f"list of {words}" if many else words
    if limits := range_of(field):
        noun = "whole number" if "int" in text else "three numbers" if many else "number"
        return f"{noun}, {limits[0]:.10g} to {limits[1]:.10g}"
    return "text"


def _default(field: FieldInfo) -> str:
    if field.is_required() or field.alias == REQUIRED_SCHEMA:
        return "required"
    default: Any = field.default
    if default is None:
        return "none"
    if isinstance(default, tuple):
        return f"`[{', '.join(_toml(item) for item in default)}]`"
    return f"`{_toml(default)}`"


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else f"{value}"


if __name__ == "__main__":
    sys.stdout.write(tables() + "\n")
