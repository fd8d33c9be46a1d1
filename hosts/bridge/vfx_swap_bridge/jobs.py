"""One render as a host sees it: begun, looked at from a timer, stopped, taken up again after the host was closed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .agent import Agent, AgentError, Pending

__all__ = ["Job", "Progress"]

STAGES = {
    "queued": "waiting for its turn",
    "analysing": "finding and following faces",
    "rendering": "rendering",
    "finished": "finished",
    "failed": "failed",
    "cancelled": "cancelled",
}
FRAMES = ("frame_done", "frame_skipped", "frame_failed")
LOCAL = "agent"
"""A record's word for a job of this machine's own workers: it ends with the agent, and is begun again."""


@dataclass
class Progress:
    """How far a render is."""

    stage: str = "starting"
    done: int = 0
    total: int = 0
    rate: float = 0.0
    """Frames a second, over the stage at hand; 0 while unknown."""
    seconds_left: float | None = None
    last_frame: int | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    """Of the last frame."""


class Job:
    """A render. For one thread at a time; no call waits but `restore` and those that say so."""

    def __init__(
        self,
        agent: Agent,
        shot: Mapping[str, Any],
        *,
        frames: str = "",
        overwrite: bool = False,
        priority: str = "interactive",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is begun yet.

        Args:
            agent: running.
            shot: values, as `shot.shot_values` makes them.
            frames: range of the shot; empty: all.
            overwrite: render frames even where they are current.
            priority: `interactive` or `batch`.
            clock: seconds; tests bring their own.
        """
        self.progress = Progress()
        self.warnings: list[str] = []
        self.failures: list[tuple[int, str]] = []
        self.report: dict[str, Any] | None = None
        self.error: AgentError | None = None
        self.id = ""
        """The job's on the server; empty until it is known."""
        self._agent, self._shot, self._frames = agent, dict(shot), frames
        self._overwrite, self._priority = overwrite, priority
        self._clock = clock
        self._pending: Pending | None = None
        self._watching = False
        self._cancelled = False
        self._seen = 0
        self._since: tuple[float, int] | None = None

    @property
    def finished(self) -> bool:
        """Whether `result` is there, or what it ended with."""
        return self.report is not None or self.error is not None

    def begin(self) -> None:
        """Submit it.

        Raises:
            AgentError: there is no agent.
        """
        more: dict[str, Any] = {"overwrite": True} if self._overwrite else {}
        self._pending = self._agent.begin(
            "render", shot=self._shot, frames=self._frames, priority=self._priority, **more
        )

    def pump(self) -> bool:
        """Take in what the agent told since the last call; True while there is more to come. Never waits."""
        if self._pending is None or self.finished:
            return False
        for event in self._pending.poll():
            self._hear(event)
        if self._pending.finished:
            if self._pending.error is not None:
                self.error = self._pending.error
            else:
                self.report = dict((self._pending.answer or {}).get("report") or {})
                self.warnings += [one for one in self.report.get("warnings", ()) if one not in self.warnings]
                self.progress.stage, self.progress.seconds_left = "finished", 0.0
        return not self.finished

    def wait(self, *, every: float = 0.05, told: Callable[[Job], None] = lambda _job: None) -> dict[str, Any]:
        """Pump to the end, for hosts without a timer. Waits.

        Raises:
            AgentError: as `result`.
        """
        while self.pump():
            told(self)
            time.sleep(every)
        told(self)
        return self.result()

    def result(self) -> dict[str, Any]:
        """The report: `output`, `tracks`, `rendered`, `skipped`, `without_face`, `warnings`.

        Raises:
            AgentError: what it ended with; some frames may be written all the same.
        """
        if self.error is not None:
            raise self.error
        if self.report is None:
            raise AgentError("AgentOther", "the render is not finished")
        return self.report

    def cancel(self) -> None:
        """Ask for it to stop after the frame in hand; `pump` tells when it has.

        Raises:
            AgentError: there is no agent.
        """
        if self._cancelled or self._pending is None or self.finished:
            return
        self._cancelled = True
        if self._watching and self.id:
            self._agent.begin("cancel", job=self.id)
        else:
            self._pending.stop()
        self.progress.stage = "stopping after the frame in hand"

    def sentence(self) -> str:
        """Where it is, in one line for a status bar."""
        if self.error is not None:
            return "cancelled" if self.error.kind == "CancelledError" else self.error.what.splitlines()[0]
        at = self.progress
        if self.report is not None:
            counts = {key: len(self.report.get(key, ())) for key in ("rendered", "skipped", "without_face")}
            faceless = f", {counts['without_face']} without a face" if counts["without_face"] else ""
            return f"{counts['rendered']} frames rendered, {counts['skipped']} current{faceless}"
        if not at.total:
            return at.stage
        rate = f", {at.rate:.2g} frames/s" if at.rate else ""
        left = "" if at.seconds_left is None else f", {_spell(at.seconds_left)} left"
        return f"{at.stage}: {at.done} of {at.total}{rate}{left}"

    def record(self) -> dict[str, Any]:
        """What a host keeps in its document, as JSON, to take the work up again."""
        return {
            "job": self.id,
            "server": self._server(),
            "seen": self._seen,
            "shot": self._shot,
            "frames": self._frames,
        }

    @classmethod
    def restore(cls, record: Mapping[str, Any], agent: Agent, *, clock: Callable[[], float] = time.monotonic) -> Job:
        """Take up what was under way when the host was closed.

        A server's job is watched from the event that was seen last; one of this machine's workers ended with its agent:
        it is begun again, and skips the frames that are written and current.

        Raises:
            AgentError: there is no agent, or the record is none.
        """
        shot, job = record.get("shot"), str(record.get("job") or "")
        if not isinstance(shot, Mapping):
            raise AgentError("AgentOther", "the note about this render cannot be read", mend="Render it again")
        made = cls(agent, shot, frames=str(record.get("frames") or ""), clock=clock)
        if job and str(record.get("server") or "") not in ("", LOCAL) and made._knows(job):
            made.id, made._watching, made._seen = job, True, int(record.get("seen") or 0)
            made._pending = agent.begin("watch", job=job, after=made._seen)
        else:
            made.begin()
        return made

    def _knows(self, job: str) -> bool:
        try:
            self._agent.request("job", job=job)
        except AgentError as error:
            if error.kind != "JobMissingError":
                raise
            return False
        return True

    def _server(self) -> str:
        return self._agent.server or LOCAL

    def _hear(self, event: Mapping[str, Any]) -> None:
        kind, at = str(event.get("event")), self.progress
        self._seen = max(self._seen, int(event.get("number") or 0))
        if kind == "job":
            self.id = str((event.get("job") or {}).get("id") or "")
        elif kind == "warning":
            text = str(event.get("message") or "")
            if text and text not in self.warnings:
                self.warnings.append(text)
        elif kind == "frame_failed":
            self.failures.append((int(event.get("frame") or 0), str(event.get("message") or "")))
        if kind in STAGES and not self._cancelled:
            if STAGES[kind] != at.stage:
                self._since = None
            at.stage = STAGES[kind]
        if event.get("total"):
            at.done, at.total = int(event.get("done") or 0), int(event["total"])
            self._pace()
        if kind in FRAMES:
            frame = event.get("frame")
            at.last_frame = at.last_frame if frame is None else int(frame)
            at.metrics = event.get("metrics") or {}

    def _pace(self) -> None:
        """Rate and time left, from the stage's first sign on."""
        at, now = self.progress, self._clock()
        if self._since is None or at.done < self._since[1]:
            self._since = (now, at.done)
            at.rate, at.seconds_left = 0.0, None
            return
        passed, done = now - self._since[0], at.done - self._since[1]
        if passed > 0.0 and done > 0:
            at.rate = done / passed
            at.seconds_left = (at.total - at.done) / at.rate


def _spell(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
