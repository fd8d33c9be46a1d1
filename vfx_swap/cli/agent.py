"""`vfx-swap agent`: what host adapters start, and talk to by JSON lines (docs/agent.md).

One request a line on stdin, answers and events a line each on stdout, all of one request under its `id`. Requests run
side by side. The end of stdin ends the agent: what runs is cancelled; jobs on a server go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import json as json_text
import os
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Annotated, Any, BinaryIO

import typer

from vfx_swap.cli.remote import connection_to
from vfx_swap.cli.session import DebugOption, JsonOption, running

__all__ = ["Agent", "agent"]

LINE_BYTES = 1 << 20


def agent(
    *,
    server: Annotated[
        str,
        typer.Option(metavar="ADDRESS", envvar="VFX_SWAP_SERVER", help="A server; else this machine's own workers."),
    ] = "",
    device: Annotated[str, typer.Option(metavar="D", help="Without --server: cpu, cuda:N or auto.")] = "auto",
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Speak JSON lines on stdin and stdout with a host application; for adapters, not for people."""
    with running(json=json, debug=debug), _own_stdout() as out:
        asyncio.run(_serve(server, device, out))


async def _serve(server: str, device: str, out: BinaryIO) -> None:
    from vfx_swap.cli.agent_requests import Requests

    async def make() -> Any:
        if server:
            from vfx_swap.client import open_client

            return open_client(connection_to(server))
        from vfx_swap.client.local import open_local

        return await open_local(devices=(device,))

    requests = Requests(make, server=server)
    try:
        await Agent(requests.answer, out=out, leave=requests.leave).serve(sys.stdin.fileno())
    finally:
        await requests.close()


@contextlib.contextmanager
def _own_stdout() -> Iterator[BinaryIO]:
    """Stdout for the protocol alone: what libraries print goes to stderr meanwhile."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(os.dup(kept), "wb", buffering=0) as out:
            yield out
    finally:
        os.dup2(kept, 1)
        os.close(kept)


Answer = Callable[[str, dict[str, Any], Callable[..., None]], Awaitable[dict[str, Any]]]


class Agent:
    """The lines: reads requests, runs them side by side, writes what they say.

    Args:
        answer: name of a request, its fields, what to tell events with -> fields of the answer.
        out: where lines go.
        leave: called when the adapter is gone, before what runs is cancelled.
    """

    def __init__(self, answer: Answer, *, out: BinaryIO, leave: Callable[[], None] = lambda: None) -> None:
        self._answer = answer
        self._leave = leave
        self._out = out
        self._running: dict[object, asyncio.Task[None]] = {}

    async def serve(self, source: int) -> None:
        """Until the descriptor `source` ends, or a `shutdown`."""
        incoming: asyncio.Queue[bytes] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        # A daemon: a read that waits for a line cannot be cancelled, and must not keep the process.
        threading.Thread(target=_read, args=(source, loop, incoming), name="vfx-swap-stdin", daemon=True).start()
        try:
            while line := await incoming.get():
                if not self._take(line):
                    break
        finally:
            self._leave()
            tasks = list(self._running.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.write({"event": "exit"})

    def _take(self, line: bytes) -> bool:
        """Begin one request; False ends the agent."""
        from vfx_swap.errors import ProtocolError

        request: Any = None
        try:
            if len(line) > LINE_BYTES:
                raise ProtocolError(f"a line of more than {LINE_BYTES} bytes")
            request = json_text.loads(line)
            if not isinstance(request, dict) or not isinstance(request.get("request"), str):
                raise ProtocolError("a request is an object with `request`, a word")
            given = request.get("id")
            if not isinstance(given, int | str) or isinstance(given, bool):
                raise ProtocolError("a request has an `id`, a number or a text")
            if given in self._running:
                raise ProtocolError(f"request {given!r} is under way already")
        except (ValueError, ProtocolError) as error:
            wrong = error if isinstance(error, ProtocolError) else ProtocolError(f"a line is no JSON: {error}")
            self.write({"id": request.get("id") if isinstance(request, dict) else None, "error": _fields(wrong)})
            return True
        if request["request"] == "shutdown":
            self.write({"id": given, "ok": {}})
            return False
        if request["request"] == "stop":
            self._stop(given, request.get("stop"))
            return True
        task = asyncio.create_task(self._run(given, request))
        self._running[given] = task
        task.add_done_callback(lambda done: self._ended(given, done))
        return True

    def _ended(self, given: int | str, task: asyncio.Task[None]) -> None:
        self._running.pop(given, None)
        if task.cancelled():  # stopped before its first step: `_run` never ran, and so did not answer
            from vfx_swap.errors import CancelledError

            self.write({"id": given, "error": _fields(CancelledError("stopped"))})

    def _stop(self, given: int | str, which: object) -> None:
        task = self._running.get(which)
        if task is not None:
            task.cancel()
        self.write({"id": given, "ok": {"stopped": task is not None}})

    async def _run(self, given: int | str, request: dict[str, Any]) -> None:
        from vfx_swap.errors import CancelledError, VfxSwapError

        def tell(event: str, /, **fields: Any) -> None:
            self.write({"id": given, "event": event, **fields})

        try:
            self.write({"id": given, "ok": await self._answer(request["request"], request, tell)})
        except asyncio.CancelledError:
            self.write({"id": given, "error": _fields(CancelledError("stopped"))})
        except VfxSwapError as error:
            self.write({"id": given, "error": _fields(error)})
        except Exception as error:  # noqa: BLE001  # the adapter hears of it; the agent lives
            what = f"{type(error).__name__}: {error}"
            self.write({"id": given, "error": {"kind": "Unexpected", "what": what, "exit_code": 4}})

    def write(self, message: dict[str, Any]) -> None:
        """One line."""
        line = json_text.dumps(message, ensure_ascii=True, default=str).encode() + b"\n"
        view = memoryview(line)
        while view:  # a raw file writes what fits
            view = view[self._out.write(view) :]


def _read(source: int, loop: asyncio.AbstractEventLoop, incoming: asyncio.Queue[bytes]) -> None:
    """Hand every line over, an empty one at the end; of one that is too long its beginning.

    Reads the descriptor itself: a thread that waits within `sys.stdin` ends the interpreter badly.
    """
    held, dropping = b"", False
    with contextlib.suppress(RuntimeError):  # the loop is gone
        while piece := os.read(source, 1 << 16):
            *lines, rest = (held + piece).split(b"\n")
            for line in lines:
                if not dropping:
                    loop.call_soon_threadsafe(incoming.put_nowait, line + b"\n")
                dropping = False
            held = b"" if dropping else rest
            if len(held) > LINE_BYTES:
                loop.call_soon_threadsafe(incoming.put_nowait, held)
                held, dropping = b"", True
        if held:
            loop.call_soon_threadsafe(incoming.put_nowait, held)
        loop.call_soon_threadsafe(incoming.put_nowait, b"")


def _fields(error: Any) -> dict[str, Any]:
    from vfx_swap.pipeline.error_fields import error_fields

    return error_fields(error)
