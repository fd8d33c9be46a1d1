"""What can be set of a shot, described so that a host builds its knobs from it: read off the shot file's own types."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from vfx_swap.settings.shot import DEFAULT_ENGINE, Shot

__all__ = ["KnobKind", "Option", "describe_options"]

KnobKind: TypeAlias = Literal["number", "integer", "choice", "choices", "colour", "path", "text"]
WIRED = frozenset(
    {"schema", "name", "plate", "output", "frames", "cast[].identity", "cast[].performer", "cast[].track"}
)
"""What a host's own wiring gives and no knob does."""
PATHS = frozenset({"lighting.environment", "matte.holdout_matte", "matte.garbage_matte"})
UNITS = ("stops", "mired", "degrees", "pixels")
"""Suffixes of keys that are units (docs/glossary.md)."""
NETWORKS = "network."
CASTINGS = ("cast",)
"""Lists of tables of which a host's panel shows one."""


@dataclass(frozen=True)
class Option:
    """One knob."""

    key: str
    """Of the shot file; lists as `cast[].strength`."""
    kind: KnobKind
    label: str
    help: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    default: Any = None
    """A JSON value; None where there is none."""
    unit: str = ""
    engines: tuple[str, ...] = ()
    """Engines that it is for; empty: all."""


def describe_options(engines: tuple[str, ...]) -> tuple[Option, ...]:
    """Every knob, in the order of the shot file.

    Args:
        engines: ids of those that are here.
    """
    networks = tuple(one for one in engines if one != DEFAULT_ENGINE)
    found = []
    for option in _table(Shot, ""):
        if option.key in WIRED:
            continue
        if option.key == "engine":
            found.append(replace(option, kind="choice", choices=engines))
        elif not option.key.startswith(NETWORKS):
            found.append(option)
        elif networks:
            found.append(replace(option, engines=networks))
    return tuple(found)


def _table(model: type[BaseModel], at: str) -> Iterator[Option]:
    for name, field in model.model_fields.items():
        key = f"{at}{field.alias or name}"
        inner, many = _inner(field.annotation)
        if many and name not in CASTINGS:
            continue  # a list of tables is no knob: hosts that have lights and curves of their own fill it
        if inner is not None:
            yield from _table(inner, f"{key}[]." if many else f"{key}.")
        else:
            yield _option(key, field)


def _inner(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The table that a field holds, and whether it holds several."""
    for one in _flat(annotation):
        if isinstance(one, type) and issubclass(one, BaseModel):
            return one, one is not annotation
    return None, False


def _flat(annotation: Any) -> Iterator[Any]:
    yield annotation
    for one in get_args(annotation):
        yield from _flat(one)


def _option(key: str, field: FieldInfo) -> Option:
    annotation = _bare(field.annotation)
    bounds = (*field.metadata, *_metadata(field.annotation))
    lows = [float(one.ge) for one in bounds if isinstance(one, annotated_types.Ge) and isinstance(one.ge, int | float)]
    highs = [float(one.le) for one in bounds if isinstance(one, annotated_types.Le) and isinstance(one.le, int | float)]
    last = key.rpartition(".")[2].removesuffix("[]")
    unit = next((one for one in UNITS if last.endswith(f"_{one}")), "")
    default = field.get_default(call_default_factory=True)
    return Option(
        key=key,
        kind=_kind(key, annotation),
        label=last.removesuffix(f"_{unit}" if unit else "").replace("_", " ").capitalize(),
        help=" ".join((field.description or "").split()),
        minimum=lows[0] if lows else None,
        maximum=highs[0] if highs else None,
        choices=_choices(annotation),
        default=_plain(default),
        unit=unit,
    )


def _bare(annotation: Any) -> Any:
    """The type without Annotated, and without None beside it."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        rest = [one for one in get_args(annotation) if one is not type(None)]
        return _bare(rest[0]) if len(rest) == 1 else annotation
    return annotation


def _metadata(annotation: Any) -> Iterator[Any]:
    for one in _flat(annotation):
        if get_origin(one) is Annotated:
            yield from one.__metadata__


def _kind(key: str, annotation: Any) -> KnobKind:
    if key in PATHS:
        return "path"
    if get_origin(annotation) is Literal:
        return "choice"
    if get_origin(annotation) is tuple:
        return "choices" if _choices(annotation) else "colour"
    return {float: "number", int: "integer"}.get(annotation, "text")  # type: ignore[return-value]  # words of KnobKind


def _choices(annotation: Any) -> tuple[str, ...]:
    for one in _flat(annotation):
        if get_origin(one) is Literal:
            return tuple(str(word) for word in get_args(one))
    return ()


def _plain(default: Any) -> Any:
    if isinstance(default, tuple):
        return [_plain(one) for one in default]
    return default if isinstance(default, str | int | float | bool) else None
