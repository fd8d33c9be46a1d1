"""`render --on`: a shot in chunks, on processes of this machine or on a Ray cluster."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from vfx_swap.cli.rendering import tell_report
from vfx_swap.cli.session import stop_requests
from vfx_swap.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vfx_swap.cli.console import Console
    from vfx_swap.farm.chunks import ChunkEvent, ChunkRunner
    from vfx_swap.settings import Shot

__all__ = ["FarmOptions", "Where", "render_on"]


class Where(StrEnum):
    """Who renders the chunks."""

    LOCAL = "local"
    RAY = "ray"


@dataclass(frozen=True)
class FarmOptions:
    """How a shot is spread."""

    on: Where
    workers: int | None = None
    chunk: int | None = None
    address: str | None = None


def render_on(
    console: Console,
    shot_file: Path,
    shot: Shot,
    options: FarmOptions,
    *,
    frames: Sequence[int] | None,
    overwrite: bool,
    device: str,
) -> None:
    """Render a shot in chunks and tell what was done.

    Raises:
        UsageError: the shot cannot be rendered in chunks, or an option does not fit.
        VfxSwapError: as a render.
    """
    from vfx_swap.colour.ocio import load_config
    from vfx_swap.farm.chunks import ChunkOptions, FarmJob, chunk_size, split
    from vfx_swap.farm.conduct import run_farm
    from vfx_swap.pipeline.prepare import frames_for_chunks

    if options.address is not None and options.on is not Where.RAY:
        raise UsageError("--address is a Ray cluster's", mend="Say --on ray with it")
    wanted = frames_for_chunks(shot, config=load_config(), wanted=frames)
    with _runner(options, device=device) as (runner, workers):
        job = FarmJob(
            shot=shot_file.absolute(),
            chunks=split(wanted, options.chunk or chunk_size(len(wanted), workers)),
            options=ChunkOptions(device=device, overwrite=overwrite),
        )
        with stop_requests(console) as cancelled, console.progress() as progress:
            report = run_farm(shot, job, runner, progress=progress, watch=_watcher(console), cancelled=cancelled)
    tell_report(console, report)


@contextlib.contextmanager
def _runner(options: FarmOptions, *, device: str) -> Iterator[tuple[ChunkRunner, int]]:
    """Who runs the chunks, and on how many at a time."""
    if options.on is Where.RAY:
        from vfx_swap.farm.ray_runner import open_ray

        with open_ray(address=options.address, workers=options.workers, device=device) as ray:
            yield ray, ray.workers
    else:
        from vfx_swap.farm.local import LocalProcesses

        workers = options.workers or max(1, len(os.sched_getaffinity(0)) // 2)
        yield LocalProcesses(workers=workers), workers


def _watcher(console: Console) -> Callable[[ChunkEvent], None]:
    """Tells programs of chunks: `{"event": "chunk", ...}`."""

    def watch(event: ChunkEvent) -> None:
        if event.what == "progress":
            return
        fields: dict[str, object] = {"state": event.what, "worker": event.worker}
        if event.chunk is not None:
            fields |= {"frames": event.chunk.text, "attempt": event.attempt}
        if event.error is not None:
            fields["message"] = str(event.error)
        console.event("chunk", **fields)

    return watch
