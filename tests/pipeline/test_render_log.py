"""The render log: rows survive kill -9, and renders that share a folder do not lose each other's."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from vfx_swap.errors import DiskFullError, InputError, OutputError, UsageError
from vfx_swap.pipeline.render_log import RENDER_SCHEMA, FrameRow, RenderLog, read_log


def row(frame: int, *, finished: str = "2026-01-01T00:00:00.000000+00:00", error: str | None = None) -> FrameRow:
    """A row for a frame, of no particular picture."""
    return FrameRow(
        frame=frame,
        output=f"swap.{frame}.exr",
        input_digest="in",
        settings_digest="set",
        output_digest=None if error else f"out{frame}",
        finished=finished,
        error=error,
    )


def hidden(folder: Path) -> list[str]:
    """Names of what is left over in a folder."""
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def test_a_finished_log_is_one_file_with_one_row_a_line(tmp_path: Path) -> None:
    with RenderLog(folder=tmp_path / "renders", name="sh") as log:
        log.append(row(1002))
        log.append(row(1001, error="torn"))
    path = tmp_path / "renders" / "sh.render.json"
    document = json.loads(path.read_text())
    assert document["schema"] == RENDER_SCHEMA
    assert [fields["frame"] for fields in document["rows"]] == [1001, 1002]
    assert len(path.read_text().splitlines()) == 2 + 2
    assert hidden(path.parent) == []
    assert read_log(path.parent, "sh")[1001].error == "torn"


def test_a_row_reads_back_as_it_was_written() -> None:
    written = FrameRow(
        frame=-3,
        output="h\udce9las.exr",
        input_digest="a",
        settings_digest="b",
        output_digest="c",
        finished="t",
        seconds={"swap": 0.5},
        metrics={"faces": 1},
        warnings=("w",),
    )
    assert FrameRow.from_json(json.loads(written.to_json())) == written


@pytest.mark.parametrize("fields", [{}, {"frame": "1"}, {"frame": True}, {"frame": 1, "output": 3}])
def test_a_row_that_lacks_something_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="row"):
        FrameRow.from_json(fields)


def test_a_later_row_replaces_an_earlier_one(tmp_path: Path) -> None:
    with RenderLog(folder=tmp_path, name="sh") as log:
        log.append(row(1, finished="2026-01-02", error="first"))
    with RenderLog(folder=tmp_path, name="sh") as log:
        log.append(row(1, finished="2026-01-03"))
        log.append(row(2, finished="2026-01-01"))
    rows = read_log(tmp_path, "sh")
    assert rows[1].error is None
    assert sorted(rows) == [1, 2]


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.pipeline.test_render_log import row
from vfx_swap.pipeline.render_log import RenderLog
log = RenderLog(folder=Path(sys.argv[1]), name="sh")
log.__enter__()
for frame in (1, 2, 3):
    log.append(row(frame))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_rows_of_a_killed_render_are_kept_and_merged_by_the_next(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert sorted(read_log(tmp_path, "sh")) == [1, 2, 3]
    journal = next(tmp_path.glob(".sh.render.*.jsonl"))
    with journal.open("ab") as file:
        file.write(b'{"frame": 4, "outp')  # a torn last line
    with RenderLog(folder=tmp_path, name="sh") as log:
        assert sorted(log.rows) == [1, 2, 3]
        assert journal not in list(tmp_path.iterdir())
    assert sorted(read_log(tmp_path, "sh")) == [1, 2, 3]
    assert hidden(tmp_path) == []


def test_a_render_that_ends_leaves_the_journal_of_one_that_runs(tmp_path: Path) -> None:
    with RenderLog(folder=tmp_path, name="sh") as running:
        running.append(row(1))
        with RenderLog(folder=tmp_path, name="sh") as other:
            assert sorted(other.rows) == [1]
            other.append(row(2))
        running.append(row(3))
        assert sorted(read_log(tmp_path, "sh")) == [1, 2, 3]
    assert sorted(read_log(tmp_path, "sh")) == [1, 2, 3]
    assert hidden(tmp_path) == []


CHUNK = """
import sys
from pathlib import Path
from tests.pipeline.test_render_log import row
from vfx_swap.pipeline.render_log import RenderLog
first = int(sys.argv[2])
for start in range(first, first + 60, 3):
    with RenderLog(folder=Path(sys.argv[1]), name="sh") as log:
        for frame in range(start, start + 3):
            log.append(row(frame))
"""


def test_chunks_that_open_and_close_at_once_lose_no_row(tmp_path: Path) -> None:
    chunks = [
        subprocess.Popen([sys.executable, "-c", CHUNK, str(tmp_path), str(first)]) for first in (0, 100, 200, 300)
    ]
    assert [chunk.wait() for chunk in chunks] == [0, 0, 0, 0]
    expected = [first + frame for first in (0, 100, 200, 300) for frame in range(60)]
    assert sorted(read_log(tmp_path, "sh")) == expected
    assert hidden(tmp_path) == []


def test_a_full_disk_is_named_and_leaves_no_torn_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write

    def half(descriptor: int, data: bytes) -> int:
        return real(descriptor, data[: len(data) // 2])

    with RenderLog(folder=tmp_path, name="sh") as log:
        log.append(row(1))
        monkeypatch.setattr(os, "write", half)
        with pytest.raises(DiskFullError, match="recording frame 2"):
            log.append(row(2))
        monkeypatch.undo()
        log.append(row(3))
    assert sorted(read_log(tmp_path, "sh")) == [1, 3]


def test_a_merge_that_fails_keeps_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    log = RenderLog(folder=tmp_path, name="sh").__enter__()
    log.append(row(1))
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(DiskFullError):
        log.__exit__(None, None, None)
    monkeypatch.undo()
    assert sorted(read_log(tmp_path, "sh")) == [1]
    with RenderLog(folder=tmp_path, name="sh"):
        pass
    assert hidden(tmp_path) == []


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"schema": "other"}', f'{{"schema": "{RENDER_SCHEMA}", "rows": [1]}}']
)
def test_a_file_that_is_no_render_log_is_not_overwritten(tmp_path: Path, text: str) -> None:
    path = tmp_path / "sh.render.json"
    path.write_text(text)
    with pytest.raises(InputError, match="render log"), RenderLog(folder=tmp_path, name="sh"):
        pass
    assert path.read_text() == text


def test_a_folder_that_cannot_be_made_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="output folder"), RenderLog(folder=tmp_path / "file" / "in", name="sh"):
        pass


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "nul\0"])
def test_a_name_that_would_leave_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        RenderLog(folder=tmp_path, name=name)
