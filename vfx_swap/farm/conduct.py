"""A shot through a `ChunkRunner`: progress of the whole from that of its chunks, and the report of one render."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from vfx_swap.errors import CancelledError, FrameFailure, FramesFailedError, VfxSwapError
from vfx_swap.farm.chunks import ChunkEvent, ChunkRunner, FarmJob
from vfx_swap.farm.lines import progress_from
from vfx_swap.farm.pool import is_infrastructure
from vfx_swap.pipeline.prepare import output_folder
from vfx_swap.pipeline.progress import Cancelled, Progress, ProgressEvent, Stage, never_cancelled, no_progress
from vfx_swap.pipeline.render_log import RenderLog
from vfx_swap.pipeline.shot import ShotReport
from vfx_swap.settings import Shot

__all__ = ["run_farm"]

_RESUME = "Run the same command again to go on: frames already written are kept"


@dataclass(eq=False)
class _Tally:
    """What became of the shot's frames, whoever rendered them."""

    total: int
    progress: Progress
    state: dict[int, str] = field(default_factory=dict)
    """Frame -> rendered, skipped or failed."""
    reasons: dict[int, str] = field(default_factory=dict)
    absent: set[int] = field(default_factory=set)
    """Frames without a cast face."""
    said: dict[str, None] = field(default_factory=dict)
    lost: VfxSwapError | None = None
    """The last error that cost frames and was a machine's."""
    ending: VfxSwapError | None = None
    """What ended the job."""

    def take(self, event: ChunkEvent) -> None:
        """Count what happened, and tell of it."""
        if event.what == "progress":
            self._progress(event)
        elif event.what == "finished" and event.chunk is not None and event.chunk.prepares:
            self.progress(ProgressEvent("render", "started", total=self.total))
        elif event.what in ("retried", "lost"):
            again = "; it is run again" if event.what == "retried" else "; it is not used any more"
            what = f"frames {event.chunk.text}" if event.chunk and not event.chunk.prepares else event.worker
            self._warn(f"{what}: {event.error}{again}")
        elif event.what == "failed" and event.chunk is not None and event.error is not None:
            self._failed(event, event.error)

    def _progress(self, event: ChunkEvent) -> None:
        one = progress_from(event.line)
        if one is None:
            return
        if one.what == "warning":
            self._warn(one.message, stage=one.stage, frame=one.frame)
        elif one.stage != "render":
            if event.chunk is not None and event.chunk.prepares:  # a chunk says only that it reuses the tracks
                self.progress(one)
        elif one.frame is not None and one.what in ("frame", "skipped", "failed"):
            # A chunk that is run again skips what its first try wrote: that was rendered all the same, as far as
            # its worker lived to tell.
            if not (one.what == "skipped" and self.state.get(one.frame) == "rendered"):
                self.state[one.frame] = "rendered" if one.what == "frame" else one.what
            if one.what == "frame" and not one.metrics.get("faces"):
                self.absent.add(one.frame)
            done = len(self.state)
            self.progress(replace(one, done=done, total=self.total))

    def _warn(self, text: str, *, stage: Stage = "render", frame: int | None = None) -> None:
        if text not in self.said:
            self.said[text] = None
            self.progress(ProgressEvent(stage, "warning", len(self.state), self.total, frame, text))

    def _failed(self, event: ChunkEvent, error: VfxSwapError) -> None:
        if isinstance(error, FramesFailedError):
            self.reasons |= {one.frame: one.reason for one in error.failures}
        elif event.chunk is None or event.chunk.prepares or not is_infrastructure(error):
            # Of several, what tells most: a worker that was stopped for another's error says only that it was stopped.
            if self.ending is None or isinstance(self.ending, CancelledError):
                self.ending = error
        else:
            self.lost = error
            for frame in event.chunk.frames:
                if self.state.get(frame) not in ("rendered", "skipped"):
                    self.reasons[frame] = error.what


def run_farm(
    shot: Shot,
    job: FarmJob,
    runner: ChunkRunner,
    *,
    progress: Progress = no_progress,
    watch: Callable[[ChunkEvent], None] | None = None,
    cancelled: Cancelled = never_cancelled,
) -> ShotReport:
    """Render a shot in chunks; what is written, told and raised is what `render_shot` would.

    Args:
        shot: what the job's shot file says.
        job: the chunks.
        runner: who runs them.
        progress: told of every frame, of the whole shot.
        watch: told of everything that happens to chunks, beside that.
        cancelled: asked now and then.

    Raises:
        VfxSwapError: as `render_shot`; FramesFailedError names also the frames whose worker was lost once too often.
    """
    total = sum(len(chunk.frames) for chunk in job.chunks)
    tally = _Tally(total, progress)
    folder = output_folder(shot)
    for event in runner.run(job, cancelled=cancelled):
        tally.take(event)
        if watch is not None:
            watch(event)
    # A worker that was killed leaves a journal: opening the log takes its rows in.
    with RenderLog(folder=folder, name=shot.name) as log:
        log_path = log.path
    _raise_what_went_wrong(tally, shot, stopped=cancelled())
    progress(ProgressEvent("render", "finished", total, total))
    return ShotReport(
        name=shot.name,
        output=shot.output,
        log=log_path,
        tracks=folder / f"{shot.name}.tracks.json",
        rendered=_of(tally, "rendered"),
        skipped=_of(tally, "skipped"),
        without_face=tuple(sorted(tally.absent)),
        warnings=tuple(tally.said),
    )


def _of(tally: _Tally, state: str) -> tuple[int, ...]:
    return tuple(sorted(frame for frame, known in tally.state.items() if known == state))


def _raise_what_went_wrong(tally: _Tally, shot: Shot, *, stopped: bool) -> None:
    if tally.ending is not None and not isinstance(tally.ending, CancelledError):
        raise tally.ending
    written = len(_of(tally, "rendered")) + len(_of(tally, "skipped"))
    if tally.ending is not None or (stopped and written < tally.total):
        raise CancelledError(f"stopped: {written} of {tally.total} frames are written", mend=_RESUME)
    if tally.reasons:
        if not written and tally.lost is not None:
            raise tally.lost
        failures = [FrameFailure(frame, tally.reasons[frame]) for frame in sorted(tally.reasons)]
        mend = "Mend what is named and run again: only these frames are rendered"
        raise FramesFailedError(failures, where=shot.name, mend=mend) from tally.lost
