"""The process that computes, one for each device: `python -m vfx_swap.service.worker`, started by the crew.

Messages come over an inherited socket and are read in a thread; work is done in the main thread, one message at a
time. A thread tells that the process lives, also through long native calls. When the front is gone so is the worker:
what it was writing is never half there (`io.atomic`).

    front -> worker   {type: "work", tasks: [{id, kind, body}], unload: [engine], reopen: [{affinity, body}]}
                      {type: "cancel", id}    {type: "stop"}
    worker -> front   {type: "ready", ...}    {type: "beat", ...}    {type: "event", id, event}
                      {type: "done", id, answer | error, stats, holds: {engine: bytes}}    {type: "free", holds}
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import queue
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NoReturn, Protocol

from vfx_swap.errors import CancelledError, ProtocolError, VfxSwapError
from vfx_swap.pipeline.error_fields import error_fields
from vfx_swap.service.device_state import memory_of, title_of
from vfx_swap.service.link import Link, Message

__all__ = ["Handlers", "Work", "main"]

BEAT_SECONDS = 1.0
LOST_EXIT = 3
"""Of a worker whose front is gone."""
_PR_SET_PDEATHSIG = 1


@dataclass(eq=False)
class Work:
    """One task, as handlers see it."""

    id: str
    kind: str
    body: Message
    tell: Callable[[Message], None]
    """Sends an event."""
    cancelled: Callable[[], bool]
    """To be asked between frames."""
    seconds: dict[str, float] = field(default_factory=lambda: {"decode": 0.0, "infer": 0.0, "encode": 0.0})
    """What it took, for the answer's stats."""

    def stop_if_cancelled(self) -> None:
        """Asked between frames.

        Raises:
            CancelledError: who asked for it wants it no more.
        """
        if self.cancelled():
            raise CancelledError("stopped between frames")


