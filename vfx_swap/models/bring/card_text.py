"""A card as TOML text, as `models add` writes it and a person edits it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from vfx_swap.models.cards import Card

__all__ = ["card_text"]


def card_text(card: Card) -> str:
    """The card's TOML; what has its default is left out, tables of tables come last."""
    table = card.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude_none=True)
    return "\n".join(_lines({"schema": card.schema_, **table}, path=())) + "\n"


def _lines(table: Mapping[str, Any], *, path: tuple[str, ...]) -> list[str]:
    plain = {key: value for key, value in table.items() if not _is_table(value) and not _is_tables(value)}
    lines = [f"{_key(key)} = {_value(value)}" for key, value in plain.items()]
    for key, value in table.items():
        inner = (*path, key)
        name = ".".join(_key(part) for part in inner)
        if _is_table(value):
            body = _lines(value, path=inner)
            lines += ["", f"[{name}]", *body] if body and body[0] else body
        elif _is_tables(value):
            for one in value:
                lines += ["", f"[[{name}]]", *(f"{_key(word)} = {_value(what)}" for word, what in one.items())]
    return lines


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _key(key: str) -> str:
    return key if key and all(one.isascii() and (one.isalnum() or one in "-_") for one in key) else _text(key)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_value(one)}" for key, one in value.items()) + " }"
    return repr(value)


def _text(text: str) -> str:
    # JSON's escapes are TOML's; what TOML also forbids in a string is DEL.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
