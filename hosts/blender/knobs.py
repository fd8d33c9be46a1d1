"""Settings of a shot as properties: made from what the agent describes, nothing about an engine is written here.

They are custom properties of what holds them (a node's tree, an image, a scene), so a file keeps them where the add-on
is not installed. A number is a number with the knob's range, a colour three; choices are text, so that an engine that
is not here today keeps its name.
"""

from __future__ import annotations

from typing import Any

from .vfx_swap_bridge.describe import for_engine

__all__ = ["MARK", "draw", "fit", "get", "put", "values"]

MARK = "vs:"
"""Begins the name of every property that is a knob."""
_LENGTH = 63
"""Most characters of a custom property's name in Blender."""


def name_of(knob: Any) -> str:
    """The custom property of a knob; brackets of lists would end its path."""
    return (MARK + knob.key.replace("[]", ""))[:_LENGTH]


def fit(owner: Any, knobs: Any) -> None:
    """Give the owner every knob that it has not yet, at its default, and what panels show of all."""
    for knob in knobs:
        name = name_of(knob)
        if name not in owner:
            if knob.default is None and knob.kind in ("number", "integer", "colour"):
                continue  # nothing stands for a number that is left to the engine; `put` makes it
            owner[name] = _plain(knob, knob.default)
        _describe(owner.id_properties_ui(name), knob)


def get(owner: Any, knob: Any) -> Any:
    """The value, as a shot file has it; None where it was left alone or is cleared."""
    name = name_of(knob)
    if name not in owner:
        return None
    held = owner[name]
    if knob.kind == "number":
        return float(held)
    if knob.kind == "integer":
        return int(held)
    if knob.kind == "colour":
        return [float(one) for one in held]
    if knob.kind == "choices":
        return [word for word in str(held).split(",") if word]
    return str(held) or None


def put(owner: Any, knob: Any, value: Any) -> None:
    """Set it. Numbers are held within the knob's range.

    Raises:
        ValueError: a choice that there is not.
    """
    words = value if knob.kind == "choices" else [value]
    if knob.kind in ("choice", "choices") and not set(words) <= {*knob.choices, None, ""}:
        raise ValueError(f"{knob.label}: {value!r} is none of {', '.join(knob.choices)}")
    if knob.kind in ("number", "integer"):
        value = value if knob.minimum is None else max(value, knob.minimum)
        value = value if knob.maximum is None else min(value, knob.maximum)
    owner[name_of(knob)] = _plain(knob, value)


def values(owner: Any, knobs: Any, *, engine: str) -> dict[str, Any]:
    """Key -> value of what is set otherwise than by default and is of use to the engine."""
    found = {}
    for knob in knobs:
        value = get(owner, knob)
        if value is not None and value != knob.default and for_engine(knob, engine):
            found[knob.key] = value
    return found


def draw(layout: Any, owner: Any, knob: Any) -> None:
    """One row of a panel."""
    name = name_of(knob)
    if name not in owner:
        return
    if knob.kind == "choice":
        row = layout.split(factor=0.4)
        row.label(text=knob.label)
        button = row.operator_menu_enum("vfx_swap.choose", "choice", text=str(owner[name]) or "—")
        button.key = knob.key
    elif knob.kind == "choices":
        layout.label(text=knob.label)
        row = layout.row(align=True)
        have = get(owner, knob) or []
        for word in knob.choices:
            button = row.operator("vfx_swap.toggle", text=word, depress=word in have)
            button.key, button.word = knob.key, word
    else:
        text = f"{knob.label} ({knob.unit})" if knob.unit else knob.label
        layout.prop(owner, f'["{name}"]', text=text)


def _plain(knob: Any, value: Any) -> Any:
    """A value as the custom property holds it."""
    if knob.kind == "number":
        return float(value or 0.0)
    if knob.kind == "integer":
        return int(value or 0)
    if knob.kind == "colour":
        return [float(one) for one in (value or (1.0, 1.0, 1.0))]
    if knob.kind == "choices":
        return ",".join(value or ())
    return "" if value is None else str(value)


def _describe(shown_as: Any, knob: Any) -> None:
    """Tooltip, range and default of the property."""
    more: dict[str, Any] = {"description": knob.help}
    if knob.kind in ("number", "integer"):
        kind = float if knob.kind == "number" else int
        for ours, theirs in (("minimum", "min"), ("maximum", "max")):
            limit = getattr(knob, ours)
            if limit is not None:
                more[theirs] = more[f"soft_{theirs}"] = kind(limit)
        more["default"] = kind(knob.default or 0)
    elif knob.kind == "colour":
        more["subtype"] = "COLOR"
    elif knob.kind == "path":
        more["subtype"] = "FILE_PATH"
    shown_as.update(**more)
