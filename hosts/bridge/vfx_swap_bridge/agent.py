"""The agent as a process beside the host: requests go out as lines of JSON, answers come in by a thread of its own.

No call but those that say so waits, and the thread touches nothing of the host: adapters ask `Pending.poll` from where
their host lets them.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import queue
import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import IO, Any

from .errors import AgentError, error_of
from .program import Command, agent_command, agent_environment

__all__ = ["PROTOCOLS", "Agent", "AgentError", "Pending"]

PROTOCOLS = (1,)
"""Versions of the protocol that this bridge speaks (docs/agent.md)."""
SECONDS = 60.0
"""That an answer may take, where the adapter waits for it. The first of a machine's own workers loads them."""
GRACE = 10.0
"""Seconds from the end of its stdin until an agent is told to stop, and again until it is killed."""
TAIL = 30
"""Lines of stderr that are kept for an error's sake."""


class Pending:
    """One request under way."""

    def __init__(self, agent: Agent, number: int) -> None:
        self.number = number
        self.answer: dict[str, Any] | None = None
        self.error: AgentError | None = None
        self._agent = agent
        self._lines: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    @property
    def finished(self) -> bool:
        """Whether the answer, or the error, is there: `poll` has seen it."""
        return self.answer is not None or self.error is not None

    def poll(self) -> list[dict[str, Any]]:
        """The events that came since the last call. Never waits."""
        events: list[dict[str, Any]] = []
        while not self.finished:
            try:
                line = self._lines.get_nowait()
            except queue.Empty:
                break
            self._take(line, events)
        return events

    def wait(self, seconds: float | None = None) -> dict[str, Any]:
        """The answer; events on the way are dropped. Waits.

        Args:
            seconds: at most; None: as long as it takes.

        Raises:
            AgentError: of the request; `AgentSilent`: there was no answer in that time.
        """
        until = None if seconds is None else time.monotonic() + seconds
        while not self.finished:
            left = None if until is None else max(0.0, until - time.monotonic())
            try:
                self._take(self._lines.get(timeout=left), [])
            except queue.Empty:
                what = f"the agent did not answer in {seconds:g} seconds"
                raise AgentError("AgentSilent", what, mend="Wait and try again") from None
        if self.error is not None:
            raise self.error
        return self.answer or {}

    def stop(self) -> None:
        """Ask for it to stop; its answer still comes, as the error `CancelledError`."""
        self._agent.begin("stop", stop=self.number)

    def _take(self, line: dict[str, Any], events: list[dict[str, Any]]) -> None:
        if "ok" in line:
            self.answer = dict(line["ok"])
        elif "error" in line:
            self.error = error_of(line["error"])
        else:
            events.append(line)

    def put(self, line: dict[str, Any]) -> None:
        """A line for it: the agent's thread brings them."""
        self._lines.put(line)


class Agent:
    """A running agent. For any thread; ended by `close`, or with the host."""

    def __init__(self, command: Command = None, *, server: str = "", environ: Mapping[str, str] | None = None) -> None:
        """Start it and settle the protocol. Waits for the answer.

        Args:
            command: the program; None: as `program.agent_command` finds it.
            server: whose workers compute; empty: this machine's.
            environ: added to the environment, such as VFX_SWAP_TOKEN.

        Raises:
            AgentError: there is no program, it ended at once, or it speaks another protocol.
        """
        self.server = server
        self._command = agent_command(command, server=server)
        self._numbers = itertools.count(1)
        self._pending: dict[int, Pending] = {}
        self._lock = threading.Lock()
        self._said: deque[str] = deque(maxlen=TAIL)
        self._ended = False
        self._process = _started(self._command, agent_environment(environ))
        self._in, self._out, self._text = _pipes(self._process)
        self._threads = [
            threading.Thread(target=target, name=f"vfx-swap-agent-{name}", daemon=True)
            for name, target in (("answers", self._read), ("text", self._hear))
        ]
        for thread in self._threads:
            thread.start()
        try:
            hello = self.request("hello", protocols=list(PROTOCOLS))
            if hello.get("protocol") not in PROTOCOLS:
                said, version = hello.get("protocol"), hello.get("version")
                what = f"vfx-swap {version} speaks protocol {said!r}, this adapter {', '.join(map(str, PROTOCOLS))}"
                raise AgentError("ProtocolError", what, mend="Install the adapter that came with this vfx-swap")
        except AgentError:
            self.close()
            raise
        self.version = str(hello.get("version", ""))

    def __enter__(self: Agent) -> Agent:  # noqa: PYI034  # typing.Self is younger than 3.9
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return not self._ended and self._process.poll() is None

    def begin(self, request: str, **fields: Any) -> Pending:
        """Send a request; never waits for its answer.

        Raises:
            AgentError: `AgentEnded`: there is nobody to send it to.
        """
        pending = Pending(self, next(self._numbers))
        line = json.dumps({"id": pending.number, "request": request, **fields}) + "\n"
        with self._lock:
            if self._ended:
                raise self._end()
            self._pending[pending.number] = pending
            try:
                self._in.write(line.encode("utf-8"))
                self._in.flush()
            except (OSError, ValueError):  # the pipe is broken, or closed
                self._pending.pop(pending.number, None)
                raise self._end() from None
        return pending

    def request(self, request: str, *, seconds: float | None = SECONDS, **fields: Any) -> dict[str, Any]:
        """Send a request and wait for its answer.

        Raises:
            AgentError: as it says.
        """
        return self.begin(request, **fields).wait(seconds)

    def close(self) -> None:
        """End it: what it computes itself stops after the frame in hand, jobs of a server go on. Never hangs."""
        with self._lock:
            self._ended = True
            with contextlib.suppress(OSError):
                self._in.close()
        for end in (None, self._process.terminate, self._process.kill):
            if end is not None:
                end()
            try:
                self._process.wait(GRACE)
                break
            except subprocess.TimeoutExpired:
                continue
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(GRACE)
        for stream in (self._out, self._text):
            stream.close()

    def _read(self) -> None:
        for raw in self._out:
            try:
                line = json.loads(raw.decode("utf-8"))
            except ValueError:
                self._said.append(raw.decode("utf-8", "replace").rstrip())
                continue
            if not isinstance(line, dict):
                continue
            number = line.get("id")
            if not isinstance(number, int):
                continue
            with self._lock:
                last = "ok" in line or "error" in line
                pending = self._pending.pop(number, None) if last else self._pending.get(number)
            if pending is not None:
                pending.put(line)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE)
        self._threads[1].join(1.0)
        with self._lock:
            self._ended = True
            left, self._pending = list(self._pending.values()), {}
        error = self._end()
        told = {"kind": error.kind, "what": error.what, "mend": error.mend}
        for pending in left:
            pending.put({"error": told})

    def _hear(self) -> None:
        for raw in self._text:
            self._said.append(raw.decode("utf-8", "replace").rstrip())

    def _end(self) -> AgentError:
        code, tail = self._process.poll(), "\n".join(line for line in self._said if line)
        what = "the agent ended" + ("" if code is None else f" with exit code {code}") + (f":\n{tail}" if tail else "")
        return AgentError("AgentEnded", what, mend="Try again; `vfx-swap doctor` says what is missing")


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise AgentError("AgentMissing", "the agent was started without pipes")
    return process.stdin, process.stdout, process.stderr


def _started(command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    flags = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    try:
        return subprocess.Popen(  # noqa: S603  # an argument list, and the program that the user named
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            creationflags=flags,
            close_fds=True,
        )
    except OSError as error:
        raise AgentError("AgentMissing", f"{command[0]!r} does not start: {error}") from error
