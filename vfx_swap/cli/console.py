"""What a command says: text for people, or one JSON object a line for programs; progress for both.

With `--json`, stdout carries JSON lines only (ASCII, so that any file name survives) and text for people
goes to stderr. Without it, results go to stdout, progress and warnings to stderr. On a terminal progress
is a bar; elsewhere it is a plain line now and then.
"""

from __future__ import annotations

import contextlib
import json as json_text
import math
import os
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TextIO

from vfx_swap.farm.lines import progress_fields

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from vfx_swap.pipeline.progress import Progress, ProgressEvent

__all__ = ["Console", "Pace", "duration", "printable"]

LINE_INTERVAL_SECONDS = 10.0
"""Between two plain progress lines where there is no terminal."""


def printable(text: str) -> str:
    r"""Text that a terminal shows and does not obey: control characters as `\x1b`, newlines and tabs kept.

    Bytes of a file name that are no text in this locale, which Python holds as lone surrogates, as `\xe9`.
    """
    return "".join(
        character if character.isprintable() or character in "\n\t" else _escaped(character) for character in text
    )


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def duration(seconds: float) -> str:
    """Seconds as `42 s`, `3 min 05 s` or `2 h 07 min`."""
    whole = max(0, math.ceil(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


class Pace:
    """Rate and time left of one stage, from the frames that took work."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = clock()
        self._worked = 0

    def count(self, what: str) -> None:
        """Note one event; skipped frames cost no time and tell nothing about the rate."""
        self._worked += what in ("frame", "failed")

    @property
    def per_second(self) -> float | None:
        """Frames a second so far; None before the first."""
        passed = self._clock() - self._started
        return self._worked / passed if self._worked and passed > 0 else None

    def seconds_left(self, *, done: int, total: int) -> float | None:
        """Time for the rest at this rate; None when it cannot be said."""
        rate = self.per_second
        return None if rate is None or total <= 0 else max(0, total - done) / rate


class Console:
    """Where one command's words go."""

    def __init__(self, *, json: bool, out: TextIO, err: TextIO, debug: bool = False) -> None:
        self.json = json
        self.debug = debug
        self._out = out
        self._err = err
        self._bar: RichProgress | None = None

    def event(self, event: str, /, **fields: object) -> None:
        """One JSON object on stdout, with `--json`; nothing without."""
        if self.json:
            line = json_text.dumps({"event": event, **fields}, ensure_ascii=True, default=_jsonable)
            self._write(self._out, line)

    def say(self, text: str) -> None:
        """A result, for people."""
        self._write(self._err if self.json else self._out, printable(text))

    def note(self, text: str) -> None:
        """Something on the way: a warning, a failure, a state; for people, on stderr."""
        if self._bar is not None:
            self._bar.console.print(printable(text), markup=False, highlight=False)
        else:
            self._write(self._err, printable(text))

    @staticmethod
    def _write(stream: TextIO, text: str) -> None:
        try:
            stream.write(text + "\n")
        except UnicodeEncodeError:  # a terminal in a narrow locale, or a file name that is not UTF-8
            stream.write(text.encode("ascii", "backslashreplace").decode("ascii") + "\n")
        stream.flush()

    @contextlib.contextmanager
    def progress(self) -> Iterator[Progress]:
        """A `Progress` callable that shows the events of long work while the block runs."""
        if not self.json and self._err.isatty() and os.environ.get("TERM") != "dumb":
            with self._rich_progress() as bar:
                self._bar = bar
                try:
                    yield _Watcher(console=self, bar=bar)
                finally:
                    self._bar = None
        else:
            yield _Watcher(console=self, bar=None)

    def _rich_progress(self) -> RichProgress:
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as RichProgress

        return RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[pace]}"),
            console=RichConsole(file=self._err, markup=False, highlight=False),
        )


class _Watcher:
    """Shows progress events: JSON lines, a bar, or plain lines at intervals."""

    def __init__(self, *, console: Console, bar: RichProgress | None) -> None:
        self._console = console
        self._bar = bar
        self._tasks: dict[str, TaskID] = {}
        self._paces: dict[str, Pace] = {}
        self._last_line = -math.inf

    def __call__(self, event: ProgressEvent, /) -> None:
        pace = self._paces.setdefault(event.stage, Pace())
        pace.count(event.what)
        rate, left = pace.per_second, pace.seconds_left(done=event.done, total=event.total)
        self._tell_program(event, rate, left)
        if event.what in ("warning", "failed"):
            at = "" if event.frame is None else f" frame {event.frame}:"
            self._console.note(f"{event.what}:{at} {event.message}")
        elif event.what == "note":
            self._console.note(event.message)
        if event.total > 0 and event.what in ("frame", "skipped", "failed"):
            self._show(event, rate, left)

    def _tell_program(self, event: ProgressEvent, rate: float | None, left: float | None) -> None:
        fields = progress_fields(event)
        fields.pop("event")
        if rate is not None and left is not None:
            fields |= {"frames_per_second": round(rate, 3), "seconds_left": round(left, 1)}
        self._console.event(event.what, **fields)

    def _show(self, event: ProgressEvent, rate: float | None, left: float | None) -> None:
        pace = "" if rate is None or left is None else f"{rate:.2f} frames/s, {duration(left)} left"
        if self._bar is not None:
            task = self._tasks.get(event.stage)
            if task is None:
                task = self._tasks[event.stage] = self._bar.add_task(event.stage, total=event.total, pace="")
            self._bar.update(task, completed=event.done, total=event.total, pace=pace)
            return
        now = time.monotonic()
        if event.done >= event.total or now - self._last_line >= LINE_INTERVAL_SECONDS:
            self._last_line = now
            self._console.note(f"{event.stage}: {event.done}/{event.total} frames" + (f", {pace}" if pace else ""))


def _jsonable(value: object) -> object:
    """Paths, dates and other values as text; sequences and numpy numbers as JSON has them."""
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    item = getattr(value, "item", None)
    return item() if callable(item) else str(value)
