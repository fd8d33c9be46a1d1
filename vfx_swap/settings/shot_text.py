"""Values of a shot as the text of a shot file: TOML of tables, lists, texts, numbers, truths, and nothing else."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vfx_swap.errors import UsageError

__all__ = ["shot_text"]


def shot_text(values: Mapping[str, Any]) -> str:
    """TOML that reads back as these values; None is left out.

    Raises:
        UsageError: a value is of a kind that a shot file cannot hold.
    """
    return "\n".join(_table(values, at="")).strip() + "\n"


def _table(values: Mapping[str, Any], *, at: str) -> Iterator[str]:
    """Plain values, then tables, since what follows a table's name belongs to it."""
    kept = {name: value for name, value in values.items() if value is not None}
    deeper = {name: value for name, value in kept.items() if isinstance(value, Mapping) or _is_tables(value)}
    for name, value in kept.items():
        if name not in deeper:
            yield f"{_key(name)} = {_value(value, at=f'{at}{name}')}"
    for name, value in deeper.items():
        opening, closing = ("[", "]") if isinstance(value, Mapping) else ("[[", "]]")
        for one in [value] if isinstance(value, Mapping) else value:
            yield from ("", f"{opening}{at}{_key(name)}{closing}", *_table(one, at=f"{at}{_key(name)}."))


def _is_tables(value: object) -> bool:
    return isinstance(value, Sequence) and bool(value) and all(isinstance(one, Mapping) for one in value)


def _key(name: str) -> str:
    return name if name.isascii() and name.replace("_", "").replace("-", "").isalnum() else _text(name)


def _value(value: object, *, at: str) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    if isinstance(value, Sequence):
        return f"[{', '.join(_value(one, at=at) for one in value)}]"
    raise UsageError(f"{at} cannot be {value!r} in a shot file")


def _text(text: str) -> str:
    """A basic string. JSON's escapes are TOML's; what is left is DEL, which TOML wants escaped and JSON does not."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
