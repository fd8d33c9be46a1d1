"""What may have been meant by a plate that is not there: the sequences in its folder, by patterns that can be typed."""

from __future__ import annotations

import itertools
import os
from difflib import SequenceMatcher, get_close_matches
from pathlib import Path

import fileseq
from fileseq.exceptions import FileSeqException

from vfx_swap.io.paths import FramePattern
from vfx_swap.io.stills import WRITE_FORMATS

__all__ = ["file_near", "sequences_near"]

SHOWN = 3
"""Sequences named in a message."""
ALIKE = 0.5
"""Likeness of names below which nothing is suggested; `plate` and `plate.####.exr` have 0.53."""
CLOSE = 0.75
"""The same for single files: a typing error, or another extension."""
FILES_LIMIT = 50_000
"""A folder of more files is not searched: a message must not take seconds."""


def sequences_near(path: str | os.PathLike[str]) -> str | None:
    """Sequences of pictures in a folder, or beside a path that leads nowhere, as a sentence.

    Args:
        path: a folder, or a pattern or file that is not there.

    Returns:
        A sentence such as `Did you mean 'PATTERN' (N frames, A to B)?`, by the likest, with names of others; None
        where there is none.
    """
    wanted = Path(path)
    folder = wanted if os.path.isdir(wanted) else wanted.parent  # unlike Path, for names that cannot be too
    patterns, stills = _pictures(folder)
    if wanted == folder and stills and not patterns:
        several = "" if len(stills) <= SHOWN else ", ..."
        return f"It holds {', '.join(map(repr, stills[:SHOWN]))}{several}: give one picture of it"
    found = sorted(patterns, key=lambda one: (-_likeness(one, wanted, folder), one.text))
    if not found or _likeness(found[0], wanted, folder) < ALIKE:
        return None
    frames = found[0].frames_on_disk()
    extent = f"{len(frames)} frames, {frames[0]} to {frames[-1]}"
    others = [repr(Path(one.text).name) for one in found[1:SHOWN]]
    others += ["others"] if len(found) > SHOWN else []
    beside = f" Beside it: {', '.join(others)}" if others else ""
    return f"Did you mean {found[0].text!r} ({extent})?{beside}"


def file_near(path: str | os.PathLike[str]) -> str | None:
    """`Did you mean 'FILE'?`, by the likest name beside a path that leads nowhere; None where none is like.

    Frames of a sequence are left out: `sequences_near` knows them.
    """
    wanted = Path(path)
    try:
        with os.scandir(wanted.parent) as entries:
            names = [one.name for one in itertools.islice(entries, FILES_LIMIT) if not one.name.startswith(".")]
    except (OSError, ValueError):
        return None
    frames = [(one.prefix, one.suffix) for one in _pictures(wanted.parent)[0]]
    names = [name for name in names if not any(name.startswith(a) and name.endswith(b) for a, b in frames)]
    close = get_close_matches(wanted.name, names, n=1, cutoff=CLOSE)
    return f"Did you mean {str(wanted.parent / close[0])!r}?" if close else None


def _pictures(folder: Path) -> tuple[list[FramePattern], list[str]]:
    """Sequences of at least two pictures, each tried: its frames are found by the pattern; and names of stills."""
    try:
        with os.scandir(folder) as entries:
            if sum(1 for _ in entries) > FILES_LIMIT:
                return [], []
        found = fileseq.findSequencesOnDisk(str(folder), pad_style=fileseq.PAD_STYLE_HASH1)
    except (OSError, FileSeqException):
        return [], []
    patterns, stills = [], []
    for one in found:
        if one.extension().lower() not in WRITE_FORMATS:
            continue
        if len(one) == 1:
            stills.append(Path(one[0]).name)
        else:
            name = f"{one.basename()}{'#' * max(one.zfill(), 1)}{one.extension()}"
            pattern = FramePattern.parse(folder / name)
            if len(pattern.frames_on_disk()) > 1:
                patterns.append(pattern)
    return patterns, sorted(stills)


def _likeness(pattern: FramePattern, wanted: Path, folder: Path) -> float:
    """How alike the names are; in a folder that was named itself, how many frames there are."""
    if wanted == folder:
        return float(len(pattern.frames_on_disk()))
    return SequenceMatcher(None, Path(pattern.text).name, wanted.name).ratio()
