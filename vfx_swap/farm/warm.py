"""A renderer that stays: chunk after chunk in one process, with the networks, the GPU and the imports of the first."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vfx_swap.colour.ocio import ColourConfig
from vfx_swap.errors import ProtocolError, VfxSwapError
from vfx_swap.farm.lines import Line, error_fields, progress_fields
from vfx_swap.models.default import FaceModels
from vfx_swap.models.kernels import Kernels
from vfx_swap.pipeline.engines import Engine
from vfx_swap.pipeline.prepare import prepare_shot
from vfx_swap.pipeline.progress import Cancelled, ProgressEvent, never_cancelled
from vfx_swap.pipeline.shot import ShotReport, Tools, render_shot
from vfx_swap.pipeline.validate import open_shot
from vfx_swap.settings import Shot

__all__ = ["ChunkRequest", "WarmRenderer", "report_from"]


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


class WarmRenderer:
    """Renders chunks one after another. What a chunk loaded stays for the next one of the same settings."""

    def __init__(self, tools: Tools = Tools()) -> None:
        self._real = tools
        self._tools = replace(tools, open_engine=self._open_engine, load_models=self._load_models)
        self._held = ExitStack()
        self._models: FaceModels | None = None
        self._engine: tuple[object, Engine] | None = None
        """What it was opened for, and the engine: one, since a session works on one shot."""

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
            shot = open_shot(Path(request.shot), config=self._tools.load_config())
            today = datetime.now(UTC).astimezone().date()
            if request.frames is not None and not request.frames:
                prepare_shot(shot, today=today, progress=progress, cancelled=cancelled, tools=self._tools)
                done: dict[str, object] = {}
            else:
                report = render_shot(
                    shot,
                    frames=request.frames,
                    overwrite=request.overwrite,
                    device=request.device,
                    today=today,
                    progress=progress,
                    cancelled=cancelled,
                    tools=self._tools,
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
        self._held.close()
        self._models, self._engine = None, None

    def _open_engine(self, shot: Shot, *, config: ColourConfig, kernels: Kernels) -> Engine:
        known = (shot.model_dump_json(), config.digest, kernels.device)
        if self._engine is None or self._engine[0] != known:
            self._engine = (known, self._real.open_engine(shot, config=config, kernels=kernels))
        return self._engine[1]

    @contextmanager
    def _load_models(self) -> Iterator[FaceModels]:
        if self._models is None:
            self._models = self._held.enter_context(self._real.load_models())
        yield self._models


def report_from(line: Line) -> ShotReport:
    """The report that a line `done` of a `WarmRenderer` tells of.

    Raises:
        ProtocolError: it holds none.
    """
    try:
        said = line["report"]
        return ShotReport(
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
