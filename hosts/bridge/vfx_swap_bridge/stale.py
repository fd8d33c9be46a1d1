"""Whether a result is still of its settings and its plate."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from .paths import frame_file

__all__ = ["plate_stamp", "result_digest"]

DROPPED = ("output", "name")
"""Keys of a shot that say where a result goes, not what is in it."""


def plate_stamp(pattern: str, frames: Iterable[int]) -> list[Any]:
    """Size and time of every frame's file; None where there is none."""
    found: list[Any] = []
    for frame in sorted(set(frames)):
        try:
            status = os.stat(frame_file(pattern, frame))
            found.append([frame, status.st_size, status.st_mtime_ns])
        except OSError:
            found.append([frame, None, None])
    return found


def result_digest(shot: Mapping[str, Any], stamp: Iterable[Any] = ()) -> str:
    """SHA-256 of a shot's values and of its plate's stamp; the same whatever the order of keys.

    Identities that are files count with their size and time.
    """
    kept = {key: value for key, value in shot.items() if key not in DROPPED}
    packs = [_file(str(one.get("identity", ""))) for one in shot.get("cast", ()) if isinstance(one, Mapping)]
    text = json.dumps([kept, packs, list(stamp)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _file(path: str) -> list[int] | None:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return [status.st_size, status.st_mtime_ns]
