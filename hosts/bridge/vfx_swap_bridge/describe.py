"""Knobs as the agent describes them: an adapter builds its own from these, and knows no engine by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["GROUPS", "Knob", "for_engine", "knobs_of"]

GROUPS = {
    "": "Shot",
    "cast": "Identity",
    "lighting": "Lighting",
    "lighting.light": "Lights",
    "grain": "Grain",
    "matte": "Matte",
    "network": "Network",
    "write": "Write",
}
"""Table of the shot file -> heading in a host's interface; any other is named after its key."""


@dataclass(frozen=True)
class Knob:
    """One setting of a shot."""

    key: str
    """Of the shot file, such as `lighting.exposure_stops` or `cast[].strength`."""
    name: str
    """The key as an identifier: `lighting_exposure_stops`."""
    label: str
    help: str
    kind: str
    """`number`, `integer`, `choice`, `choices`, `colour`, `path`, `text`; a kind that is not known is a text."""
    minimum: float | None
    maximum: float | None
    choices: tuple[str, ...]
    default: Any
    unit: str
    engines: tuple[str, ...]
    """Those that it is for; none: all."""
    group: str
    """Heading that it stands under."""


def knobs_of(answer: Mapping[str, Any]) -> list[Knob]:
    """The knobs of an answer to `options`, in the shot file's order; what cannot be read is left out."""
    found = []
    for told in answer.get("options", ()):
        key = told.get("key") if isinstance(told, dict) else None
        if not isinstance(key, str) or not key:
            continue
        table = key.rpartition(".")[0].replace("[]", "")
        name = key.replace("[]", "").replace(".", "_")
        found.append(
            Knob(
                key=key,
                name=name,
                label=str(told.get("label") or name.replace("_", " ").capitalize()),
                help=str(told.get("help") or ""),
                kind=str(told.get("kind") or "text"),
                minimum=_number(told.get("minimum")),
                maximum=_number(told.get("maximum")),
                choices=tuple(str(one) for one in told.get("choices") or ()),
                default=told.get("default"),
                unit=str(told.get("unit") or ""),
                engines=tuple(str(one) for one in told.get("engines") or ()),
                group=GROUPS.get(table, table.replace(".", " ").capitalize()),
            )
        )
    return found


def for_engine(knob: Knob, engine: str) -> bool:
    """Whether an engine has a use for a knob."""
    return not knob.engines or engine in knob.engines


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