class Handlers(Protocol):
    """What a worker can do. Made by `service.handlers.open_handlers`; tests bring quick ones."""

    def run(self, works: Sequence[Work]) -> list[Message | BaseException]:
        """Do the tasks of one message, all of one kind: an answer or an error for each."""
        ...

    def reopen(self, affinity: str, body: Message) -> None:
        """Open a session again that was opened in a process that died, if it is not open here."""
        ...

    def unload(self, model: str) -> None:
        """Let go of an engine."""
        ...

    def holds(self) -> dict[str, int]:
        """Engine -> bytes, of those that are loaded."""
        ...

    def tidy(self) -> None:
        """Let go of what nobody needs any more; asked now and then, whatever else is done meanwhile."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


class _Worker:
    def __init__(self, link: Link, handlers: Handlers, *, device: str, index: int) -> None:
        self._link = link
        self._handlers = handlers
        self._device = device
        self._index = index
        self._inbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._cancelled: set[str] = set()

    def serve(self) -> None:
        threading.Thread(target=self._read, name="vfx-swap-link", daemon=True).start()
        threading.Thread(target=self._beat, name="vfx-swap-beat", daemon=True).start()
        self._send({"type": "ready", "pid": os.getpid(), "title": title_of(self._device), **memory_of(self._device)})
        while (message := self._inbox.get()) is not None:
            self._work(message)
        self._handlers.close()

    def _read(self) -> None:
        """Take messages in; a cancel counts at once, whatever the main thread is at."""
        try:
            while (message := self._link.receive()) is not None:
                kind = message.get("type")
                if kind == "cancel":
                    self._cancelled.add(str(message.get("id")))
                elif kind == "work":
                    self._inbox.put(message)
                elif kind == "stop":
                    self._inbox.put(None)
                else:
                    raise ProtocolError(f"a message of type {kind!r}")
        except ProtocolError as error:
            sys.stderr.write(f"the front's message is refused: {error}\n")
            sys.stderr.flush()
        _end()

    def _beat(self) -> None:
        while True:
            self._handlers.tidy()
            self._send({"type": "beat", **memory_of(self._device)})
            time.sleep(BEAT_SECONDS)

    def _send(self, message: Message) -> None:
        try:
            self._link.send(message)
        except OSError:
            _end()

    def _work(self, message: Message) -> None:
        works = [self._work_of(one) for one in message["tasks"]]
        start = time.perf_counter()
        answers = self._answers(message, works)
        share = (time.perf_counter() - start) / max(1, len(works))
        for work, answer in zip(works, answers, strict=True):
            if not any(work.seconds.values()):  # one step: all of it is work
                work.seconds["infer"] = share
            stats = {f"{name}_seconds": round(value, 6) for name, value in work.seconds.items()}
            done: Message = {"type": "done", "id": work.id, "holds": self._handlers.holds()}
            done["stats"] = {**stats, "seconds": round(share, 6), "batch_size": len(works), "device": self._device}
            key, said = ("error", error_fields(answer)) if isinstance(answer, BaseException) else ("answer", answer)
            try:
                self._send({**done, key: said})
            except VfxSwapError as error:  # an answer that no message can hold
                self._send({**done, "error": error_fields(error)})
            self._cancelled.discard(work.id)
        self._send({"type": "free", "holds": self._handlers.holds()})

    def _answers(self, message: Message, works: Sequence[Work]) -> list[Message | BaseException]:
        try:
            for model in message.get("unload", ()):
                self._handlers.unload(model)
            for session in message.get("reopen", ()):
                self._handlers.reopen(session["affinity"], session["body"])
            if len(works) == 1 and works[0].cancelled():
                return [CancelledError("stopped before it began")]
            with _span(works):
                return self._handlers.run(works) if works else []
        except VfxSwapError as error:
            return [error] * len(works)
        except Exception as error:  # noqa: BLE001  # whatever it was, it is told to who asked, and the worker lives on
            traceback.print_exc()
            return [error] * len(works)

    def _work_of(self, said: Message) -> Work:
        task = str(said["id"])

        def tell(event: Message) -> None:
            self._send({"type": "event", "id": task, "event": event})

        return Work(task, str(said["kind"]), said["body"], tell, lambda: task in self._cancelled)


def _span(works: Sequence[Work]) -> contextlib.AbstractContextManager[None]:
    """A span below the call's that asked, where it sent a trace; of tasks done together, the first one's."""
    headers = works[0].body.get("trace") if works else None
    if not isinstance(headers, dict):
        return contextlib.nullcontext()
    from vfx_swap.service.tracing import continued

    return continued(headers, name=works[0].kind)


def _end() -> NoReturn:
    """The front is gone: nobody is there to be told, and a new one may be rendering the same frames."""
    os._exit(LOST_EXIT)


def _die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent ends, even where Python's threads are held up."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before that
        _end()


def main(arguments: Sequence[str] | None = None, *, open_handlers: Callable[[str], Handlers] | None = None) -> int:
    """Serve until told to stop.

    Args:
        arguments: of the command line; None: the process's own.
        open_handlers: device -> what is done there; None: the real ones.
    """
    parser = argparse.ArgumentParser(prog="vfx-swap-worker", description="A worker of a server; started by it.")
    parser.add_argument("--fd", type=int, required=True, help="the socket to the server")
    parser.add_argument("--parent", type=int, required=True, help="the server's process")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--index", type=int, default=0)
    given = parser.parse_args(arguments)
    _die_with(given.parent)
    # The terminal's Ctrl-C is the server's to hear; a second one must not end a frame half way.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if open_handlers is None:
        from vfx_swap.service.handlers import open_handlers as real

        open_handlers = real
    link = Link(socket.socket(fileno=given.fd))
    try:
        handlers = open_handlers(given.device)
    except Exception as error:  # noqa: BLE001  # the front is told why there is no worker
        traceback.print_exc()
        with contextlib.suppress(OSError):
            link.send({"type": "failed", "error": error_fields(error)})
        return 1
    _Worker(link, handlers, device=given.device, index=given.index).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
