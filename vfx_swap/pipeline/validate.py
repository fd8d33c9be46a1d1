"""Check a shot against what is on disk, before a frame is rendered: every problem at once.

`settings` checks what the file says; here the plate is looked for, packs and photographs are opened, and
what is found joins the same list. Frames are not decoded: one that is damaged fails alone, by number.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vfx_swap.colour.ocio import ColourConfig
from vfx_swap.errors import Problem, VfxSwapError
from vfx_swap.io.mattes import open_mattes
from vfx_swap.io.near import file_near, sequences_near
from vfx_swap.io.paths import FramePattern
from vfx_swap.io.ranges import format_frames, parse_frames
from vfx_swap.io.read import read_picture
from vfx_swap.io.stills import format_of
from vfx_swap.pipeline.engines import engine_ids
from vfx_swap.pipeline.identity_file import load_identity
from vfx_swap.settings.checks import Knows
from vfx_swap.settings.load import Draft, draft_shot, shot_from_values
from vfx_swap.settings.shot import Shot

__all__ = ["check_draft", "open_shot", "open_values"]

WRITTEN_MOVIES = frozenset({".mp4", ".mov"})
STILL = 1
"""The frame that one picture is."""


def open_shot(
    path: str | os.PathLike[str], *, config: ColourConfig | None, engines: Collection[str] | None = None
) -> Shot:
    """Read a shot file and check all that can be checked before a render.

    Args:
        path: the shot file.
        config: OCIO config that colour spaces are looked up in; None leaves them unchecked.
        engines: ids of the engines that can be used; None: those that are here.

    Raises:
        MissingInputError: there is no such shot file.
        SettingsError: anything is wrong with it or with what it names; holds every problem.
    """
    here = engine_ids() if engines is None else engines
    draft = draft_shot(path, engines=here, knows_colour_space=_knows(config))
    return check_draft(draft).result()


def open_values(
    values: Mapping[str, Any],  # Any: what a command line or a service was given, checked here
    *,
    config: ColourConfig | None,
    folder: str | os.PathLike[str] = ".",
    engines: Collection[str] | None = None,
) -> Shot:
    """As `open_shot`, from values instead of a file.

    Raises:
        SettingsError: anything is wrong with them or with what they name; holds every problem.
    """
    here = engine_ids() if engines is None else engines
    draft = shot_from_values(values, folder=folder, engines=here, knows_colour_space=_knows(config))
    return check_draft(draft).result()


def check_draft(draft: Draft) -> Draft:
    """The draft with the problems that only the disk can tell; runs on what is there when other keys are wrong."""
    known = {problem.key for problem in draft.problems}
    found = [*_check_plate(draft.values), *_check_output(draft.values), *_check_cast(draft.values, known)]
    found += _check_mattes(draft.values, known)
    # A key that is wrong already is not judged twice.
    return draft.with_problems(*(problem for problem in found if problem.key not in known))


def _knows(config: ColourConfig | None) -> Knows | None:
    return None if config is None else config.has


def _text(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key)
    return value if isinstance(value, str) else ""


def _problem(key: str, error: VfxSwapError) -> Problem:
    at = "" if error.where is None else f"{error.where}: "
    return Problem(key, f"{at}{error.what}", error.mend)


def _check_plate(values: Mapping[str, Any]) -> Iterator[Problem]:
    wanted: tuple[int, ...] | None = None
    if _text(values, "frames"):
        try:
            wanted = parse_frames(_text(values, "frames"))
        except VfxSwapError as error:
            yield _problem("frames", error)
    if not _text(values, "plate"):
        return
    try:
        pattern = FramePattern.parse(_text(values, "plate"))
        there = _frames_of(pattern)
    except VfxSwapError as error:
        yield _problem("plate", error)
        return
    if there is None:  # a still: one picture, whatever its number
        file = pattern.path(0)
        if not file.is_file():
            what = f"{str(file)!r} is a folder" if os.path.isdir(file) else f"there is no file {str(file)!r}"
            near = file_near(file) or sequences_near(file)
            yield Problem("plate", what, near or "Check the path: name.####.exr, one picture, or a movie")
        return
    if not there:
        yield _no_frames(pattern)
        return
    lacking = sorted(set(wanted or ()) - set(there))
    if lacking and (pattern.kind == "movie" or values.get("missing", "error") == "error"):
        yield _lacking(pattern, there, lacking)


def _check_mattes(values: Mapping[str, Any], known: Collection[str]) -> Iterator[Problem]:
    """The user's own mattes: files, frames and channels, and that the first is of the plate's size."""
    table = values.get("matte")
    for word in ("holdout", "garbage"):
        key, channel = f"matte.{word}_matte", f"matte.{word}_channel"
        if not isinstance(table, Mapping) or {key, channel, "matte.missing"} & set(known):
            continue
        path, named, missing = table.get(f"{word}_matte"), table.get(f"{word}_channel"), table.get("missing", "error")
        if path is None:
            if named is not None:
                yield Problem(channel, f"there is no {word}_matte that it would be of", f"Give {word}_matte as well")
            continue
        try:
            mattes = open_mattes(path, channel=named, missing=missing)
            lacking = mattes.absent(_wanted(values))
            if lacking:
                mend = f'On disk: {format_frames(mattes.existing)}. Draw them, or set missing = "hold" or "none"'
                yield Problem(key, f"has no frame {format_frames(lacking[:1000])}", mend)
            else:
                mattes.read(mattes.existing[0] if mattes.existing else 0)
        except VfxSwapError as error:
            yield _problem(channel if named is not None and "no channel" in error.what else key, error)


def _wanted(values: Mapping[str, Any]) -> tuple[int, ...]:
    """The frames of a shot, as far as they can be told; what is wrong with them is told elsewhere."""
    try:
        if _text(values, "frames"):
            return parse_frames(_text(values, "frames"))
        return _frames_of(FramePattern.parse(_text(values, "plate"))) or (STILL,)
    except VfxSwapError:
        return ()


def _lacking(pattern: FramePattern, there: Sequence[int], lacking: Sequence[int]) -> Problem:
    """Frames that are asked for and not there."""
    count = f"{len(lacking)} frame{'s' if len(lacking) > 1 else ''}"
    mend = f'On disk: {format_frames(there)}. Correct the range, or set missing = "hold" or "black"'
    if pattern.kind == "movie":
        mend = f"The movie has frames {there[0]}-{there[-1]}"
    listed = format_frames(lacking[:1000]) + (", ..." if len(lacking) > 1000 else "")
    return Problem("frames", f"{count} of the plate {'do' if len(lacking) > 1 else 'does'} not exist: {listed}", mend)


def _frames_of(pattern: FramePattern) -> tuple[int, ...] | None:
    """Frames that exist; None for a still.

    Raises:
        InputError: a movie that cannot be opened.
    """
    if pattern.kind == "movie":
        from vfx_swap.io.movies import MovieReader

        with MovieReader(pattern.path(0)) as movie:
            return tuple(movie.frames)
    return pattern.frames_on_disk() if pattern.kind == "sequence" else None


def _no_frames(pattern: FramePattern) -> Problem:
    what = f"no frame of {pattern.text!r} exists"
    if not pattern.folder.is_dir():
        return Problem("plate", what, f"There is no folder {str(pattern.folder)!r}")
    near = pattern.other_paddings()
    if near:
        return Problem("plate", what, f"There is {near[0].name!r}: one # stands for one digit")
    return Problem(
        "plate",
        what,
        sequences_near(pattern.text) or "Check the path and the number of digits: one # stands for one digit",
    )


def _check_output(values: Mapping[str, Any]) -> Iterator[Problem]:
    if not _text(values, "output"):
        return
    if os.path.isdir(_text(values, "output")):
        what = f"{_text(values, 'output')!r} is a folder"
        yield Problem("output", what, "Name the file in it, such as name.####.exr")
        return
    try:
        output = FramePattern.parse(_text(values, "output"))
        if output.kind == "movie":
            if output.extension not in WRITTEN_MOVIES:
                known = " or ".join(sorted(WRITTEN_MOVIES))
                yield Problem("output", f"movies of type {output.extension!r} are not written", f"Write {known}")
        else:
            format_of(output.path(1))
        plate = FramePattern.parse(_text(values, "plate"))
    except VfxSwapError as error:
        if _text(values, "plate"):
            yield _problem("output", error)
        return
    if output.kind == "still" and plate.kind != "still":
        mend = "Put #### where the frame number goes, as in name.####.exr"
        yield Problem("output", f"one picture cannot hold the frames of a {plate.kind}", mend)


def _check_cast(values: Mapping[str, Any], known: Collection[str]) -> Iterator[Problem]:
    casts = values.get("cast")
    for index, cast in enumerate(casts if isinstance(casts, (list, tuple)) else ()):
        if not isinstance(cast, Mapping):
            continue
        for name, opened in (("identity", load_identity), ("performer", read_picture)):
            key = f"cast[{index}].{name}"
            if not _text(cast, name) or key in known:
                continue
            try:
                opened(Path(_text(cast, name)))
            except VfxSwapError as error:
                yield _problem(key, error)
