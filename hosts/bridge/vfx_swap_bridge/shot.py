"""The values of a shot file, from what a host's knobs say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["SCHEMA", "frame_range", "frame_ranges", "shot_name", "shot_values", "with_handles"]

SCHEMA = "vfx_swap/shot.1"
CAST = "cast[]."


def shot_values(
    *, name: str, plate: str, output: str, cast: Sequence[Mapping[str, Any]], knobs: Mapping[str, Any]
) -> dict[str, Any]:
    """A shot as `render` takes it.

    Args:
        name: of the shot; made fit by `shot_name`.
        plate: pattern, `name.####.exr`.
        output: pattern.
        cast: castings: {"identity": ..., "performer" or "track" or "position": ...}.
        knobs: key -> value; None is left to the default. `cast[].` keys go to every casting that lacks them.
    """
    shot: dict[str, Any] = {"schema": SCHEMA, "name": shot_name(name), "plate": plate, "output": output}
    castings = [dict(one) for one in cast]
    for key, value in knobs.items():
        if value is None:
            continue
        if key.startswith(CAST):
            for one in castings:
                one.setdefault(key[len(CAST) :], value)
            continue
        *tables, last = key.split(".")
        at = shot
        for table in tables:
            at = at.setdefault(table, {})
        at[last] = list(value) if isinstance(value, tuple) else value
    return {**shot, "cast": castings}


def shot_name(text: str) -> str:
    """A name that files can have: letters, digits, `_`, `-` and `.`, at most 128 of them."""
    made = "".join(one if one.isascii() and (one.isalnum() or one in "_-.") else "_" for one in text).strip(".")
    return made[:128] or "shot"


def frame_range(first: int, last: int, *, handles: int = 0) -> str:
    """`first-last` with handles on both sides.

    Raises:
        ValueError: the last is before the first, or handles are negative.
    """
    if last < first or handles < 0:
        raise ValueError(f"{first} to {last} with handles of {handles} is no range")
    return f"{first - handles}-{last + handles}"


def with_handles(first: int, last: int, *, handles: int, least: int, most: int) -> tuple[int, int]:
    """A range with handles, as far as there are frames."""
    return max(least, first - handles), min(most, last + handles)


def frame_ranges(frames: Iterable[int]) -> str:
    """Numbers as `1001-1004,1010`, sorted, each once."""
    found: list[list[int]] = []
    for number in sorted(set(frames)):
        if found and number == found[-1][1] + 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in found)
