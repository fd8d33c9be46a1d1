"""Jobs as they stand on disk: what was asked for, where it stands, what happened."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

__all__ = ["ENDED", "EventRecord", "FrameState", "JobRecord", "JobRequest", "JobState"]

JobState: TypeAlias = Literal["queued", "analysing", "rendering", "succeeded", "failed", "cancelled"]
FrameState: TypeAlias = Literal["waiting", "rendered", "skipped", "failed"]
ENDED: frozenset[JobState] = frozenset({"succeeded", "failed", "cancelled"})


@dataclass(frozen=True)
class JobRequest:
    """What was asked for; JSON values only."""

    shot: Mapping[str, Any]
    """Values of the shot file."""
    frames: str = ""
    """These of the shot's frames; empty: all."""
    chunk_size: int = 0
    """Frames of a chunk; 0: the server's choice."""
    priority: Literal["batch", "interactive"] = "batch"
    overwrite: bool = False

    @property
    def digest(self) -> str:
        """SHA-256 by which a request is known when it comes again."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def text(self) -> str:
        """As JSON."""
        return json.dumps(vars(self), sort_keys=True, allow_nan=False)


@dataclass(frozen=True)
class JobRecord:
    """A job as it stands."""

    id: str
    owner: str
    request_id: str
    request: JobRequest
    state: JobState
    created: float
    """Seconds since 1970."""
    updated: float
    last_event: int
    error: bytes | None
    """A google.rpc.Status."""
    result: Mapping[str, Any]
    counts: Mapping[FrameState, int] = field(default_factory=dict)
    """Frames by where they stand; empty until they are known."""

    @property
    def ended(self) -> bool:
        """Whether nothing more happens unless it is resumed."""
        return self.state in ENDED


@dataclass(frozen=True)
class EventRecord:
    """One thing that happened to a job."""

    number: int
    at: float
    kind: str
    body: Mapping[str, Any]
    """`frame`, `done`, `total`, `message`, `metrics`: those that apply."""
    error: bytes | None = None
