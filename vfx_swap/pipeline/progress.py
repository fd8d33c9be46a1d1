"""What long work tells whoever watches: one frozen event at a time, through a plain callable."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

__all__ = ["Cancelled", "Happening", "Progress", "ProgressEvent", "Stage", "never_cancelled", "no_progress"]

Stage: TypeAlias = Literal["analyse", "render", "swap", "qc", "demo", "identity"]
Happening: TypeAlias = Literal["started", "frame", "skipped", "failed", "warning", "note", "finished"]


@dataclass(frozen=True)
class ProgressEvent:
    """One thing that happened in long work."""

    stage: Stage
    what: Happening
    done: int = 0
    """Frames of this stage that are behind us: rendered, skipped or failed."""
    total: int = 0
    """Frames of this stage; 0 when unknown."""
    frame: int | None = None
    message: str = ""
    """A sentence for a person; empty where the numbers say it all."""
    metrics: Mapping[str, float | int | str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    """What a frame took, by step: `read`, `swap`, `write`."""


Progress: TypeAlias = Callable[[ProgressEvent], None]
"""Called in the thread that asked for the work, never at the same time from two."""
Cancelled: TypeAlias = Callable[[], bool]
"""Asked between frames: True stops the work cleanly."""


def no_progress(event: ProgressEvent, /) -> None:
    """A `Progress` that tells nobody."""


def never_cancelled() -> bool:
    """A `Cancelled` that never stops the work."""
    return False
