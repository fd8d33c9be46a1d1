"""The render log: one row a frame, kept through kill -9 and shared by chunks that render at once.

Files, all beside the rendered frames:

    <name>.render.json              the log: schema `vfx_swap/render.1`, one row a line, replaced whole
    .<name>.render.<id>.jsonl       the journal of one running render: one line is appended a frame
    .<name>.render.lock             held (flock) while rows are merged; gone when nobody merges

A render appends to its own journal only, and holds a lock on it for as long as it lives; so a journal
that can be locked belongs to a render that is gone (finished or killed), and whoever opens or closes
the log next merges its rows and removes it. Of two rows for one frame the later stands; a row that is
wrong costs a frame rendered again, since a row counts only while the file's digest is the row's.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vfx_swap.errors import CancelledError, DiskFullError, InputError, OutputError, UsageError
from vfx_swap.io.atomic import atomic_write
from vfx_swap.pipeline.progress import Cancelled, never_cancelled

__all__ = ["RENDER_SCHEMA", "FrameRow", "RenderLog", "folder_lock", "output_trouble", "read_log"]

RENDER_SCHEMA = "vfx_swap/render.1"
LOCK_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class FrameRow:
    """What is on record about one frame."""

    frame: int
    output: str
    """File name of the frame, in the log's folder."""
    input_digest: str
    """Content digest of the plate frame; empty when it could not be read."""
    settings_digest: str
    """Digest of everything else that the pixels depend on; empty when it is not known."""
    output_digest: str | None
    """SHA-256 of the written file; None when the frame failed."""
    finished: str
    """When, ISO 8601 in UTC."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Timings of the parts: read, swap, write."""
    metrics: Mapping[str, float | int | str] = field(default_factory=dict)
    device: str = "cpu"
    """Where it was swapped: `cpu`, or `cuda:N`."""
    arithmetic: str = "numpy"
    """Whose rounding it has: frames of one arithmetic have the same bits, of two they differ by rounding."""
    warnings: tuple[str, ...] = ()
    error: str | None = None

    def to_json(self) -> str:
        """One line of JSON, ASCII only, so that any file name survives."""
        return json.dumps(asdict(self), ensure_ascii=True, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> FrameRow:
        """A row from parsed JSON; unknown keys are dropped, so that newer logs still read.

        Raises:
            ValueError: a key is missing or of another type.
        """
        texts = ("output", "input_digest", "settings_digest", "finished")
        digest, error = fields.get("output_digest"), fields.get("error")
        where = {key: fields[key] for key in ("device", "arithmetic") if isinstance(fields.get(key), str)}
        if type(fields.get("frame")) is not int or not all(isinstance(fields.get(key), str) for key in texts):
            raise ValueError("a row needs frame, output, input_digest, settings_digest and finished")
        if not all(value is None or isinstance(value, str) for value in (digest, error)):
            raise ValueError("output_digest and error are text or null")
        return cls(
            frame=fields["frame"],
            **{key: fields[key] for key in texts},
            output_digest=digest,
            seconds=dict(fields.get("seconds") or {}),
            metrics=dict(fields.get("metrics") or {}),
            **where,
            warnings=tuple(fields.get("warnings") or ()),
            error=error,
        )


def output_trouble(error: OSError, *, where: object, doing: str) -> OutputError:
    """The error of the tree for an OSError met while writing."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(
            f"the disk is full: {doing}", where=where, mend="Free some space and run the same command again"
        )
    return OutputError(
        f"{doing} failed: {error.strerror or error}", where=where, mend="Check that the folder is there and writable"
    )


@contextlib.contextmanager
def folder_lock(path: Path, *, cancelled: Cancelled = never_cancelled) -> Iterator[None]:
    """Hold an exclusive lock file for the time of the block; the file is removed at the end.

    Works between processes, between threads, and between machines on a file system with locking.

    Args:
        path: the lock file.
        cancelled: asked while waiting; True gives up.

    Raises:
        OutputError: the lock file cannot be made or locked.
        CancelledError: stopped while waiting for another to let go.
    """
    try:
        lock = _locked_descriptor(path, cancelled)
    except OSError as error:
        raise output_trouble(error, where=path, doing="taking the lock file") from error
    try:
        yield
    finally:
        # Removed before it is released: whoever waits on the old file sees that it is gone and starts over.
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(lock)


def _locked_descriptor(path: Path, cancelled: Cancelled) -> int:
    while not cancelled():
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_same_file(lock, path):
                return lock
        except BlockingIOError:
            # Asked again rather than waited for: a blocking call would not see the wish to stop.
            time.sleep(LOCK_POLL_SECONDS)
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)
    raise CancelledError("stopped while waiting for another render of this shot", where=path)


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def read_log(folder: Path, name: str) -> dict[int, FrameRow]:
    """Every row on record, of the log and of journals not merged yet, by frame.

    Raises:
        InputError: the log is not a render log.
    """
    rows = _read_merged(folder / f"{name}.render.json")
    for journal in _journals(folder, name):
        _add_rows(rows, _read_journal(journal))
    return rows


def _journals(folder: Path, name: str) -> list[Path]:
    prefix, suffix = f".{name}.render.", ".jsonl"
    try:
        names = sorted(path.name for path in folder.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"the folder cannot be listed: {error.strerror}", where=folder) from error
    return [folder / entry for entry in names if entry.startswith(prefix) and entry.endswith(suffix)]


def _read_merged(path: Path) -> dict[int, FrameRow]:
    mend = "Move it away or delete it; its frames are then rendered again"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InputError(f"the render log cannot be read: {error}", where=path, mend=mend) from error
    if not isinstance(document, dict) or document.get("schema") != RENDER_SCHEMA:
        raise InputError(f"this is not a render log of schema {RENDER_SCHEMA}", where=path, mend=mend)
    rows: dict[int, FrameRow] = {}
    try:
        _add_rows(rows, [FrameRow.from_json(fields) for fields in document.get("rows", [])])
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"a row of the render log is malformed: {error}", where=path, mend=mend) from error
    return rows


def _read_journal(path: Path) -> list[FrameRow]:
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:  # merged and removed by another render meanwhile
        return []
    except OSError as error:
        raise InputError(f"the render journal cannot be read: {error.strerror}", where=path) from error
    rows = []
    for line in lines:
        # A render killed in mid-line leaves a torn one: that frame is rendered again.
        with contextlib.suppress(ValueError, TypeError, AttributeError):
            rows.append(FrameRow.from_json(json.loads(line)))
    return rows


def _add_rows(rows: dict[int, FrameRow], more: list[FrameRow]) -> None:
    for row in more:
        known = rows.get(row.frame)
        if known is None or row.finished >= known.finished:
            rows[row.frame] = row


class RenderLog:
    """The log of one render, open: `rows` is what was on record, `append` adds to it.

    A context manager: leaving it merges the rows into `<name>.render.json`. Not for two threads at once.
    """

    def __init__(self, *, folder: Path, name: str) -> None:
        """
        Raises:
            UsageError: the name cannot be part of a file name.
        """
        if not name or "/" in name or "\0" in name or name.startswith("."):
            raise UsageError(f"{name!r} cannot name a render log", mend="Use a name without '/' or a leading dot")
        self.folder = folder
        self.name = name
        self.path = folder / f"{name}.render.json"
        self.rows: dict[int, FrameRow] = {}
        self._lock_path = folder / f".{name}.render.lock"
        self._journal_path = folder / f".{name}.render.{uuid.uuid4().hex}.jsonl"
        self._journal: int | None = None
        self._appending = threading.Lock()

    def __enter__(self) -> Self:
        """Make the folder, merge what dead renders left, and start a journal.

        Raises:
            InputError: the log in the folder is not a render log.
            OutputError: the folder cannot be written to.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_trouble(error, where=self.folder, doing="making the output folder") from error
        with folder_lock(self._lock_path):
            self._merge()
            self.rows = read_log(self.folder, self.name)
            try:
                flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
                self._journal = os.open(self._journal_path, flags, 0o666)
                fcntl.flock(self._journal, fcntl.LOCK_EX)
            except OSError as error:
                raise output_trouble(error, where=self._journal_path, doing="starting the render journal") from error
        return self

    def append(self, row: FrameRow) -> None:
        """Put a row on record, on disk before this returns. From any thread.

        Raises:
            OutputError: it could not be written; nothing of it stays in the journal.
        """
        if self._journal is None:
            raise RuntimeError("the render log is not open")
        line = row.to_json().encode("ascii") + b"\n"
        with self._appending:
            self._append(self._journal, row.frame, line)
        self.rows[row.frame] = row

    def _append(self, journal: int, frame: int, line: bytes) -> None:
        before = os.fstat(journal).st_size
        try:
            written = os.write(journal, line)
            if written != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(journal)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(journal, before)
            raise output_trouble(error, where=self.path, doing=f"recording frame {frame}") from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Merge this render's rows; when the block failed, a merge that fails too loses nothing and says nothing.

        Raises:
            OutputError: the log cannot be replaced; the journal stays, and the next render merges it.
        """
        if self._journal is None:
            return
        journal, self._journal = self._journal, None
        quiet = contextlib.suppress(OutputError, InputError) if error is not None else contextlib.nullcontext()
        released = False
        try:
            with quiet, folder_lock(self._lock_path):
                os.close(journal)  # releases it: the merge below may claim it
                released = True
                self._merge()
        finally:
            if not released:
                os.close(journal)

    def _merge(self) -> None:
        """Take the rows of dead journals into the log and remove those; the caller holds the lock."""
        with contextlib.ExitStack() as held:
            dead = [path for path in _journals(self.folder, self.name) if _claim(path, held)]
            if not dead:
                return
            rows = _read_merged(self.path)
            before = len(rows)
            for path in dead:
                _add_rows(rows, _read_journal(path))
            if rows or before:
                self._replace(rows)
            for path in dead:
                with contextlib.suppress(OSError):
                    path.unlink()

    def _replace(self, rows: Mapping[int, FrameRow]) -> None:
        lines = ",\n".join(rows[frame].to_json() for frame in sorted(rows))
        head = json.dumps({"schema": RENDER_SCHEMA, "name": self.name}, ensure_ascii=True)
        text = f'{head[:-1]}, "rows": [\n{lines}\n]}}\n'
        with atomic_write(self.path) as temporary:
            temporary.write_text(text, encoding="ascii")


def _claim(path: Path, held: contextlib.ExitStack) -> bool:
    """Whether the render that owns this journal is gone; its lock is then ours until `held` closes."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return False
    held.callback(os.close, descriptor)
    return True
