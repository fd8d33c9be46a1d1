"""A render under way: in a thread with a progress bar where there is a window, in the main thread where there is none.

The thread knows the agent, and of Nuke three things: its own `nuke.ProgressTask`, `nuke.executeInMainThread`, and the
full name of the node. What the node shows is changed in the main thread alone, by name, since the node may be gone by
then. Called from the main thread `executeInMainThread` would hang Nuke, so there functions are called plainly.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from vfx_swap_bridge.agent import Agent, AgentError
from vfx_swap_bridge.jobs import Job

import nuke
from vfx_swap_nuke.node import badge, find, say, set_record, show_result
from vfx_swap_nuke.work import Work

__all__ = ["RenderThread", "in_main", "render_here", "running", "start"]

POLL_SECONDS = 0.1
NOTHING: Mapping[str, Any] = {}


def in_main(call: Callable[..., None], *arguments: Any) -> None:
    """Run something in the main thread: now, or when the window gets to it."""
    if threading.current_thread() is threading.main_thread() or not nuke.GUI:
        call(*arguments)
    else:
        nuke.executeInMainThread(call, args=arguments)


class RenderThread(threading.Thread):
    """Renders one node's work. Found again by `running`, so that nothing has to be kept anywhere."""

    def __init__(self, work: Work, begun: Mapping[str, Any]) -> None:
        super().__init__(name=f"vfx-swap {work.node}", daemon=True)
        self.work, self._begun = work, begun
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Stop after the frame in hand."""
        self._cancelled.set()

    def run(self) -> None:
        """The work, with a progress bar of this thread's own."""
        _render(self.work, _Bar(self.work.node, self._cancelled).told, self._begun)


class _Bar:
    """Nuke's progress bar of the thread that makes it; it closes when the thread lets go of it."""

    def __init__(self, node: str, cancelled: threading.Event) -> None:
        self._task = nuke.ProgressTask(f"{node}: swapping faces")
        self._cancelled = cancelled
        self._reached = 0

    def told(self, text: str, percent: int) -> bool:
        """Show a step; whether the artist wants out."""
        self._reached = max(self._reached, percent)  # a bar does not go back
        self._task.setMessage(text)
        self._task.setProgress(self._reached)
        return bool(self._task.isCancelled()) or self._cancelled.is_set()


def running(node: str) -> RenderThread | None:
    """The render of a node that is under way."""
    found = [one for one in threading.enumerate() if isinstance(one, RenderThread) and one.work.node == node]
    return found[0] if found else None


def start(work: Work, begun: Mapping[str, Any] = NOTHING) -> RenderThread:
    """Render in a thread.

    Args:
        work: to be done.
        begun: the record of a render that was interrupted, to be taken up.
    """
    in_main(_begun, work, "begun", begun)
    thread = RenderThread(work, begun)
    thread.start()
    return thread


def render_here(work: Work, begun: Mapping[str, Any] = NOTHING) -> bool:
    """Render now, in this thread, with a line for every step on the terminal; whether it went well."""
    _begun(work, "begun", begun)
    last: list[str] = []

    def told(text: str, _percent: int) -> bool:
        if last != [text]:
            nuke.tprint(f"{work.node}: {text}")
            last[:] = [text]
        return False

    return _render(work, told, begun)


def _render(work: Work, told: Callable[[str, int], bool], begun: Mapping[str, Any]) -> bool:
    """View after view; whether all went well. Never raises: what went wrong stands on the node."""
    warnings: list[str] = []
    try:
        with Agent(server=work.server, environ=work.environment) as agent:
            for index, (view, shot) in enumerate(work.shots):
                if begun.get("job") and begun.get("at") == index:
                    job = Job.restore(begun["job"], agent)
                else:
                    job = Job(agent, shot, frames=work.frames)
                    job.begin()
                _follow(job, work, told, at=index, view=view if len(work.shots) > 1 else "")
                warnings += job.warnings
    except AgentError as error:
        in_main(_failed, work, error.kind, str(error))
        return False
    except Exception as error:  # noqa: BLE001  # a thread that dies says nothing to the artist
        in_main(_failed, work, "Unexpected", f"{type(error).__name__}: {error}")
        return False
    in_main(_done, work, warnings)
    return True


def _follow(job: Job, work: Work, told: Callable[[str, int], bool], *, at: int, view: str) -> None:
    """One view's job to its end.

    Raises:
        AgentError: what it ended with.
    """
    count, said, known = len(work.shots), "", ""
    while True:
        more = job.pump()
        done, total = job.progress.done, job.progress.total
        text = f"{view + ': ' if view else ''}{job.sentence()}"
        if told(text, min(100, int(100 * (at + (done / total if total else 0.0)) / count))):
            job.cancel()
        # Each is work for the window, and a changed script: only what is new goes there.
        if job.id != known:
            known = job.id
            in_main(_known, work, at, job.record())
        if text != said:
            said = text
            in_main(_step, work, text)
        if not more:
            break
        time.sleep(POLL_SECONDS)
    job.result()


def _begun(work: Work, text: str, begun: Mapping[str, Any]) -> None:
    node = find(work.node)
    if node is not None:
        taken_up = {key: begun[key] for key in ("job", "at") if key in begun}
        set_record(node, work.record(state="running", **taken_up))
        say(node, text)
        badge(node, "rendering")


def _known(work: Work, at: int, job: Any) -> None:
    node = find(work.node)
    if node is not None:
        set_record(node, work.record(state="running", job=job, at=at))


def _step(work: Work, text: str) -> None:
    node = find(work.node)
    if node is not None:
        say(node, text)


def _failed(work: Work, kind: str, text: str) -> None:
    node = find(work.node)
    if node is not None:
        cancelled = kind == "CancelledError"
        set_record(node, work.record(state="cancelled" if cancelled else "failed"))
        say(node, "cancelled; what was written stays, Render goes on with it" if cancelled else text)
        badge(node, "cancelled" if cancelled else "failed")


def _done(work: Work, warnings: list[str]) -> None:
    from vfx_swap_nuke.stale import mark

    node = find(work.node)
    if node is None:
        return
    set_record(node, work.record(state="done"))
    try:
        show_result(node, pattern=work.pattern, first=work.first, last=work.last, space=work.space, raw=work.raw)
    except LookupError as error:
        say(node, str(error))
        return
    say(node, "; ".join([f"done: frames {work.frames}", *warnings[:3]]))
    mark(node)
