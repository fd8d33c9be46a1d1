"""Knobs that the agent describes.

What an engine can be told is not known here. The agent describes it, each description becomes a knob, and the
descriptions are kept on the node, so that values find their keys again where no agent is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from vfx_swap_bridge.describe import Knob, for_engine, knobs_of

import nuke
from vfx_swap_nuke import names
from vfx_swap_nuke.wiring import add_knob

__all__ = ["described", "refresh", "set_values", "show_for_engine", "values"]

ENGINE = "engine"
WIRED = frozenset({"colour_space"})
"""Described, but said by the script's own colour management."""
UNITS = {"stops": "stops", "mired": "mired", "degrees": "degrees", "pixels": "px"}


def described(group: Any) -> list[Knob]:
    """What the agent said when the node's knobs were made."""
    try:
        kept = json.loads(group[names.DESCRIBED].value() or "[]")
        return knobs_of({"options": kept, "engines": []})
    except (ValueError, TypeError, KeyError):
        return []


def refresh(group: Any, options: Mapping[str, Any]) -> None:
    """Make the node's described knobs those that the agent describes now; values that still fit are kept.

    Args:
        group: the node.
        options: the agent's answer to `options`.
    """
    before = values(group)
    for name in [one for knob in described(group) for one in _names(knob)] + _frames(group):
        old = group.knob(name)
        if old is not None:
            group.removeKnob(old)
    new = [knob for knob in knobs_of(options) if knob.key not in WIRED]
    groups: dict[str, list[Knob]] = {}
    for knob in new:
        groups.setdefault(knob.group, []).append(knob)
    add_knob(group, nuke.Tab_Knob("vs_settings", "Settings"), "")
    for title, members in groups.items():
        word = "".join(mark if mark.isalnum() else "_" for mark in title.lower()) or "shot"
        add_knob(group, nuke.Tab_Knob(f"vs_group_{word}", title or "Shot", nuke.TABBEGINGROUP), "")
        for member in members:
            _add_described(group, member)
        add_knob(group, nuke.Tab_Knob(f"vs_end_{word}", "", nuke.TABENDGROUP), "")
    # Tooltips hold the help: once in a script is enough.
    kept = [{**one, "help": ""} for one in options.get("options", []) if one.get("key") not in WIRED]
    group[names.DESCRIBED].setValue(json.dumps(kept, sort_keys=True))
    set_values(group, before)
    show_for_engine(group)


def _frames(group: Any) -> list[str]:
    return [name for name in group.knobs() if name.startswith(("vs_group_", "vs_end_")) or name == "vs_settings"]


def _name(knob: Knob) -> str:
    return names.PREFIX + knob.name


def _names(knob: Knob) -> list[str]:
    """Of the Nuke knobs that stand for one: a list of words is a checkbox each."""
    if knob.kind == "choices":
        return [f"{_name(knob)}_{word}" for word in knob.choices]
    return [_name(knob)]


def _add_described(group: Any, knob: Knob) -> None:
    label = f"{knob.label.lower()} ({UNITS[knob.unit]})" if knob.unit in UNITS else knob.label.lower()
    if knob.kind == "choices":
        for index, (name, word) in enumerate(zip(_names(knob), knob.choices)):
            made: Any = nuke.Boolean_Knob(name, word if index else f"{label}: {word}")
            add_knob(group, made, knob.help, line=index == 0)
            made.setValue(word in (knob.default or ()))
        return
    name = _name(knob)
    if knob.kind == "number":
        made = nuke.Double_Knob(name, label)
        if knob.minimum is not None and knob.maximum is not None:
            made.setRange(knob.minimum, knob.maximum)
    elif knob.kind == "choice":
        made = nuke.Enumeration_Knob(name, label, list(knob.choices))
    else:
        kinds: Mapping[str, Any] = {"integer": nuke.Int_Knob, "colour": nuke.Color_Knob, "path": nuke.File_Knob}
        made = kinds.get(knob.kind, nuke.String_Knob)(name, label)
    add_knob(group, made, knob.help)
    if knob.default is not None:
        made.setValue(knob.default)


def values(group: Any) -> dict[str, Any]:
    """Value of every described knob that is there and that the chosen engine can be told, by its key."""
    found: dict[str, Any] = {}
    chosen = _engine(group)
    for knob in described(group):
        if not for_engine(knob, chosen):
            continue
        held = [group.knob(name) for name in _names(knob)]
        if any(one is None for one in held):
            continue
        if knob.kind == "choices":
            found[knob.key] = [word for word, one in zip(knob.choices, held) if one.value()]
        elif knob.kind == "colour":
            found[knob.key] = [float(one) for one in held[0].value()]
        elif held[0].value() != "" or knob.default not in (None, ""):
            found[knob.key] = held[0].value()
    return found


def set_values(group: Any, wanted: Mapping[str, Any]) -> None:
    """Set described knobs by key; what does not fit any more is left at its default."""
    for knob in described(group):
        if knob.key not in wanted:
            continue
        value = wanted[knob.key]
        if knob.kind == "choices":
            for name, word in zip(_names(knob), knob.choices):
                group[name].setValue(word in value)
        elif knob.kind != "choice" or value in knob.choices:
            group[_name(knob)].setValue(value)


def show_for_engine(group: Any) -> None:
    """Show what the chosen engine can be told, and nothing else."""
    chosen = _engine(group)
    for knob in described(group):
        for name in _names(knob):
            group[name].setVisible(for_engine(knob, chosen))


def _engine(group: Any) -> str:
    knob = group.knob(names.PREFIX + ENGINE)
    return "" if knob is None else str(knob.value())
