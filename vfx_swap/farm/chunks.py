"""A shot in chunks: ranges of frames, what is wanted of each, and what whoever runs them tells.

Nothing here knows a scheduler. A chunk is `vfx-swap render SHOT.toml --frames A-B`: run again, run twice at once or
run on another machine, it gives the same files, and what is current is skipped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from vfx_swap.errors import UsageError, VfxSwapError
from vfx_swap.io.ranges import format_frames
from vfx_swap.pipeline.progress import Cancelled, never_cancelled

__all__ = ["Chunk", "ChunkEvent", "ChunkHappening", "ChunkOptions", "ChunkRunner", "FarmJob", "chunk_size", "split"]

ChunkHappening: TypeAlias = Literal["started", "progress", "finished", "retried", "failed", "lost"]

SHARE = 4
"""Chunks that each worker gets of a shot where nobody says how large they are: enough that one slow machine does not
hold up the end, few enough that starting costs little."""
LARGEST = 50


@dataclass(frozen=True)
class Chunk:
    """Frames that are rendered together; no frames: the analyse pass, which every shot starts with."""

    frames: tuple[int, ...] = ()

    @property
    def prepares(self) -> bool:
        """Whether it is the analyse pass."""
        return not self.frames

    @property
    def text(self) -> str:
        """The range, as `--frames` takes it; `tracks` for the analyse pass."""
        return format_frames(self.frames) if self.frames else "tracks"


@dataclass(frozen=True)
class ChunkOptions:
    """What is wanted of every chunk."""

    device: str = "cpu"
    overwrite: bool = False


@dataclass(frozen=True)
class FarmJob:
    """A shot to render in chunks."""

    shot: Path
    """The shot file, absolute; every machine sees it, and all that it names, under these paths."""
    chunks: tuple[Chunk, ...]
    options: ChunkOptions = ChunkOptions()


@dataclass(frozen=True, eq=False)
class ChunkEvent:
    """One thing that happened to a chunk, or to who runs them."""

    what: ChunkHappening
    """`started`, `progress` (`line` says what), `finished`, `retried` (its worker was lost, it will run again),
    `failed` for good; `lost`: a worker is gone and is not replaced."""
    chunk: Chunk | None
    """None where a worker is meant."""
    worker: str
    attempt: int = 1
    line: Mapping[str, Any] = field(default_factory=dict)
    """With `progress`: a line as `render --json` writes it."""
    error: VfxSwapError | None = None
    """With `retried`, `failed` and `lost`: why."""


class ChunkRunner(Protocol):
    """Whoever can run chunks: processes of this machine, a cluster."""

    def run(self, job: FarmJob, *, cancelled: Cancelled = never_cancelled) -> Iterator[ChunkEvent]:
        """Make the tracks once, then run every chunk.

        Args:
            job: what to run.
            cancelled: asked now and then; True stops once the frames in hand are written.

        Yields:
            What happens, until nothing more will. What a chunk cannot do is told as `failed`, never raised.

        Raises:
            CannotRunError: nothing can run here at all.
        """
        ...


def split(frames: Sequence[int], size: int) -> tuple[Chunk, ...]:
    """Frames in chunks of `size`, in order; the last may be smaller. Gaps do not end a chunk.

    Raises:
        UsageError: `size` is below 1.
    """
    if size < 1:
        raise UsageError(f"a chunk has at least one frame, got {size}")
    return tuple(Chunk(tuple(frames[start : start + size])) for start in range(0, len(frames), size))


def chunk_size(frames: int, workers: int) -> int:
    """Frames a chunk where nobody says: `SHARE` chunks a worker, none above `LARGEST` frames."""
    return max(1, min(LARGEST, -(-frames // (SHARE * max(1, workers)))))
