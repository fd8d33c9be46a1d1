"""Takes in the Sequencer: a strip's frames with handles, swapped, as a strip above; the original is only muted."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import bpy

from . import compat
from .plate import Plate
from .refused import Refused
from .vfx_swap_bridge.paths import pattern_of_file

__all__ = ["Span", "choose", "lay", "original_of", "remove", "span_of", "takes_of"]

KEY = "vfx_swap"
"""Custom property of strips: on an original its name in the family, on a take what it was made of, as JSON."""


@dataclass(frozen=True)
class Span:
    """What of a strip's material is rendered."""

    plate: Plate
    first: int
    """The plate's frame at the strip's left edge."""
    last: int
    """The plate's frame at its right edge."""
    before: int
    """Handle frames that there are before `first`."""
    after: int

    @property
    def frames(self) -> list[int]:
        """All frames to render, handles in."""
        return list(range(self.first - self.before, self.last + self.after + 1))


def span_of(strip: Any, handles: int) -> Span:
    """A strip's source range.

    Args:
        strip: of images or of a movie, at its own speed.
        handles: frames more at both ends, as far as there is material.

    Raises:
        Refused: a strip of another kind, retimed, or with holes in its numbers; the text says which.
    """
    _refuse_retimed(strip)
    shows, end = compat.visible_range(strip)
    skipped = shows - compat.content_start(strip)
    if strip.type == "IMAGE":
        numbers, plate = _images(strip)
        skipped += strip.animation_offset_start
    elif strip.type == "MOVIE":
        path = os.path.abspath(bpy.path.abspath(strip.filepath))
        skipped += strip.animation_offset_start
        numbers = list(range(1, strip.frame_duration + strip.animation_offset_start + 1))
        plate = Plate(path, "MOVIE", strip.colorspace_settings.name)
    else:
        raise Refused(f"{strip.name} is a strip of type {strip.type.lower()}; choose one of images or a movie")
    if len(numbers) == 1 or plate.kind == "FILE":
        return Span(plate, numbers[0], numbers[0], 0, 0)
    left, right = skipped, skipped + (end - shows) - 1
    if left < 0 or right >= len(numbers):
        raise Refused(f"{strip.name} holds its first or last picture longer than it has material; trim it")
    return Span(plate, numbers[left], numbers[right], min(handles, left), min(handles, len(numbers) - 1 - right))


def _refuse_retimed(strip: Any) -> None:
    if getattr(strip, "use_reverse_frames", False) or getattr(strip, "strobe", 0.0) > 1.0:
        raise Refused(f"{strip.name} is reversed or strobed; render it without, and set it on the take")
    if getattr(strip, "retiming_keys", None) and len(strip.retiming_keys) > 0:
        raise Refused(f"{strip.name} has retiming keys; a take is made at the strip's own speed")


def _images(strip: Any) -> tuple[list[int], Plate]:
    """Numbers of an image strip's files, and the plate."""
    folder = os.path.abspath(bpy.path.abspath(strip.directory))
    names = [element.filename for element in strip.elements]
    colour = strip.colorspace_settings.name
    if len(names) == 1:
        return [1], Plate(os.path.join(folder, names[0]), "FILE", colour)
    patterns = {pattern_of_file(name) for name in names}
    if len(patterns) != 1 or "#" not in min(patterns):
        raise Refused(f"{strip.name} is made of {len(patterns)} sequences; give each a strip of its own")
    pattern = patterns.pop()
    at = pattern.index("#")
    numbers = [int(name[at : at + pattern.count("#")]) for name in names]
    if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        raise Refused(f"{strip.name} skips or repeats frames of {pattern}; a take needs them in a row")
    return numbers, Plate(os.path.join(folder, pattern), "SEQUENCE", colour)


def lay(scene: Any, strip: Any, span: Span, *, files: list[str], label: str, note: dict[str, Any]) -> Any:
    """Put a take above a strip, show it, mute the rest of the family.

    Args:
        scene: of the strips.
        strip: the original.
        span: as it was rendered.
        files: of `span.frames`, in their order.
        label: of the take, such as `v003`.
        note: what it was made of, kept with it.
    """
    shows, end = compat.visible_range(strip)
    family = _note(strip).get("family") or strip.name
    channel = _free_channel(scene, strip.channel, shows - span.before, end + span.after)
    take = compat.new_image_strip(
        scene, name=f"{family} {label}", filepath=files[0], channel=channel, frame_start=shows - span.before
    )
    for path in files[1:]:
        take.elements.append(os.path.basename(path))
    compat.set_trim(take, first=shows, end=end)
    for name in ("blend_type", "blend_alpha", "use_flip_x", "use_flip_y"):
        setattr(take, name, getattr(strip, name))
    take.colorspace_settings.name = strip.colorspace_settings.name
    for group, names in (
        ("transform", ("offset_x", "offset_y", "scale_x", "scale_y", "rotation", "origin")),
        ("crop", ("min_x", "max_x", "min_y", "max_y")),
    ):
        for name in names:
            setattr(getattr(take, group), name, getattr(getattr(strip, group), name))
    strip[KEY] = json.dumps({"family": family, "original": True})
    take[KEY] = json.dumps({**note, "family": family, "take": label}, ensure_ascii=False)
    choose(scene, take)
    return take


def _free_channel(scene: Any, channel: int, first: int, end: int) -> int:
    """The lowest channel above that has room."""
    taken = set()
    for one in compat.strips(scene):
        left, right = compat.visible_range(one)
        if left < end and right > first:
            taken.add(one.channel)
    return next(one for one in range(channel + 1, channel + 130) if one not in taken)


def _note(strip: Any) -> dict[str, Any]:
    try:
        note = json.loads(strip.get(KEY, "{}"))
    except ValueError:
        return {}
    return note if isinstance(note, dict) else {}


def family_of(scene: Any, strip: Any) -> list[Any]:
    """The original and its takes, lowest first; the strip alone where it has none."""
    family = _note(strip).get("family")
    if not family:
        return [strip]
    members = [one for one in compat.strips(scene) if _note(one).get("family") == family]
    return sorted(members, key=lambda one: one.channel)


def takes_of(scene: Any, strip: Any) -> list[Any]:
    """The takes of a strip's family, lowest first."""
    return [one for one in family_of(scene, strip) if "take" in _note(one)]


def original_of(scene: Any, strip: Any) -> Any:
    """The strip that a take was made of; itself where it is none."""
    return next((one for one in family_of(scene, strip) if _note(one).get("original")), strip)


def choose(scene: Any, strip: Any) -> None:
    """Show one of a family, mute the others."""
    for one in family_of(scene, strip):
        one.mute = one != strip


def remove(scene: Any, take: Any) -> None:
    """Take a take away; what is left shows its newest take, or the original. Files stay.

    Raises:
        Refused: the strip is no take.
    """
    if "take" not in _note(take):
        raise Refused(f"{take.name} is no take")
    shown, original = not take.mute, original_of(scene, take)
    family = [one for one in family_of(scene, take) if one != take]
    compat.strips(scene).remove(take)
    if shown and family:
        choose(scene, family[-1])
    if len(family) == 1 and original in family:
        del original[KEY]
