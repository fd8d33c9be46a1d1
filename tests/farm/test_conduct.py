"""What a runner tells, counted as one render: with a runner that only tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.farm.fakes import frame_line, job_of
from tests.pipeline.shot_fakes import make_shot, rows_of
from vfx_swap.errors import CancelledError, ConsentExpiredError, FramesFailedError, WorkerDiedError
from vfx_swap.farm.chunks import Chunk, ChunkEvent, FarmJob
from vfx_swap.farm.conduct import run_farm
from vfx_swap.pipeline.progress import Cancelled, ProgressEvent, never_cancelled
from vfx_swap.pipeline.render_log import FrameRow
from vfx_swap.pipeline.shot import ShotReport

A, B = Chunk((1, 2)), Chunk((3, 4))


@dataclass(frozen=True)
class Teller:
    """A `ChunkRunner` that renders nothing."""

    events: tuple[ChunkEvent, ...]

    def run(self, job: FarmJob, *, cancelled: Cancelled = never_cancelled) -> Iterator[ChunkEvent]:
        yield from self.events


def frame(chunk: Chunk, number: int, what: str = "frame") -> ChunkEvent:
    return ChunkEvent("progress", chunk, "w", line=frame_line(number, what))


def conduct(folder: Path, *events: ChunkEvent) -> tuple[ShotReport, list[ProgressEvent]]:
    heard: list[ProgressEvent] = []
    job = job_of(folder / "sh010.toml", frames=(1, 2, 3, 4))
    return run_farm(make_shot(folder), job, Teller(events), progress=heard.append), heard


def test_what_a_lost_try_wrote_and_the_next_one_skips_was_rendered(tmp_path: Path) -> None:
    report, heard = conduct(
        tmp_path,
        frame(A, 1),
        ChunkEvent("retried", A, "w", error=WorkerDiedError("killed")),
        frame(A, 1, "skipped"),
        frame(A, 2),
        frame(B, 3, "skipped"),
        frame(B, 4, "skipped"),
    )
    assert (report.rendered, report.skipped) == ((1, 2), (3, 4))
    assert [event.done for event in heard if event.frame is not None] == [1, 1, 2, 3, 4]
    assert report.warnings == ("frames 1-2: killed; it is run again",)


def test_rows_that_a_killed_worker_left_are_taken_into_the_log(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    row = FrameRow(1, "swap.0001.exr", "in", "settings", "out", "2026-01-01T00:00:00+00:00")
    (out / f".sh010.render.{'0' * 32}.jsonl").write_text(row.to_json() + "\n")
    conduct(tmp_path, *(frame(A, number) for number in (1, 2, 3, 4)))
    assert list(rows_of(out)) == [1]
    assert [path.name for path in out.iterdir()] == ["sh010.render.json"]


def test_frames_that_a_lost_chunk_wrote_are_not_named_as_failed(tmp_path: Path) -> None:
    lost = ChunkEvent("failed", B, "w", 3, error=WorkerDiedError("killed"))
    with pytest.raises(FramesFailedError) as caught:
        conduct(tmp_path, frame(A, 1), frame(A, 2), frame(B, 3), lost)
    assert [(one.frame, one.reason) for one in caught.value.failures] == [(4, "killed")]


def test_what_ended_the_job_is_raised_and_not_that_others_were_stopped_for_it(tmp_path: Path) -> None:
    refused = ChunkEvent("failed", A, "w", error=ConsentExpiredError("expired"))
    stopped = ChunkEvent("failed", B, "w", error=CancelledError("stopped"))
    for events in ((refused, stopped), (stopped, refused)):
        with pytest.raises(ConsentExpiredError):
            conduct(tmp_path, *events)


def test_a_frame_without_a_face_is_told(tmp_path: Path) -> None:
    bare = ChunkEvent("progress", A, "w", line={**frame_line(2), "metrics": {"faces": 0}})
    report, _ = conduct(tmp_path, frame(A, 1), bare, frame(B, 3), frame(B, 4))
    assert report.without_face == (2,)
