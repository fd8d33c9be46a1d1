"""What a timeline asks for: the clips that are wanted, their media, and each stretch of a plate once, with handles.

Everything that can be wrong is found here, before a frame is rendered.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from vfx_swap.colour.ocio import ColourConfig
from vfx_swap.errors import InputError, Problem, SettingsError, UsageError
from vfx_swap.io.ranges import format_frames
from vfx_swap.pipeline.engines import engine_ids
from vfx_swap.pipeline.timeline_file import timelines_of
from vfx_swap.pipeline.timeline_media import Media, Span, media_of, span_of
from vfx_swap.pipeline.timeline_uses import Use, uses_in
from vfx_swap.pipeline.validate import WRITTEN_MOVIES, check_draft
from vfx_swap.settings import Shot
from vfx_swap.settings.load import shot_from_values

__all__ = ["EditPlan", "Left", "Selection", "Stretch", "plan_edit"]

_UNSAFE = str.maketrans(dict.fromkeys('/\\:*?"<>|\x7f', "_"))


@dataclass(frozen=True)
class Selection:
    """Which clips are wanted: all kinds that are given must fit, one of each kind is enough."""

    tracks: Sequence[str] = ()
    """Names, or V1, V2 or 1, 2 from the bottom."""
    markers: Sequence[str] = ()
    """Names or colours of markers on the clip, or on track or timeline above it."""
    metadata: Sequence[str] = ()
    """`KEY` or `KEY=VALUE`, KEY as a path with dots."""
    clips: Sequence[str] = ()
    """Names of clips."""

    @property
    def is_empty(self) -> bool:
        """True where nothing is named: then the performer's face says which clips."""
        return not (self.tracks or self.markers or self.metadata or self.clips)

    def takes(self, use: Use) -> bool:
        """Whether a clip is wanted."""
        name, number = use.track
        words = {name.lower(), number.lower(), number[1:]}
        return (
            (not self.tracks or any(one.strip().lower() in words for one in self.tracks))
            and (not self.markers or any(one.strip().lower() in use.marks for one in self.markers))
            and (not self.metadata or any(_has(use.clip, one) for one in self.metadata))
            and (not self.clips or use.name in self.clips)
        )


@dataclass(frozen=True)
class Left:
    """A clip that stays as it is."""

    place: str
    reason: str


@dataclass(frozen=True, eq=False)
class Stretch:
    """Frames of one plate that are rendered together, and the uses that show them."""

    shot: Shot
    span: Span
    uses: tuple[tuple[Use, Media], ...]

    @property
    def places(self) -> tuple[str, ...]:
        """The clips, for messages."""
        return tuple(use.place for use, _ in self.uses)


@dataclass(frozen=True, eq=False)
class EditPlan:
    """What is to be done."""

    root: Any = field(repr=False)
    """What `read_edit` gave. Held here, since OpenTimelineIO's clips do not outlive what they stand in."""
    stretches: tuple[Stretch, ...]
    left: tuple[Left, ...] = ()


@dataclass(eq=False)
class _Found:
    """What planning gathers."""

    wanted: list[tuple[Use, Media]] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def plan_edit(
    root: Any,
    *,
    edit: Path,
    values: Mapping[str, Any],
    media_folder: Path,
    selection: Selection = Selection(),
    handles: int = 8,
    leave_refused: bool = False,
    config: ColourConfig | None = None,
    engines: Collection[str] | None = None,
) -> EditPlan:
    """Decide what is rendered.

    Args:
        root: what `read_edit` gave.
        edit: its file.
        values: the shot file's values for every clip: cast, engine and the like, without plate, output and frames.
        media_folder: where renders go, one folder a stretch.
        selection: which clips.
        handles: frames before and after what is seen, as far as the plate has them.
        leave_refused: clips that cannot be worked on stay as they are, instead of being problems.
        config: OCIO config that colour spaces are looked up in.
        engines: ids of the engines that can be used; None: those that are here.

    Raises:
        UsageError: no clip is wanted.
        SettingsError: anything is wrong; holds every problem, with the clip it is of.
        InputError: OpenTimelineIO cannot say how long something is.
    """
    found = _Found()
    for use in _all_uses(root, edit):
        if not selection.takes(use):
            continue
        _add(
            found, use, edit, leave=leave_refused, named=not selection.is_empty, missing=values.get("missing", "error")
        )
    if not found.wanted and not found.problems:
        raise UsageError("no clip is to be swapped", where=edit, mend=_there(root, edit, found))
    engines = engine_ids() if engines is None else engines
    knows = None if config is None else config.has
    stretches, checked = [], False
    for span, uses in _stretches(found.wanted, handles):
        media = uses[0][1]
        own = _shot_values(values, media, span, media_folder, name=_name(media, span, found.wanted))
        draft = shot_from_values(own, engines=engines, knows_colour_space=knows)
        # Packs and photographs are the same for every stretch: opened once.
        seen = draft.values if not checked else {key: one for key, one in draft.values.items() if key != "cast"}
        draft = replace(check_draft(replace(draft, values=seen)), values=draft.values)
        found.problems += [_placed(one, uses) for one in draft.problems]
        checked = True
        if draft.shot is not None:
            stretches.append(Stretch(draft.shot, span, tuple(uses)))
    if found.problems:
        raise SettingsError(list(dict.fromkeys(found.problems)), where=edit)
    return EditPlan(root, tuple(stretches), tuple(found.left))


