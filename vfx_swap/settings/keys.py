"""Settings of light that are keyed over the shot: what they are at a frame.

Values are drawn straight from key to key, and held before the first and after the last. A setting that no key gives
stays what its table says; each is drawn through the keys that give it, whatever others do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vfx_swap.errors import Problem
from vfx_swap.settings.shot import Light, Lighting, LightingKey, LightKey

__all__ = ["check_keys", "lighting_at"]


def lighting_at(lighting: Lighting, frame: int) -> Lighting:
    """The settings as they are at a frame, without keys.

    Args:
        lighting: of the shot.
        frame: by the plate's numbers.
    """
    if not lighting.key and not any(one.key for one in lighting.light):
        return lighting
    lights = tuple(
        Light.model_validate({**one.model_dump(exclude={"key"}), **_values(one.key, frame)}) for one in lighting.light
    )
    return lighting.model_copy(update={"light": lights, "key": (), **_values(lighting.key, frame)})


def check_keys(lighting: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with keys beyond their types: two at one frame, and keys that say nothing.

    Args:
        lighting: the table as it stands in the file, not yet validated.
    """
    yield from _check(lighting.get("key"), "lighting.key")
    lights = lighting.get("light")
    for index, light in enumerate(lights if isinstance(lights, (list, tuple)) else ()):
        if isinstance(light, Mapping):
            yield from _check(light.get("key"), f"lighting.light[{index}].key")


def _check(keys: object, at: str) -> Iterator[Problem]:
    first: dict[int, int] = {}
    for index, key in enumerate(keys if isinstance(keys, (list, tuple)) else ()):
        if not isinstance(key, Mapping):
            continue
        frame = key.get("frame")
        if all(value is None for name, value in key.items() if name != "frame"):
            yield Problem(f"{at}[{index}]", "says nothing but its frame", "Give it a value, or take it out")
        if isinstance(frame, int) and not isinstance(frame, bool) and first.setdefault(frame, index) != index:
            what = f"there is a key at frame {frame} already: {at}[{first[frame]}]"
            yield Problem(f"{at}[{index}].frame", what, "Put the values of both into one key")


def _values(keys: Sequence[LightKey | LightingKey], frame: int) -> dict[str, Any]:
    """Setting -> its value at a frame, for those that any key gives."""
    found: dict[str, Any] = {}
    ordered: list[LightKey | LightingKey] = sorted(keys, key=lambda one: one.frame)
    for name in type(ordered[0]).model_fields if ordered else ():
        given = [(one.frame, getattr(one, name)) for one in ordered if getattr(one, name) is not None]
        if name != "frame" and given:
            found[name] = _between(given, frame)
    return found


def _between(given: Sequence[tuple[int, Any]], frame: int) -> Any:
    """A number, or a colour, at a frame."""
    before = [one for one in given if one[0] <= frame]
    after = [one for one in given if one[0] > frame]
    if not before or not after:
        return (before[-1] if before else after[0])[1]
    (first, start), (last, end) = before[-1], after[0]
    part = (frame - first) / (last - first)
    if isinstance(start, tuple):
        return tuple(a + (b - a) * part for a, b in zip(start, end, strict=True))
    return start + (end - start) * part
