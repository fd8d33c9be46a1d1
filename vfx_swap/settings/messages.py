"""pydantic's findings in the words of the file they are in: key, what, mend."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from vfx_swap.errors import Problem
from vfx_swap.settings.shot import Shot

__all__ = ["choices_of", "describe_findings", "fields_of", "key_name", "range_of", "shorten", "table_of"]

_NOUNS = {
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "string_type": "text in quotes",
    "tuple_type": "a list, as in [ ... ]",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "finite_number": "a finite number",
}


def shorten(value: object, *, limit: int = 60) -> str:
    """A value for a message: its repr on one line, cut in the middle when long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer too long to print, a nest too deep
        text = f"a {type(value).__name__} too long to print"
    return text if len(text) <= limit else f"{text[: limit - 15]}...{text[-12:]}"


def key_name(location: Sequence[str | int]) -> str:
    """`("cast", 0, "identity")` as `cast[0].identity`."""
    name = ""
    for part in location:
        name += f"[{part}]" if isinstance(part, int) else (f".{part}" if name else part)
    return name


def fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """A model's fields by their key in the file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _arms(annotation: Any) -> list[Any]:  # Any: annotations are of no common type
    """The annotation and all it is made of: members of unions, items of tuples."""
    found = [annotation]
    if get_origin(annotation) in (Union, types.UnionType, tuple, Annotated):
        for arm in get_args(annotation):
            found += _arms(arm)
    return found


def table_of(field: FieldInfo) -> type[BaseModel] | None:
    """The table a key holds, once or as a list; None for a plain value."""
    tables = [arm for arm in _arms(field.annotation) if isinstance(arm, type) and issubclass(arm, BaseModel)]
    return tables[0] if tables else None


def choices_of(field: FieldInfo) -> tuple[str, ...]:
    """The words a key may hold; empty when it is not a choice."""
    return tuple(word for arm in _arms(field.annotation) if get_origin(arm) is Literal for word in get_args(arm))


def range_of(field: FieldInfo) -> tuple[float, float] | None:
    """Lowest and highest allowed value of a number, or of each number of a list; None for other keys."""
    metadata = list(field.metadata)
    for arm in _arms(field.annotation):
        for extra in getattr(arm, "__metadata__", ()):
            metadata += getattr(extra, "metadata", [])
    low = [item.ge for item in metadata if hasattr(item, "ge")]
    high = [item.le for item in metadata if hasattr(item, "le")]
    return (low[0], high[0]) if low and high else None


def _locate(location: Sequence[str | int], root: type[BaseModel]) -> tuple[type[BaseModel], FieldInfo | None]:
    """The table a location lies in and the field it names, if the table has it."""
    model = root
    field: FieldInfo | None = None
    names = [part for part in location if isinstance(part, str)]
    for index, name in enumerate(names):
        field = fields_of(model).get(name)
        inner = None if field is None else table_of(field)
        if inner is None or index == len(names) - 1:
            break
        model = inner
    return model, field


def _mend_unknown(name: str, model: type[BaseModel], root: type[BaseModel]) -> str:
    known = fields_of(model)
    for table, field in fields_of(root).items():
        inner = table_of(field)
        if inner is not None and name in fields_of(inner):
            many = any(get_origin(arm) is tuple for arm in _arms(field.annotation))
            return f"`{name}` belongs in {f'[[{table}]]' if many else f'[{table}]'}"
    if name in fields_of(root):
        return f"`{name}` belongs at the top of the file, before the first table"
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f"Did you mean `{close[0]}`?"
    return f"Known keys here: {', '.join(known)}"


def _describe(
    finding: Mapping[str, Any],  # Any: pydantic's ErrorDetails holds any input
    root: type[BaseModel],
    kind_of_file: str,
) -> tuple[str, str | None]:
    kind, given = str(finding["type"]), finding["input"]
    model, field = _locate(finding["loc"], root)
    last = finding["loc"][-1] if finding["loc"] else ""
    if kind == "extra_forbidden":
        owner = f"a {kind_of_file}" if model is root else "this table"
        return f"is not a key of {owner}", _mend_unknown(str(last), model, root)
    if kind == "missing" and isinstance(last, int):
        return "is missing: the list is too short", None
    if kind == "missing":
        about = None if field is None else field.description
        return "is missing", None if about is None else f"It says: {about[0].lower()}{about[1:].rstrip('.')}"
    if kind == "literal_error" and field is not None:
        words = choices_of(field)
        close = get_close_matches(str(given), words, n=1) if isinstance(given, str) else []
        one_of = "must be" if len(words) == 1 else "must be one of"
        return (
            f"{one_of} {', '.join(repr(word) for word in words)}, got {shorten(given)}",
            f"Did you mean {close[0]!r}?" if close else None,
        )
    if kind in ("greater_than_equal", "less_than_equal") and field is not None and (limits := range_of(field)):
        return f"must lie in [{limits[0]:.10g}, {limits[1]:.10g}], got {shorten(given)}", None
    if kind in _NOUNS:
        return f"must be {_NOUNS[kind]}, got {shorten(given)}", None
    if kind == "string_pattern_mismatch":
        return (
            f"must hold no slash, backslash or control character and not begin with a dot, got {shorten(given)}",
            None,
        )
    if kind == "string_too_short":
        return "must not be empty", None
    if kind == "too_short":
        return (
            "must hold at least one entry",
            "Add a [[cast]] table that says who is swapped" if last == "cast" else None,
        )
    message = str(finding["msg"]).removeprefix("Input ").removeprefix("Value ")
    return f"{message[0].lower()}{message[1:]}, got {shorten(given)}", None


def describe_findings(
    error: ValidationError, *, root: type[BaseModel] = Shot, kind: str = "shot file"
) -> tuple[Problem, ...]:
    """Every finding of pydantic as a problem, without lines.

    Args:
        error: what pydantic raised.
        root: the model that was validated.
        kind: what the file is called in messages.
    """
    problems = []
    for finding in error.errors(include_url=False, include_context=False):
        if finding["type"] == "too_short" and finding["input"]:
            continue  # entries there are; that they are wrong is another finding
        what, mend = _describe(finding, root, kind)
        problems.append(Problem(key=key_name(finding["loc"]), what=what, mend=mend))
    return tuple(problems)
