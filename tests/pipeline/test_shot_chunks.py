"""A shot in chunks, at once and after a kill, has the bits of one run; with quick stand-ins for models and swapper."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

from tests.pipeline.shot_fakes import ALL, digests_of, leftovers, make_shot, render, rows_of


def test_chunks_are_the_bits_of_one_run(tmp_path: Path) -> None:
    whole, chunked = make_shot(tmp_path / "whole"), make_shot(tmp_path / "chunked")
    render(whole)
    first = render(chunked, frames=[4, 5, 6])
    second = render(chunked, frames=[1, 2, 3])
    assert (first.rendered, second.rendered) == ((4, 5, 6), (1, 2, 3))
    assert digests_of(tmp_path / "whole" / "out") == digests_of(tmp_path / "chunked" / "out")
    assert sorted(rows_of(tmp_path / "chunked" / "out")) == list(ALL)


CHUNK = """
import sys
from pathlib import Path
from tests.pipeline.shot_fakes import TODAY, make_shot, slow_swap, tools
from vfx_swap.pipeline.shot import render_shot
frames = [int(number) for number in sys.argv[2].split(",")]
quick = tools(swap_frame=slow_swap(float(sys.argv[3])))
render_shot(make_shot(Path(sys.argv[1])), frames=frames, today=TODAY, tools=quick)
"""


def start(folder: Path, frames: str, seconds: float) -> subprocess.Popen[bytes]:
    """A render in a process of its own."""
    return subprocess.Popen([sys.executable, "-c", CHUNK, str(folder), frames, str(seconds)])


def test_chunks_in_processes_at_once_lose_no_row_and_are_the_bits_of_one_run(tmp_path: Path) -> None:
    whole = make_shot(tmp_path / "whole")
    make_shot(tmp_path / "chunked")
    render(whole)
    chunks = [start(tmp_path / "chunked", frames, 0.05) for frames in ("1,2", "3,4", "5,6")]
    assert [chunk.wait() for chunk in chunks] == [0, 0, 0]
    out = tmp_path / "chunked" / "out"
    assert digests_of(out) == digests_of(tmp_path / "whole" / "out")
    assert sorted(rows_of(out)) == list(ALL)
    assert leftovers(out) == []


def test_killed_in_mid_shot_then_resumed_is_the_bits_of_one_run(tmp_path: Path) -> None:
    whole = make_shot(tmp_path / "whole")
    make_shot(tmp_path / "killed")
    render(whole)
    out = tmp_path / "killed" / "out"
    process = start(tmp_path / "killed", "1,2,3,4,5,6", 0.3)
    while process.poll() is None and not (out / "swap.0003.exr").exists():
        threading.Event().wait(0.01)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    report = render(make_shot(tmp_path / "killed"))
    assert 1 in report.skipped
    assert 6 in report.rendered
    assert digests_of(out) == digests_of(tmp_path / "whole" / "out")
    assert not list(out.glob("*.jsonl"))
