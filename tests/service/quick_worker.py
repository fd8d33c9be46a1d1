"""A worker with quick stand-ins for models and swapper, as `tests.pipeline.shot_fakes` has them: a crew's `command`.

`python -m tests.service.quick_worker SECONDS BAD_FRAME HOW ... --fd N ...`: each frame takes so many seconds; at one
frame the process dies (`kill`), stands still with the interpreter held (`hang`), or runs out of a device's memory
(`memory`). Where HOW ends in `once`, only the first time: a file beside the plate remembers it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from tests.pipeline.shot_fakes import fake_swap, tools
from vfx_swap.service.handlers import WorkerHandlers
from vfx_swap.service.worker import main

__all__ = ["quick_command"]


def quick_command(*, seconds: float = 0.0, bad_frame: int = -1, how: str = "") -> tuple[str, ...]:
    """For `CrewSettings.command`."""
    return (sys.executable, "-m", __name__, str(seconds), str(bad_frame), how or "none")


def _fail(how: str) -> None:
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how == "hang":
        ctypes.PyDLL(None).sleep(600)  # PyDLL keeps the interpreter's lock: not even a thread can say that it lives
    elif how == "memory":
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")


def _swap(seconds: float, bad_frame: int, how: str) -> Any:
    how, _, once = how.partition("-")

    def swap(frame: Any, cast: Any, *, shot: Any, want_patch: bool) -> Any:
        time.sleep(seconds)
        if frame.number == bad_frame:
            mark = Path(shot.plate).parent / "failed.mark"
            if not once or not mark.exists():
                mark.touch()
                _fail(how)
        return fake_swap(frame, cast, shot=shot, want_patch=want_patch)

    return swap


if __name__ == "__main__":
    swap = _swap(float(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
    quick = tools(swap_frame=swap)
    sys.exit(main(sys.argv[4:], open_handlers=lambda device: WorkerHandlers(device, tools=quick)))
