"""What the front asks of the processes that compute: tasks, how they run, and the protocol of the crew.

A task is JSON both ways. Pixels never are: a `swap` names places in shared memory (`Ref` below). What each kind takes
and gives:

    analyse   {shot, today?} | {plate, out, frames?, colour_space?, missing?}
              {tracks, frames, warnings}
    render    {shot, frames?, overwrite?, today?}
              {rendered, skipped, without_face, warnings, failures: [{frame, reason}], log, tracks, output}
    open      {session, shot, mode: "tracks" | "stills", tracks: path or null, colour_space?, today?}
              {fit_frames, layers, warnings}
    swap      {session, frames: [FRAME]}
              {frames: [{number, window, planes: {name: Ref}, metrics, header, settings_digest, warnings, output?}
                        | {number, seen: true} | {number, error}]}
    close     {session}
              {}
    parse     {name, parser?, cryptomatte, mode, tracks, colour_space?, frames: [FRAME]}
              {frames: as of swap; the layers alone}
    identity  {name, references: [path], consent: path, out, face?, colour_space?}
              {path, sha256, name, recognisers, references, warnings}
    load      {model}
              {model, bytes}
    unload    {model}
              {model, unloaded}
    describe  {}
              {engines, options, models, loaded, device}

A FRAME is {number, window: [x, y, width, height], display: the same, pixels: Ref, out: Ref} or, in a file, {number,
path, out: Ref}; with `output`, a path, the worker writes the frame there. Of planes, `rgb` is in the plate's encoding
and half where the plate is; all others are floats.

`shot` is the values of a shot file with absolute paths, as `settings.shot_from_values` reads them. Every answer has
`stats` too: {queue_seconds, decode_seconds, infer_seconds, encode_seconds, batch_size, device, worker, attempt}.
Events are {stage, what, done, total, frame, message, metrics}, as `pipeline.progress.ProgressEvent`.

Frames that fail are part of an answer, not its end: `failures` of a render, `error` of a frame.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

__all__ = ["KINDS", "Crew", "DeviceState", "Kind", "OnEvent", "Priority", "Ref", "Running", "Task", "no_events"]

Kind: TypeAlias = Literal[
    "analyse", "render", "open", "swap", "close", "parse", "identity", "load", "unload", "describe"
]
KINDS: tuple[Kind, ...] = (
    "analyse", "render", "open", "swap", "close", "parse", "identity", "load", "unload", "describe",
)  # fmt: skip
Priority: TypeAlias = Literal["interactive", "batch"]
OnEvent: TypeAlias = Callable[[Mapping[str, Any]], None]
"""Called in the event loop's thread, in the order in which things happened."""


def no_events(event: Mapping[str, Any], /) -> None:
    """An `OnEvent` that tells nobody."""


@dataclass(frozen=True)
class Ref:
    """A place in shared memory that the front made: C-contiguous, little-endian."""

    pool: str
    """Path of the file to map."""
    offset: int
    """Bytes from its start."""
    shape: tuple[int, ...]
    """Of the array; (bytes,) with dtype `uint8` for room that a worker lays planes into."""
    dtype: Literal["float16", "float32", "uint8", "uint16"]

    def to_json(self) -> dict[str, Any]:
        """As it stands in a task's body."""
        return {"pool": self.pool, "offset": self.offset, "shape": list(self.shape), "dtype": self.dtype}


@dataclass(frozen=True, eq=False)
class Task:
    """One thing that a worker does."""

    id: str
    """Unique; stands in logs and errors."""
    kind: Kind
    body: Mapping[str, Any]
    """JSON values only; what this kind takes."""
    client: str
    """Who it is for: clients of one priority take turns."""
    priority: Priority = "batch"
    batch_key: str = ""
    """Tasks of one key, if not empty, may go to a worker in one message. Only kinds with `frames` are batched."""
    affinity: str = ""
    """Tasks of one affinity, if not empty, go to one worker, in the order in which they were submitted."""
    model: str = ""
    """Id of the engine, for placement and the memory budget."""
    deadline: float | None = None
    """`time.monotonic()`: DeadlineError when it has not started by then."""
    idempotent: bool = True
    """False: not tried again when its worker dies."""
    device: str = ""
    """`cpu`, `cuda:N`, or one of several alike by its place such as `cpu#1`; empty: the crew's choice."""


class Running(Protocol):
    """A task that was taken on."""

    @property
    def id(self) -> str:
        """The task's."""
        ...

    async def result(self) -> Mapping[str, Any]:
        """The answer. May be awaited more than once; that a waiter is cancelled does not cancel the task.

        Raises:
            CancelledError: `cancel` was called, or the crew went down before it ended.
            DeadlineError: it could not start in time.
            WorkerDiedError: its worker died, and the one that tried again too; frames in hand are named.
            VfxSwapError: what the worker raised, class and all.
        """
        ...

    def cancel(self) -> None:
        """Drop it if it waits, stop it between frames if it runs; `result` tells when that has happened."""
        ...


@dataclass(frozen=True)
class DeviceState:
    """A worker and its device."""

    name: str
    """`cpu` or `cuda:N`."""
    index: int
    """Place among the crew's workers, which tells two of one name apart."""
    title: str
    """What the hardware calls itself."""
    memory_total: int
    """Bytes; 0: not known yet."""
    memory_free: int
    """Bytes; 0: not known yet."""
    load: float
    """0 to 1: share of the last seconds in which it worked."""
    models: tuple[str, ...]
    """Engines that it holds."""
    alive: bool
    """Its process answers."""
    queued: int
    """Tasks that wait for this worker alone; those that any may take are counted by `Crew.queued`."""
    running: int
    restarts: int
    """How often its process was started again."""
    pid: int
    """Of its process; 0: none."""


class Crew(Protocol):
    """The workers of a server, as its front sees them. All methods are called in the event loop's thread."""

    async def start(self) -> None:
        """Start every worker, and wait until each answers.

        Raises:
            CannotRunError: a device is not there, or a worker does not come up.
        """
        ...

    async def stop(self, *, grace_seconds: float) -> None:
        """Take on nothing more, let what runs end, then kill; what waits ends with CancelledError."""
        ...

    def submit(self, task: Task, *, on_event: OnEvent = no_events) -> Running:
        """Take on a task.

        Raises:
            BusyError: the client's queue, or the whole queue, is full, or the crew is going down.
            UsageError: the task's id is under way already, or its device is none of the crew's.
        """
        ...

    @property
    def queued(self) -> int:
        """Tasks that wait."""
        ...

    def devices(self) -> tuple[DeviceState, ...]:
        """Every worker."""
        ...
