"""Nodes of older scripts, brought to what this adapter expects; nodes of newer ones are left alone, and said so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vfx_swap_nuke import names

__all__ = ["MIGRATIONS", "is_newer", "is_older", "migrate"]

MIGRATIONS: Mapping[int, Callable[[Any], None]] = {}
"""Schema number -> what makes a node of it one of the next. Schema 1 is the first."""


def is_older(group: Any, *, current: int = names.SCHEMA_NUMBER) -> bool:
    """Whether it comes from an older adapter."""
    return bool(group[names.SCHEMA].value() < current)


def is_newer(group: Any, *, current: int = names.SCHEMA_NUMBER) -> bool:
    """Whether it comes from a newer adapter."""
    return bool(group[names.SCHEMA].value() > current)


def migrate(
    group: Any,
    *,
    steps: Mapping[int, Callable[[Any], None]] = MIGRATIONS,
    current: int = names.SCHEMA_NUMBER,
) -> list[int]:
    """Bring a node up to date, one schema after the other; the numbers it went through.

    A step that fails leaves the node at the number it had reached, so that the rest can be tried again.

    Raises:
        LookupError: there is no way from the node's number.
    """
    done = []
    while is_older(group, current=current):
        number = group[names.SCHEMA].value()
        if number not in steps:
            raise LookupError(f"a node of schema {number} is older than this adapter can read")
        steps[number](group)
        group[names.SCHEMA].setValue(number + 1)
        done.append(number)
    return done
