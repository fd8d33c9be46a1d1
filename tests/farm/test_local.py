"""A shot in chunks, in processes of this machine: the bits, the log and the errors of one run."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.farm.fakes import job_of, quick_program, shot_file
from tests.pipeline.shot_fakes import ALL, digests_of, leftovers, make_shot, render, rows_of
from vfx_swap.errors import CancelledError, FramesFailedError, TracksError, UsageError, WorkerDiedError
from vfx_swap.farm import local
from vfx_swap.farm.chunks import Chunk, ChunkEvent, ChunkOptions, FarmJob, chunk_size, split
from vfx_swap.farm.conduct import run_farm
from vfx_swap.farm.local import LocalProcesses, chunk_arguments, shared_threads
from vfx_swap.pipeline.progress import ProgressEvent
from vfx_swap.pipeline.shot import ShotReport


def farm(
    folder: Path,
    *,
    more: str = "",
    workers: int = 2,
    seconds: float = 0.0,
    stop: Callable[[list[ProgressEvent]], bool] = lambda _: False,
    program: tuple[str, ...] = (),
) -> tuple[ShotReport, list[ProgressEvent], list[ChunkEvent]]:
    """Two chunks of three frames; `stop` is asked whether to stop, with what was heard so far."""
    path = folder / "sh010.toml"
    if not path.exists():
        shot_file(folder)
    runner = LocalProcesses(workers=workers, program=program or quick_program(more=more, seconds=seconds))
    heard: list[ProgressEvent] = []
    chunks: list[ChunkEvent] = []
    report = run_farm(
        make_shot(folder),
        job_of(path, size=3),
        runner,
        progress=heard.append,
        watch=chunks.append,
        cancelled=lambda: stop(heard),
    )
    return report, heard, chunks


def test_chunks_in_processes_are_the_bits_and_the_log_of_one_run(tmp_path: Path) -> None:
    whole = make_shot(tmp_path / "whole")
    render(whole)
    report, heard, chunks = farm(tmp_path / "farm")
    out = tmp_path / "farm" / "out"
    assert digests_of(out) == digests_of(tmp_path / "whole" / "out")
    assert sorted(rows_of(out)) == list(ALL)
    assert leftovers(out) == []
    assert report == ShotReport(
        name="sh010",
        output=str(out / "swap.####.exr"),
        log=out / "sh010.render.json",
        tracks=out / "sh010.tracks.json",
        rendered=ALL,
    )
    frames = [event for event in heard if (event.stage, event.what) == ("render", "frame")]
    assert [(event.done, event.total) for event in frames] == [(done, 6) for done in range(1, 7)]
    assert {event.worker for event in chunks if event.what == "finished"} == {"process 1", "process 2"}
    assert next(event.what for event in heard if event.stage == "render") == "started"


def test_what_is_current_is_skipped_and_only_the_rest_is_rendered(tmp_path: Path) -> None:
    farm(tmp_path)
    (tmp_path / "out" / "swap.0003.exr").unlink()
    report, _, _ = farm(tmp_path)
    assert (report.rendered, report.skipped) == ((3,), (1, 2, 4, 5, 6))


KILLED_ONCE = """
import os, pathlib
mark = pathlib.Path({mark!r})
if "4-6" in sys.argv and not mark.exists():
    real = shot.render_shot.keywords["tools"].swap_frame
    def dies(frame, cast, **more):
        if frame.number == 5:
            mark.write_text("")
            os.kill(os.getpid(), 9)
        return real(frame, cast, **more)
    shot.render_shot = functools.partial(shot.render_shot, tools=tools(swap_frame=dies))
