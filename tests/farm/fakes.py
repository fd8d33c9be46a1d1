"""Workers without processes, and a command line whose frames cost nothing."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tests.pipeline.shot_fakes import SHOT_FILE, make_shot
from vfx_swap.errors import VfxSwapError
from vfx_swap.farm.chunks import Chunk, FarmJob, split
from vfx_swap.pipeline.error_fields import error_fields
from vfx_swap.pipeline.progress import Cancelled

__all__ = ["DONE", "FakeSlot", "FakeSlots", "error_line", "frame_line", "job_of", "quick_program", "shot_file"]

DONE: Mapping[str, Any] = {"event": "done"}

PROGRAM = """
import functools, sys
sys.path.insert(0, {root!r})
from tests.pipeline.shot_fakes import slow_swap, tools
from vfx_swap.cli.app import run
from vfx_swap.pipeline import prepare, shot
quick = tools(swap_frame=slow_swap({seconds}))
shot.render_shot = functools.partial(shot.render_shot, tools=quick)
prepare.prepare_shot = functools.partial(prepare.prepare_shot, tools=quick)
from vfx_swap.farm import warm
warm.WarmRenderer = functools.partial(warm.WarmRenderer, quick)
{more}
sys.exit(run(sys.argv[1:]))
"""


def quick_program(*, seconds: float = 0.0, more: str = "") -> tuple[str, ...]:
    """A `vfx-swap` whose swapper and analyse pass are quick stand-ins; `more` is run before the command."""
    return (sys.executable, "-c", PROGRAM.format(root=str(ROOT), seconds=seconds, more=more))


def shot_file(folder: Path) -> Path:
    """A shot file, with its plate and pack, of what `make_shot` makes."""
    make_shot(folder)
    path = folder / "sh010.toml"
    # The fakes know no faces' shapes.
    path.write_text(SHOT_FILE + "reshape = 0.0\n")
    return path


def job_of(path: Path, *, frames: tuple[int, ...] = (1, 2, 3, 4, 5, 6), size: int = 2) -> FarmJob:
    return FarmJob(shot=path, chunks=split(frames, size))


def frame_line(frame: int, what: str = "frame") -> dict[str, Any]:
    return {"event": what, "stage": "render", "done": 1, "total": 2, "frame": frame, "metrics": {"faces": 1}}


def error_line(error: VfxSwapError) -> dict[str, Any]:
    return {"event": "error", **error_fields(error)}


@dataclass
class FakeSlot:
    """A worker that does what its script says."""

    name: str
    script: Callable[[str, Chunk], Iterator[Mapping[str, Any]]]
    stopped: threading.Event = field(default_factory=threading.Event)
    closed: bool = False

    def run(self, job: FarmJob, chunk: Chunk) -> Iterator[Mapping[str, Any]]:
        yield from self.script(self.name, chunk)

    def stop(self) -> None:
        self.stopped.set()

    def close(self) -> None:
        self.closed = True


@dataclass
class FakeSlots:
    """Opens workers; `script` is called with the worker's name and the chunk."""

    script: Callable[[str, Chunk], Iterator[Mapping[str, Any]]]
    opened: list[FakeSlot] = field(default_factory=list)
    cannot: VfxSwapError | None = None

    def __call__(self, index: int, over: Cancelled) -> FakeSlot:
        if self.cannot is not None:
            raise self.cannot
        slot = FakeSlot(f"worker {index}", self.script)
        self.opened.append(slot)
        return slot
