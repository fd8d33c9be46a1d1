"""Progress there and back, as objects of JSON."""

from __future__ import annotations

import json

import pytest

from vfx_swap.farm.lines import progress_fields, progress_from
from vfx_swap.pipeline.progress import ProgressEvent


def test_progress_comes_back() -> None:
    event = ProgressEvent("render", "frame", 3, 24, 1003, "", {"faces": 1, "confidence": 0.5}, {"swap": 0.25})
    assert progress_from(json.loads(json.dumps(progress_fields(event)))) == event
    bare = ProgressEvent("analyse", "note", message="looking again")
    assert progress_from(progress_fields(bare)) == bare


@pytest.mark.parametrize("line", [{"event": "done"}, {"event": "chunk", "stage": "render"}, {"event": "frame"}])
def test_other_lines_are_no_progress(line: dict[str, str]) -> None:
    assert progress_from(line) is None
