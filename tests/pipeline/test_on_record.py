"""A frame that is written is on record, whatever happens next."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.shot_fakes import ALL, fake_swap, make_shot, render, tools
from vfx_swap.errors import OutputError
from vfx_swap.pipeline.render_log import FrameRow, RenderLog, read_log
from vfx_swap.settings import Shot


def test_a_frame_is_on_record_as_soon_as_it_is_written_whatever_the_next_one_does(tmp_path: Path) -> None:
    shot, met = make_shot(tmp_path), []

    def swap(frame: Any, cast: Any, *, shot: Shot, want_patch: bool) -> Any:
        # A process that is killed while it swaps this frame loses none that was written before.
        if frame.number == ALL[1]:
            end = time.monotonic() + 30.0
            while ALL[0] not in read_log(Path(shot.output).parent, shot.name) and time.monotonic() < end:
                time.sleep(0.01)
            met.append(ALL[0] in read_log(Path(shot.output).parent, shot.name))
        return fake_swap(frame, cast, shot=shot, want_patch=want_patch)

    render(shot, tools=tools(swap_frame=swap))
    assert met == [True]


def test_a_row_that_cannot_be_kept_ends_the_render(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append = RenderLog.append

    def refuses(log: RenderLog, row: FrameRow) -> None:
        if row.frame == ALL[1]:
            raise OutputError("recording it failed", where=log.path)
        append(log, row)

    monkeypatch.setattr(RenderLog, "append", refuses)
    shot = make_shot(tmp_path)
    with pytest.raises(OutputError, match="recording it failed"):
        render(shot)
    assert set(read_log(Path(shot.output).parent, shot.name)) >= {ALL[0]}
