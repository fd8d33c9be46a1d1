"""A renderer that stays: chunk after chunk in one process, with the networks, the GPU and the imports of the first."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from vfx_swap.errors import VfxSwapError
from vfx_swap.farm.lines import Line, progress_fields
from vfx_swap.farm.request import ChunkRequest
from vfx_swap.pipeline.error_fields import error_fields
from vfx_swap.pipeline.prepare import prepare_shot
from vfx_swap.pipeline.progress import Cancelled, ProgressEvent, never_cancelled
from vfx_swap.pipeline.shot import Tools, render_shot
from vfx_swap.pipeline.today import local_today
from vfx_swap.pipeline.validate import open_shot
from vfx_swap.pipeline.warm import WarmTools

__all__ = ["WarmRenderer"]


class WarmRenderer:
    """Renders chunks one after another; face models and networks that a chunk loaded stay for the next."""

    def __init__(self, tools: Tools = Tools()) -> None:
        self._warm = WarmTools(tools)

    def run(
        self, request: ChunkRequest, *, tell: Callable[[Line], None], cancelled: Cancelled = never_cancelled
    ) -> None:
        """Render a chunk; never raises.

        Args:
            request: what to render.
            tell: given every line as `render --json` writes it, in this thread; the last is `done` or `error`.
            cancelled: asked between frames.
        """

        def progress(event: ProgressEvent) -> None:
            tell(progress_fields(event))

        try:
            shot = open_shot(Path(request.shot), config=self._warm.tools.load_config())
            today = local_today()
            if request.frames is not None and not request.frames:
                made = prepare_shot(shot, today=today, progress=progress, cancelled=cancelled, tools=self._warm.tools)
                done: dict[str, object] = {"tracks": str(made.tracks)}
            else:
                report = render_shot(
                    shot,
                    frames=request.frames,
                    overwrite=request.overwrite,
                    device=request.device,
                    today=today,
                    progress=progress,
                    cancelled=cancelled,
                    tools=self._warm.tools,
                )
                done = {"report": {**asdict(report), "log": str(report.log), "tracks": str(report.tracks)}}
        except VfxSwapError as error:
            tell({"event": "error", **error_fields(error)})
        except Exception as error:  # noqa: BLE001  # it is told, and the next chunk may do
            tell({"event": "error", "kind": "Unexpected", "what": f"{type(error).__name__}: {error}"})
        else:
            tell({"event": "done", **done})

    def lines(self, request: ChunkRequest, *, cancelled: Cancelled = never_cancelled) -> Iterator[Line]:
        """As `run`, which works in a thread of its own while what it tells is taken here."""
        told: queue.Queue[Line] = queue.Queue()
        thread = threading.Thread(
            target=self.run, args=(request,), kwargs={"tell": told.put, "cancelled": cancelled}, daemon=True
        )
        thread.start()
        last: Line = {}
        while last.get("event") not in ("done", "error"):
            last = told.get()
            yield last
        thread.join()

    def close(self) -> None:
        """Let go of what was loaded."""
        self._warm.close()
