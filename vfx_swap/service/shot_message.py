"""Shot settings as a message, and back.

Fields of `vfx_swap.v1.Shot` are called as the keys of the shot file, so both ways follow the message's descriptor and
no field is named here: a setting that is added to both is carried, and a test says when one of them lacks it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from vfx_swap.errors import Problem, SettingsError
from vfx_swap.service import wire
from vfx_swap.settings import SHOT_SCHEMA, Shot
from vfx_swap.settings.messages import shorten

__all__ = ["shot_to_message", "shot_values", "values_to_message"]

Field: TypeAlias = Any
"""A field's or an enum's descriptor: two libraries have one each, of the same face."""
NUMBERS = {
    FieldDescriptor.CPPTYPE_DOUBLE,
    FieldDescriptor.CPPTYPE_FLOAT,
    FieldDescriptor.CPPTYPE_INT32,
    FieldDescriptor.CPPTYPE_INT64,
    FieldDescriptor.CPPTYPE_UINT32,
    FieldDescriptor.CPPTYPE_UINT64,
}


def shot_values(message: wire.shot.Shot) -> dict[str, Any]:
    """The values of a shot file, as they would stand in one, unchecked; what the message does not say is left out.

    Raises:
        SettingsError: a word that this server does not know.
    """
    return {"schema": SHOT_SCHEMA, **_values(message, at="")}


def shot_to_message(shot: Shot) -> wire.shot.Shot:
    """Settings as a message; every value is said, defaults too: a server of another version must not take its own."""
    return values_to_message(shot.model_dump(by_alias=True, exclude_none=True))


def values_to_message(values: Mapping[str, Any]) -> wire.shot.Shot:
    """Values as they stand in a shot file as a message; those that are absent stay so.

    Raises:
        SettingsError: keys that no shot has, values that no message can hold; all of them at once.
    """
    message, problems = wire.shot.Shot(), list[Problem]()
    _fill(message, values, at="", problems=problems)
    if problems:
        raise SettingsError(problems)
    return message


def _values(message: Message, *, at: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        value, key = getattr(message, field.name), f"{at}{field.name}"
        if field.is_repeated:
            if value:
                found[field.name] = [_value(field, one, at=f"{key}[{index}]") for index, one in enumerate(value)]
        elif field.message_type is not None:
            if message.HasField(field.name):
                found[field.name] = _value(field, value, at=key)
        elif _is_said(message, field):
            found[field.name] = _value(field, value, at=key)
    return found


def _is_said(message: Message, field: Field) -> bool:
    """Whether a single value is there. A number without presence always is: 0 is a value; an empty text is none."""
    if field.has_presence:
        return message.HasField(field.name)
    return field.cpp_type in NUMBERS or bool(getattr(message, field.name))


def _value(field: Field, value: Any, *, at: str) -> Any:
    if field.enum_type is not None:
        return _word(field.enum_type, value, at=at)
    if field.message_type is None:
        return value
    inner = field.message_type.fields
    if [one.name for one in inner] == ["values"]:  # a list that can be told from one that is absent
        return [_value(inner[0], one, at=at) for one in value.values]
    return _values(value, at=f"{at}.")


def _word(enum: Field, number: int, *, at: str) -> str:
    known = enum.values_by_number.get(number)
    if known is None or number == 0:
        problem = Problem(at, f"{enum.name} {number} is not known here", "Use a server of the client's version")
        raise SettingsError([problem])
    name: str = known.name
    return name.removeprefix(_prefix(enum)).lower()


def _prefix(enum: Field) -> str:
    """What values of an enum are called after, as buf has it: `LIGHT_KIND_` for LightKind."""
    zero: str = enum.values_by_number[0].name
    return zero.removesuffix("UNSPECIFIED")


def _fill(message: Message, values: Mapping[str, Any], *, at: str, problems: list[Problem]) -> None:
    fields = message.DESCRIPTOR.fields_by_name
    for key, value in values.items():
        if key == "schema" and not at:
            continue
        if key not in fields:
            problems.append(Problem(f"{at}{key}", "is no key of a shot file", "docs/shot-file.md lists them"))
            continue
        try:
            _set(message, fields[key], value, at=f"{at}{key}", problems=problems)
        except (TypeError, ValueError, AttributeError, KeyError):
            problems.append(Problem(f"{at}{key}", f"{shorten(repr(value))} is no value for this key"))


def _set(message: Message, field: Field, value: Any, *, at: str, problems: list[Problem]) -> None:
    inside = field.message_type
    if inside is not None and [one.name for one in inside.fields] == ["values"]:
        held = getattr(message, field.name)
        held.SetInParent()
        held.values.extend(_wired(inside.fields[0], one) for one in _list(value))
    elif field.is_repeated and inside is not None:
        for index, one in enumerate(_list(value)):
            _fill(getattr(message, field.name).add(), one, at=f"{at}[{index}].", problems=problems)
    elif field.is_repeated:
        getattr(message, field.name).extend(_wired(field, one) for one in _list(value))
    elif inside is not None:
        getattr(message, field.name).SetInParent()
        _fill(getattr(message, field.name), value, at=f"{at}.", problems=problems)
    elif isinstance(value, bool):  # which protobuf would take for a number
        raise TypeError(at)
    else:
        setattr(message, field.name, _wired(field, value))


def _list(value: Any) -> list[Any] | tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError(value)
    return value


def _wired(field: Field, value: Any) -> Any:
    if field.enum_type is None:
        return value
    return field.enum_type.values_by_name[_prefix(field.enum_type) + str(value).upper()].number
