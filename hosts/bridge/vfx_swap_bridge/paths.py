"""Frame patterns as hosts write them and as vfx-swap does, versions, and paths of other systems."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence

__all__ = [
    "existing",
    "frame_file",
    "free_version",
    "next_version",
    "parse_maps",
    "pattern_of_file",
    "same_system",
    "to_hashes",
    "to_printf",
    "version_of",
]

_PRINTF = re.compile(r"%0?(\d*)d")
_DOLLAR = re.compile(r"\$F(\d?)")
_HASHES = re.compile(r"#+")
_LAST_NUMBER = re.compile(r"(\d+)(?=\.[^.]+$)")
_VERSION = re.compile(r"(?<![A-Za-z0-9])v(\d+)(?!\d)", re.IGNORECASE)


def to_hashes(pattern: str) -> str:
    """`name.%04d.exr`, `name.$F4.exr`, `name.<frame>.exr` as `name.####.exr`; forward slashes.

    Only the file's name is changed: a folder may be called `take#2`.
    """
    folder, name = _split(pattern)
    name = _PRINTF.sub(lambda found: "#" * max(1, int(found.group(1) or 1)), name)
    name = _DOLLAR.sub(lambda found: "#" * max(1, int(found.group(1) or 1)), name)
    return folder + name.replace("<frame>", "####")


def to_printf(pattern: str) -> str:
    """`name.####.exr` as `name.%04d.exr`, which Nuke and others read."""
    folder, name = _split(to_hashes(pattern))
    return folder + _HASHES.sub(lambda found: f"%0{len(found.group())}d", name)


def frame_file(pattern: str, frame: int) -> str:
    """The file of one frame; the pattern itself where it has no number."""
    folder, name = _split(to_hashes(pattern))
    return folder + _HASHES.sub(lambda found: f"{frame:0{len(found.group())}d}", name)


def pattern_of_file(path: str) -> str:
    """The pattern that one of its frames belongs to: the last number of the file's name, before the extension."""
    folder, name = _split(path)
    return folder + _LAST_NUMBER.sub(lambda found: "#" * len(found.group()), name)


def existing(pattern: str) -> list[int]:
    """The frames of a pattern that are on disk, sorted; none where the folder is not there."""
    folder, name = _split(to_hashes(pattern))
    found = _HASHES.search(name)
    if found is None:
        return []
    before, after, width = name[: found.start()], name[found.end() :], len(found.group())
    numbers = []
    try:
        entries = os.listdir(folder or ".")
    except OSError:
        return []
    for entry in entries:
        middle = entry[len(before) : len(entry) - len(after)]
        whole = entry.startswith(before) and entry.endswith(after) and len(entry) >= len(before) + len(after)
        if whole and _is_number(middle, width):
            numbers.append(int(middle))
    return sorted(numbers)


def version_of(pattern: str) -> int:
    """The number after the last `v` of the file's name, else of its folders; 0: there is none."""
    folder, name = _split(pattern)
    found = _VERSION.findall(name) or _VERSION.findall(folder)
    return int(found[-1]) if found else 0


def next_version(pattern: str, *, number: int | None = None) -> str:
    """`.../sh010_v003/sh010_v003.####.exr` as `v004`, in every place of that version; put in where there is none.

    Args:
        pattern: of an output.
        number: the version to have; None: one more.
    """
    pattern = to_hashes(pattern)
    folder, name = _split(pattern)
    if not _VERSION.search(pattern):
        stem, dot, rest = name.partition(".")
        return f"{folder}{stem}_v{1 if number is None else number:03d}{dot}{rest}"
    now = version_of(pattern)
    wanted = now + 1 if number is None else number

    def changed(found: re.Match[str]) -> str:
        digits = found.group(1)
        return found.group() if int(digits) != now else f"{found.group()[0]}{wanted:0{len(digits)}d}"

    return _VERSION.sub(changed, folder) + _VERSION.sub(changed, name)


def free_version(pattern: str) -> str:
    """The pattern, or its next version of which no frame is on disk: what is written is never written over."""
    wanted = to_hashes(pattern) if _VERSION.search(pattern) else next_version(pattern, number=1)
    while existing(wanted) or ("#" not in _split(wanted)[1] and os.path.exists(wanted)):
        wanted = next_version(wanted)
    return wanted


def parse_maps(text: str) -> list[tuple[str, str]]:
    """`P:/show=/mnt/show|Q:=/mnt/q` as pairs of roots: here, there.

    Raises:
        ValueError: a part that is no pair.
    """
    pairs = []
    for part in filter(None, (one.strip() for one in text.split("|"))):
        here, equals, there = part.partition("=")
        if not (equals and here.strip() and there.strip()):
            raise ValueError(f"{part!r} is no map: write HERE=THERE, such as P:/show=/mnt/show")
        pairs.append((here.strip(), there.strip()))
    return pairs


def same_system(path: str, maps: Iterable[Sequence[str]]) -> str:
    """A path of this machine as another calls it; the longest root that fits counts, else it stays as it is.

    Backslashes become slashes, drives are compared without regard to case, and `//server/share` stays a share.
    """
    plain = path.replace("\\", "/")
    best: tuple[int, str] | None = None
    for here, there in maps:
        root = here.replace("\\", "/").rstrip("/")
        head, tail = plain[: len(root)], plain[len(root) :]
        same = head.lower() == root.lower() if _is_windows(root) else head == root
        if same and (not tail or tail.startswith("/")) and (best is None or len(root) > best[0]):
            best = (len(root), there.rstrip("/\\") + tail)
    return plain if best is None else best[1]


def _is_number(text: str, width: int) -> bool:
    """Whether a frame's number is written so, padded to a width: longer ones have no zeros in front."""
    return text.isascii() and text.isdigit() and (len(text) == width or (len(text) > width and text[0] != "0"))


def _is_windows(root: str) -> bool:
    return bool(re.match(r"[A-Za-z]:|//", root))


def _split(path: str) -> tuple[str, str]:
    """Folder with its last slash, and name; forward slashes on Windows."""
    plain = path.replace("\\", "/") if os.name == "nt" or re.match(r"[A-Za-z]:\\|\\\\", path) else path
    folder, slash, name = plain.rpartition("/")
    return folder + slash, name