def _all_uses(root: Any, edit: Path) -> list[Use]:
    try:
        whole = edit.suffix.lower() == ".edl"
        return [use for timeline in timelines_of(root) for use in uses_in(timeline, whole_tracks=whole)]
    except Exception as error:  # OpenTimelineIO's own errors: a clip without any range
        mend = "Every clip needs a source range, or media with an available range"
        raise InputError(f"its clips cannot be laid out in time: {error}", where=edit, mend=mend) from error


def _add(found: _Found, use: Use, edit: Path, *, leave: bool, named: bool, missing: object) -> None:
    try:
        if use.refused:
            raise InputError(use.refused)
        media = media_of(use, folder=edit.parent.absolute(), ranges_hold=edit.suffix.lower() != ".edl")
        _refuse_lacking(media, span_of(use, media), missing)
    except InputError as error:
        reason = error.what
        # Titles and colour bars show nobody: that is no problem unless they were asked for by name.
        if leave or (not named and reason.startswith("is made by the generator")):
            found.left.append(Left(use.place, reason))
        else:
            found.problems.append(Problem(use.place, reason, error.mend or _LEAVE))
    else:
        found.wanted.append((use, media))


def _refuse_lacking(media: Media, span: Span, missing: object) -> None:
    if missing != "error" and media.pattern.kind == "sequence":
        return
    lacking = [frame for frame in range(span.first, span.last + 1) if frame not in media.existing]
    if lacking:
        there = format_frames(media.existing)
        mend = f"There are {there}. Mend it in the editor, leave such clips with --leave-refused"
        raise InputError(
            f"shows frames of {media.plate} that do not exist: {format_frames(lacking)}",
            mend=f"{mend}, or give --missing hold or black" if media.pattern.kind == "sequence" else mend,
        )


_LEAVE = "Mend it in the editor, or leave such clips as they are with --leave-refused"


def _stretches(wanted: Sequence[tuple[Use, Media]], handles: int) -> Iterator[tuple[Span, list[tuple[Use, Media]]]]:
    """Each stretch of each plate once, in the order in which the timeline first shows the plate."""
    order = {key: index for index, key in reversed([*enumerate(_key(media) for _, media in wanted)])}
    for _, group in groupby(sorted(wanted, key=lambda one: order[_key(one[1])]), key=lambda one: _key(one[1])):
        spans = sorted(
            ((_padded(use, media, handles), (use, media)) for use, media in group),
            key=lambda one: (one[0].first, one[0].last),
        )
        current, uses = spans[0][0], [spans[0][1]]
        for span, use in spans[1:]:
            if span.first <= current.last + 1:
                current = Span(current.first, max(current.last, span.last))
                uses.append(use)
            else:
                yield current, uses
                current, uses = span, [use]
        yield current, uses


def _padded(use: Use, media: Media, handles: int) -> Span:
    span = span_of(use, media)
    return span if media.is_still else span.padded(handles, existing=media.existing)


def _key(media: Media) -> str:
    return os.path.realpath(media.plate)


def _name(media: Media, span: Span, wanted: Sequence[tuple[Use, Media]]) -> str:
    """Name of a stretch: its plate's, told apart by a digest where two plates are called alike, and its frames."""
    plain = media.pattern.name.translate(_UNSAFE)[:96]
    plain = f"_{plain[1:]}" if plain.startswith(".") else plain
    alike = {_key(other) for _, other in wanted if other.pattern.name.lower() == media.pattern.name.lower()}
    if len(alike) > 1:
        plain += f"_{hashlib.sha256(_key(media).encode(errors='surrogateescape')).hexdigest()[:6]}"
    return plain if media.is_still else f"{plain}_{span.first}-{span.last}"


def _shot_values(values: Mapping[str, Any], media: Media, span: Span, folder: Path, *, name: str) -> dict[str, Any]:
    pattern = media.pattern
    if pattern.kind == "movie":
        file = f"{name}{pattern.extension if pattern.extension in WRITTEN_MOVIES else '.mov'}"
    elif pattern.kind == "still":
        file = pattern.prefix
    else:
        file = f"{pattern.prefix}{'#' * max(pattern.padding, 1)}{pattern.suffix}"
    frames = "" if pattern.kind == "still" else format_frames(range(span.first, span.last + 1))
    return {
        **values,
        "name": name,
        "plate": str(Path(media.plate).absolute()),
        "output": str(folder.absolute() / name / file),
        "frames": frames,
    }


def _placed(problem: Problem, uses: Sequence[tuple[Use, Media]]) -> Problem:
    """A shot's problem, told of the clips where it is of their plate."""
    if problem.key not in ("plate", "frames", "output", "name"):
        return problem
    more = f" and {len(uses) - 1} more" if len(uses) > 1 else ""
    return replace(problem, key=f"{uses[0][0].place}{more}")


def _there(root: Any, edit: Path, found: _Found) -> str:
    if found.left:
        return "; ".join(f"{one.place} {one.reason}" for one in found.left[:8])
    uses = _all_uses(root, edit)
    tracks = dict.fromkeys(f"{use.track[0]} ({use.track[1]})" for use in uses)
    return f"There are {len(uses)} clips on {', '.join(tracks)}" if uses else "It shows no clip on a picture track"


def _has(clip: Any, wanted: str) -> bool:
    """Whether a clip's or its media's metadata hold KEY, or KEY=VALUE."""
    key, equals, value = wanted.partition("=")
    for holder in (clip, clip.media_reference):
        at: Any = holder.metadata
        for part in key.strip().split("."):
            try:
                at = at[part]
            except (KeyError, TypeError, IndexError):
                break
        else:
            if (str(at) == value.strip()) if equals else bool(at):
                return True
    return False
