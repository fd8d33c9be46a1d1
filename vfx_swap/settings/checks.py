"""What a shot file's types cannot say: keys that exclude each other, files that must be there.

These checks look at the values as they stand in the file, so that they run even when other keys are wrong.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeAlias

from vfx_swap.errors import Problem
from vfx_swap.settings.keys import check_keys
from vfx_swap.settings.messages import shorten

__all__ = ["Knows", "check_values"]

Knows: TypeAlias = Callable[[str], bool]
Values: TypeAlias = Mapping[str, Any]  # Any: not yet validated

_SELECTORS = ("performer", "track", "position")
_FRAME_FIELD = re.compile(r"%0?\d*d|\$F\d*|#+|<frame>|@+")


def check_values(values: Values, *, engines: Collection[str], knows_colour_space: Knows | None) -> Iterator[Problem]:
    """All semantic problems of a shot file's values, whose paths are absolute; no picture is opened."""
    yield from _check_casts(values)
    yield from _check_files(values)
    yield from _check_output(values)
    yield from _check_engine(values.get("engine"), engines)
    space = values.get("colour_space")
    if isinstance(space, str) and space and knows_colour_space is not None and not knows_colour_space(space):
        yield Problem(
            "colour_space",
            f"the OCIO config has no colour space {shorten(space)}",
            "Use a name or alias of the config, such as ACEScg, lin_rec709_scene or srgb_rec709_scene",
        )


def _casts(values: Values) -> Iterator[tuple[int, Values]]:
    casts = values.get("cast")
    if isinstance(casts, (list, tuple)):
        for index, cast in enumerate(casts):
            if isinstance(cast, Mapping):
                yield index, cast


def _check_casts(values: Values) -> Iterator[Problem]:
    claimed: dict[tuple[str, object], int] = {}
    for index, cast in _casts(values):
        given = [name for name in _SELECTORS if cast.get(name) is not None]
        if not given:
            mend = 'Add performer = "PHOTOGRAPH", track = N or position = "largest"'
            yield Problem(f"cast[{index}]", "does not say who in the plate is meant", mend)
        if len(given) > 1:
            named = ", ".join(f"`{name}`" for name in given)
            yield Problem(f"cast[{index}].{given[1]}", f"only one of {named} can be given", "Keep one of them")
        for name in given:
            claim = (name, shorten(cast[name], limit=5000))
            first = claimed.setdefault(claim, index)
            if first != index:
                what = f"{name} {shorten(cast[name])} is already claimed by cast[{first}]"
                yield Problem(f"cast[{index}].{name}", what, "Give each performer one identity")


def _check_files(values: Values) -> Iterator[Problem]:
    for index, cast in _casts(values):
        yield from _check_file(f"cast[{index}].performer", cast.get("performer"), mend="Check the path")
        built = "Build it with `vfx-swap identity build NAME --reference FILE --out NAME.identity`"
        yield from _check_file(f"cast[{index}].identity", cast.get("identity"), mend=built)
    lighting = values.get("lighting")
    if isinstance(lighting, Mapping):
        yield from _check_file("lighting.environment", lighting.get("environment"), mend="Check the path")
        yield from check_keys(lighting)


def _check_file(key: str, path: object, *, mend: str) -> Iterator[Problem]:
    if not isinstance(path, str) or not path:
        return
    try:
        mode = Path(path).stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        yield Problem(key, f"there is no file {shorten(path, limit=400)}", mend)
    except (OSError, ValueError) as error:
        what = getattr(error, "strerror", None) or str(error)
        yield Problem(key, f"cannot read {shorten(path, limit=400)}: {what}")
    else:
        if not stat.S_ISREG(mode):
            yield Problem(key, f"{shorten(path, limit=400)} is not a file")
        elif not os.access(path, os.R_OK):
            yield Problem(key, f"{shorten(path, limit=400)} cannot be read", "Check its permissions")


def _canonical_pattern(text: str) -> str:
    """One spelling for all spellings of a frame pattern, links of the folder resolved."""
    path = Path(text)
    # realpath, unlike Path.resolve, takes links that lead in a circle for names
    return os.path.join(os.path.realpath(path.parent), _FRAME_FIELD.sub("<frame>", path.name))


def _check_output(values: Values) -> Iterator[Problem]:
    plate, output = values.get("plate"), values.get("output")
    for key, text in (("plate", plate), ("output", output)):
        if isinstance(text, str) and "\0" in text:
            yield Problem(key, "a path cannot hold a NUL character")
            return
    if not isinstance(output, str) or not output:
        return
    try:
        if isinstance(plate, str) and plate and _canonical_pattern(plate) == _canonical_pattern(output):
            mend = "Give the output another folder or name"
            yield Problem("output", "is the plate itself, which would be overwritten", mend)
            return
        folder = Path(output).parent
        while not os.path.lexists(folder):  # the folders that are not there yet are made when the shot starts
            folder = folder.parent
        if not folder.is_dir():
            yield Problem("output", f"{str(folder)!r} is not a folder", "Give another output folder")
        elif not os.access(folder, os.W_OK | os.X_OK):
            what = f"the folder {str(folder)!r} cannot be written to"
            yield Problem("output", what, "Check its permissions, or give another output folder")
        elif len(os.fsencode(Path(output).name)) > os.pathconf(folder, "PC_NAME_MAX"):
            yield Problem("output", "has a name longer than the file system takes", "Give a shorter name")
    except (OSError, ValueError) as error:
        yield Problem("output", f"cannot be used as a path: {getattr(error, 'strerror', None) or error}")


def _check_engine(engine: object, engines: Collection[str]) -> Iterator[Problem]:
    if not isinstance(engine, str) or not engine or engine in engines:
        return
    close = get_close_matches(engine, list(engines), n=1)
    near = f"Did you mean {close[0]!r}? " if close else ""
    mend = f"{near}Engines here: {', '.join(engines)}. `vfx-swap models add FILE` brings more"
    yield Problem("engine", f"no model card {shorten(engine)} is installed here that can swap", mend)
