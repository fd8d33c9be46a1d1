"""One worker's process as the front sees it: started with nothing of the front's but a socket, listened to, ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from vfx_swap.errors import CannotRunError, ProtocolError, VfxSwapError
from vfx_swap.pipeline.error_fields import error_from
from vfx_swap.service.link import Decoder, Message, encode

__all__ = ["WORKER_COMMAND", "WorkerProcess", "worker_environment"]

WORKER_COMMAND = (sys.executable, "-m", "vfx_swap.service.worker")
LOG = logging.getLogger(__name__)
READ_BYTES = 1 << 16
LAST_LINES = 12
"""Of what a worker wrote to stderr, kept to say why it died."""
EXIT_SECONDS = 5.0
"""A worker that was told to stop has this long to let go of its models."""
_KEPT = frozenset(
    {
        *("HOME", "LANG", "LANGUAGE", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER"),
        *("CONDA_PREFIX", "LD_LIBRARY_PATH", "PYTHONHASHSEED", "PYTHONPATH", "SYSTEMROOT", "VIRTUAL_ENV"),
        "OCIO",
    }
)
_KEPT_PREFIXES = (
    "CUDA_",
    "LC_",
    "MALLOC_",
    "MKL_",
    "NVIDIA_",
    "OMP_",
    "OPENBLAS_",
    "ORT_",
    "OTEL_",
    "TORCH_",
    "VFX_SWAP_",
    "XDG_",
)


def worker_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """What a worker gets of an environment: where things are and how libraries work; no secrets of the service."""
    return {name: value for name, value in environment.items() if name in _KEPT or name.startswith(_KEPT_PREFIXES)}


class WorkerProcess:
    """A process and the link to it. Used once: a process that died is replaced by another of these.

    Args:
        device: `cpu` or `cuda:N`.
        index: its place in the crew.
        on_message: called with every message.
        hang_seconds: a process that says nothing for so long is killed.
        command: what is started.
    """

    def __init__(
        self,
        *,
        device: str,
        index: int,
        on_message: Callable[[Message], None],
        hang_seconds: float,
        command: Sequence[str] = WORKER_COMMAND,
    ) -> None:
        self.name = f"{device}#{index}"
        self.ready: Message | None = None
        self._device = device
        self._index = index
        self._on_message = on_message
        self._hang_seconds = hang_seconds
        self._command = tuple(command)
        self._process: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self._trouble = ""
        self._failed: VfxSwapError | None = None

    @property
    def pid(self) -> int:
        """Of the process; 0: it was never started."""
        return 0 if self._process is None else self._process.pid

    @property
    def end(self) -> str:
        """How it ended, as part of a sentence."""
        if self._trouble:
            return self._trouble
        code = None if self._process is None else self._process.returncode
        if code is not None and code < 0:
            with contextlib.suppress(ValueError):
                return f"it was ended by {signal.Signals(-code).name}"
        return f"it ended with code {code}"

    @property
    def last_words(self) -> str:
        """The last lines that it wrote to stderr."""
        return "\n".join(self._last)

    async def run(self, *, on_ready: Callable[[], None], start_seconds: float) -> None:
        """Start the process, listen to it, and come back when it has ended.

        Args:
            on_ready: called when it can take work.
            start_seconds: it has this long to say so.

        Raises:
            CannotRunError: it did not come up, with what it said.
        """
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                *("--fd", str(there.fileno()), "--parent", str(os.getpid())),
                *("--device", self._device, "--index", str(self._index)),
                pass_fds=(there.fileno(),),
                start_new_session=True,  # a terminal's Ctrl-C is the front's to hear
                env=worker_environment(os.environ),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            here.close()
            raise CannotRunError(f"no worker can be started: {error}", where=self._command[0]) from error
        finally:
            there.close()
        reader, self._writer = await asyncio.open_connection(sock=here)
        said = asyncio.create_task(self._log(self._process))
        try:
            await self._listen(reader, on_ready, start_seconds)
        finally:
            self.kill()
            self._writer.close()
            await self._process.wait()
            await said
        if self.ready is None:
            raise self._no_start()

    def _no_start(self) -> VfxSwapError:
        if self._failed is not None and type(self._failed) is not VfxSwapError:
            self._failed.where = self._failed.where or self._device
            return self._failed
        what = f"worker {self.name} does not come up: {self._failed or self.end}"
        return CannotRunError(what, mend=self.last_words or None)

    async def _listen(self, reader: asyncio.StreamReader, on_ready: Callable[[], None], start_seconds: float) -> None:
        decoder, patience = Decoder(), start_seconds
        while True:
            try:
                async with asyncio.timeout(patience):
                    data = await reader.read(READ_BYTES)
            except TimeoutError:
                self._trouble = f"it said nothing for {patience:g} seconds and was killed"
                return
            except OSError:
                return
            if not data:
                # The link closes before the process is reaped: how it ended is known a moment later.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(EXIT_SECONDS):
                        await self._reaped()
                return
            try:
                for message in decoder.feed(data):
                    if message.get("type") == "ready":
                        self.ready, patience = message, self._hang_seconds
                        on_ready()
                    elif message.get("type") == "failed":
                        self._failed = error_from(message.get("error"))
                    else:
                        self._on_message(message)
            except (ProtocolError, KeyError, TypeError, ValueError) as error:
                self._trouble = f"it sent what is no message and was killed ({error})"
                return

    async def _reaped(self) -> None:
        if self._process is not None:
            await self._process.wait()

    async def _log(self, process: asyncio.subprocess.Process) -> None:
        """Hand on what the worker writes, line by line."""
        if process.stderr is None:
            return
        while True:
            try:
                line = await process.stderr.readline()
            except ValueError:  # a line longer than asyncio's limit: it is dropped
                continue
            if not line:
                return
            text = line.decode("utf-8", errors="replace").rstrip()
            self._last.append(text)
            LOG.info("worker %s: %s", self.name, text)

    def send(self, message: Message) -> None:
        """Send a message; to a process that is gone it goes nowhere.

        Raises:
            LimitError, ProtocolError: it cannot be sent.
        """
        data = encode(message)
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(data)

    async def stop(self) -> None:
        """Tell it to end after what it is at; kill it if it does not."""
        if self._process is None:
            return
        self.send({"type": "stop"})
        try:
            async with asyncio.timeout(EXIT_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self.kill()

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
