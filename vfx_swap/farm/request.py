"""A chunk as it travels to who renders it, and the report that comes back: names and numbers, no pixels.

Imports nothing heavy: a command that hands its chunk over starts quickly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vfx_swap.errors import ProtocolError
from vfx_swap.farm.lines import Line

__all__ = ["ChunkReport", "ChunkRequest", "report_from"]


@dataclass(frozen=True)
class ChunkRequest:
    """One chunk, as it travels to who renders it: names and numbers, no pixels."""

    shot: str
    """Path of the shot file, absolute."""
    frames: tuple[int, ...] | None
    """None: every frame of the shot; empty: the analyse pass."""
    device: str = "cpu"
    overwrite: bool = False

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> ChunkRequest:
        """A request from parsed JSON.

        Raises:
            ProtocolError: a field is missing or of another type.
        """
        shot, frames = fields.get("shot"), fields.get("frames")
        device, overwrite = fields.get("device"), fields.get("overwrite")
        fits = frames is None or (isinstance(frames, list) and all(type(frame) is int for frame in frames))
        if not (isinstance(shot, str) and fits and isinstance(device, str) and isinstance(overwrite, bool)):
            what = "a request needs shot, frames, device and overwrite"
            raise ProtocolError(what, mend="Client and worker must be of one version")
        return cls(shot, None if frames is None else tuple(frames), device, overwrite)


@dataclass(frozen=True)
class ChunkReport:
    """What a chunk did: a `ShotReport`, of a render elsewhere."""

    name: str
    output: str
    log: Path
    tracks: Path
    rendered: tuple[int, ...]
    skipped: tuple[int, ...]
    without_face: tuple[int, ...]
    warnings: tuple[str, ...]


def report_from(line: Line) -> ChunkReport:
    """The report that a line `done` of a `WarmRenderer` tells of.

    Raises:
        ProtocolError: it holds none.
    """
    try:
        said = line["report"]
        return ChunkReport(
            name=str(said["name"]),
            output=str(said["output"]),
            log=Path(said["log"]),
            tracks=Path(said["tracks"]),
            rendered=tuple(said["rendered"]),
            skipped=tuple(said["skipped"]),
            without_face=tuple(said["without_face"]),
            warnings=tuple(said["warnings"]),
        )
    except (KeyError, TypeError) as error:
        raise ProtocolError(f"the worker's last line does not read: {error}") from error
