"""What a client gets back: frozen values that know nothing of the wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from vfx_swap.errors import FrameFailure, VfxSwapError

__all__ = [
    "ENDED",
    "DeviceInfo",
    "IdentityInfo",
    "Job",
    "JobEvent",
    "JobState",
    "ModelInfo",
    "OptionInfo",
    "Options",
    "RenderReport",
    "ServerInfo",
]

JobState: TypeAlias = Literal["queued", "analysing", "rendering", "succeeded", "failed", "cancelled"]
ENDED: frozenset[JobState] = frozenset({"succeeded", "failed", "cancelled"})


@dataclass(frozen=True, eq=False)
class Job:
    """A job as it stands."""

    id: str
    request_id: str
    owner: str
    shot: Mapping[str, Any]
    """Values of the shot file, paths as the server knows them."""
    state: JobState
    created: datetime
    updated: datetime
    frames_total: int
    """0 until the faces are found."""
    frames_rendered: int
    frames_skipped: int
    failed: tuple[FrameFailure, ...]
    error: VfxSwapError | None
    last_event: int

    @property
    def ended(self) -> bool:
        """Whether nothing more happens unless it is resumed."""
        return self.state in ENDED


@dataclass(frozen=True, eq=False)
class JobEvent:
    """One thing that happened to a job."""

    number: int
    """Rises by one within a job."""
    time: datetime
    kind: str
    """`queued`, `analysing`, `rendering`, `frame_done`, `frame_skipped`, `frame_failed`, `warning`, `note`, `finished`,
    `failed` or `cancelled`."""
    frame: int | None = None
    done: int = 0
    total: int = 0
    message: str = ""
    metrics: Mapping[str, float | str] = field(default_factory=dict)
    error: VfxSwapError | None = None


@dataclass(frozen=True)
class RenderReport:
    """What a render did."""

    job: str
    """Id of the job that did it."""
    output: str
    tracks: str
    rendered: tuple[int, ...] = ()
    skipped: tuple[int, ...] = ()
    """Frames whose output was current."""
    without_face: tuple[int, ...] = ()
    """Rendered frames in which no cast face is seen: written as the plate."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class IdentityInfo:
    """An identity that a server keeps."""

    name: str
    """`identities/NAME`: what a casting names it by."""
    sha256: str
    references: int
    consent_id: str
    consent_state: Literal["valid", "expired", "not_yet"]
    expires: datetime | None
    scope: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelInfo:
    """A model card on a server."""

    id: str
    task: str
    licence: str
    paid_work_allowed: bool
    present: bool
    loaded_on: tuple[str, ...] = ()


@dataclass(frozen=True)
class OptionInfo:
    """One knob."""

    key: str
    """Of the shot file, such as `lighting.exposure_stops`; `cast[].strength` stands once for each casting."""
    kind: Literal["number", "integer", "choice", "choices", "colour", "path", "text"]
    label: str
    help: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    default: Any = None
    unit: str = ""
    engines: tuple[str, ...] = ()
    """Engines it is for; empty: all."""


@dataclass(frozen=True)
class Options:
    """What a host needs to build its knobs."""

    engines: tuple[str, ...]
    """Names of the engines that are there; the first is the default."""
    options: tuple[OptionInfo, ...]


@dataclass(frozen=True)
class DeviceInfo:
    """A device of a server."""

    name: str
    index: int
    memory_total_bytes: int
    memory_free_bytes: int
    load: float
    models: tuple[str, ...]
    queued: int
    running: int
    alive: bool
    restarts: int


@dataclass(frozen=True)
class ServerInfo:
    """A server."""

    version: str
    protocols: tuple[str, ...]
    devices: tuple[DeviceInfo, ...]
    shared_memory: bool
    roots: tuple[str, ...]
    who: str
    roles: tuple[str, ...]
    draining: bool
    chunk_bytes: int
    frame_pixels: int
    frames_in_flight: int