"""


def test_a_process_killed_in_mid_chunk_is_run_again_with_the_bits_of_one_run(tmp_path: Path) -> None:
    render(make_shot(tmp_path / "whole"))
    more = KILLED_ONCE.format(mark=str(tmp_path / "killed"))
    report, heard, chunks = farm(tmp_path / "farm", more=more)
    (retried,) = (event for event in chunks if event.what == "retried")
    assert retried.chunk == Chunk((4, 5, 6))
    assert "-9" in str(retried.error)
    assert report.rendered == ALL
    assert any("run again" in event.message for event in heard if event.what == "warning")
    assert digests_of(tmp_path / "farm" / "out") == digests_of(tmp_path / "whole" / "out")
    assert sorted(rows_of(tmp_path / "farm" / "out")) == list(ALL)


def test_a_chunk_that_always_dies_costs_its_frames_alone(tmp_path: Path) -> None:
    with pytest.raises(FramesFailedError) as caught:
        farm(tmp_path, more="if '4-6' in sys.argv: sys.exit('boom')")
    assert [one.frame for one in caught.value.failures] == [4, 5, 6]
    assert "boom" in caught.value.failures[0].reason
    assert sorted(rows_of(tmp_path / "out")) == [1, 2, 3]


DIES = """
import sys
if "--frames" in sys.argv: sys.exit("boom")
print('{"event": "done"}')
"""


def test_where_every_process_dies_it_is_no_matter_of_frames(tmp_path: Path) -> None:
    with pytest.raises(WorkerDiedError, match="boom"):
        farm(tmp_path, program=(sys.executable, "-c", DIES))


def test_a_torn_frame_is_named_and_the_others_are_rendered(tmp_path: Path) -> None:
    shot_file(tmp_path)
    (tmp_path / "plates" / "plate.0005.exr").write_bytes(b"torn")
    with pytest.raises(FramesFailedError) as caught:
        farm(tmp_path)
    assert [one.frame for one in caught.value.failures] == [5]
    assert len(digests_of(tmp_path / "out")) == 5


def test_what_is_wrong_with_the_shot_is_raised_as_one_run_would(tmp_path: Path) -> None:
    shot_file(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sh010.tracks.json").write_text("spoilt")
    with pytest.raises(TracksError):
        farm(tmp_path)
    assert digests_of(tmp_path / "out") == {}


def test_a_stop_keeps_what_is_written_and_the_next_run_goes_on(tmp_path: Path) -> None:
    def after_one(heard: list[ProgressEvent]) -> bool:
        return any((event.stage, event.what) == ("render", "frame") for event in heard)

    with pytest.raises(CancelledError, match="of 6 frames are written"):
        farm(tmp_path, workers=1, stop=after_one, seconds=0.3)
    written = digests_of(tmp_path / "out")
    assert 1 <= len(written) < 6
    assert leftovers(tmp_path / "out") == []
    report, _, _ = farm(tmp_path)
    assert len(report.skipped) == len(written)
    assert len(digests_of(tmp_path / "out")) == 6


def test_the_chunk_command_is_the_command_line_s_own() -> None:
    options = ChunkOptions(device="cuda:1", overwrite=True)
    assert chunk_arguments("/s/sh010.toml", Chunk((1, 2, 5)), options) == [
        "render", "/s/sh010.toml", "--frames", "1-2,5", "--device", "cuda:1", "--overwrite", "--json"
    ]  # fmt: skip
    assert chunk_arguments("sh010.toml", Chunk(), options) == ["render", "sh010.toml", "--tracks-only", "--json"]


def test_cores_are_shared_out_and_what_the_user_set_stays() -> None:
    shared = shared_threads({"OMP_NUM_THREADS": "7", "HOME": "/h"}, processes=3, cores=16)
    assert shared["OPENIMAGEIO_THREADS"] == shared["OPENBLAS_NUM_THREADS"] == "5"
    assert (shared["OMP_NUM_THREADS"], shared["HOME"]) == ("7", "/h")
    assert shared_threads({}, processes=9, cores=2)["OMP_NUM_THREADS"] == "1"


def test_processes_get_their_share_and_no_ctrl_c_but_ours(tmp_path: Path) -> None:
    said = "[os.environ['OPENIMAGEIO_THREADS'], os.getpgid(0)]"
    farm(tmp_path, more=f"import os, json; open({str(tmp_path / 'seen')!r}, 'w').write(json.dumps({said}))")
    threads, group = json.loads((tmp_path / "seen").read_text())
    assert threads == str(max(1, len(os.sched_getaffinity(0)) // 2))
    assert group != os.getpgid(0)  # a terminal's Ctrl-C would be a second stop, which drops the frame in hand


def test_shots_are_split_in_order() -> None:
    assert [chunk.text for chunk in split((1, 2, 3, 10, 11), 2)] == ["1-2", "3,10", "11"]
    assert [chunk_size(frames, workers) for frames, workers in ((1, 4), (100, 2), (9, 2), (10_000, 2))] == [
        1,
        13,
        2,
        50,
    ]
    with pytest.raises(UsageError):
        split((1,), 0)
    with pytest.raises(UsageError):
        LocalProcesses(workers=0)


def test_a_program_that_is_not_there_is_said() -> None:
    runner = LocalProcesses(workers=1, program=("/nowhere/vfx-swap",))
    events = list(runner.run(FarmJob(Path("sh010.toml"), split((1,), 1))))
    assert [event.what for event in events] == ["started", "failed"]
    assert "/nowhere/vfx-swap" in str(events[-1].error)


def test_half_a_line_of_a_killed_process_is_passed_over(tmp_path: Path) -> None:
    code = f'print({json.dumps(json.dumps({"event": "done"}))}); print(\'{{"event": "fra\')'
    runner = LocalProcesses(workers=1, program=(sys.executable, "-c", code))
    assert [event.what for event in runner.run(FarmJob(Path("x"), split((1,), 1)))].count("finished") == 2


@pytest.mark.parametrize(
    ("device", "gpus", "given"),
    [
        ("cpu", 2, ["cpu", "cpu", "cpu"]),
        ("cuda:1", 2, ["cuda:1"] * 3),
        ("cuda", 2, ["cuda:0", "cuda:1", "cuda:0"]),
        ("auto", 2, ["cuda:0", "cuda:1", "cuda:0"]),
        ("auto", 0, ["auto"] * 3),
        ("cuda", 0, ["cuda"] * 3),
    ],
)
def test_workers_are_spread_over_the_gpus(
    device: str, gpus: int, given: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "_gpus", lambda: gpus)
    assert local._devices(device, 3) == given
