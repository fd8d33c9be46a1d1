"""A warm renderer behind a Unix socket, for farms that start one process a chunk: that one hands its work over.

One connection is one chunk. The client sends a request, one line of JSON, and gets the lines that `render --json`
writes, the last being `done` or `error`. Whatever it sends after that, or its end, stops the chunk after the frame in
hand. The socket belongs to one user (0600, and who calls is asked of the kernel); nothing that is sent is ever code.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from vfx_swap.errors import CannotRunError, OutputError, ProtocolError, UsageError, VfxSwapError, WorkerDiedError
from vfx_swap.farm.lines import Line
from vfx_swap.farm.request import ChunkRequest
from vfx_swap.pipeline.error_fields import error_fields
from vfx_swap.pipeline.progress import Cancelled

if TYPE_CHECKING:
    from vfx_swap.farm.warm import WarmRenderer

__all__ = ["hand_over", "is_listening", "serve_chunks", "start_worker", "stop_worker"]

LONGEST_REQUEST = 1 << 20
"""Bytes: a hundred thousand frames that have no order."""
LONGEST_PATH = 100
"""Of a socket, in bytes: sockaddr_un holds 108."""
START_SECONDS = 120.0
STOP_SECONDS = 60.0
POLL_SECONDS = 0.1
END = b'{"end": true}\n'


def serve_chunks(path: Path, renderer: WarmRenderer, *, idle_seconds: float, cancelled: Cancelled) -> None:
    """Answer requests, one after another, until asked to end, stopped, or forgotten.

    Args:
        path: of the socket; it is there while this runs.
        renderer: who renders.
        idle_seconds: without a request for so long, it ends: whoever started it has gone.
        cancelled: asked now and then.

    Raises:
        UsageError: a worker listens there already, or the path is too long.
        OutputError: the socket cannot be made.
    """
    with _listening(path) as listener:
        last = time.monotonic()
        while not cancelled() and time.monotonic() - last < idle_seconds:
            with contextlib.suppress(TimeoutError):
                connection, _ = listener.accept()
                with connection:
                    if not _answer(connection, renderer, cancelled):
                        return
                last = time.monotonic()


def hand_over(path: Path, request: ChunkRequest, *, cancelled: Cancelled) -> Iterator[Line]:
    """Have a chunk rendered by the worker of a socket.

    Args:
        path: of the socket.
        request: what to render.
        cancelled: asked now and then; True stops the chunk after the frame in hand.

    Yields:
        Lines as `render --json` writes them, the last being `done` or `error`.

    Raises:
        WorkerDiedError: it is gone, or was lost while it rendered.
    """
    with _connected(path) as connection:
        connection.sendall(json.dumps(asdict(request)).encode("ascii") + b"\n")
        connection.settimeout(POLL_SECONDS)
        stopped, rest = False, b""
        while True:
            if cancelled() and not stopped:
                stopped = True
                connection.sendall(b"stop\n")
            try:
                data = connection.recv(1 << 16)
            except TimeoutError:
                continue
            except OSError as error:
                raise WorkerDiedError(f"the worker was lost: {error.strerror}", where=path) from error
            if not data:
                raise WorkerDiedError("the worker was lost in mid-chunk", where=path)
            *lines, rest = (rest + data).split(b"\n")
            for text in lines:
                line: Line = json.loads(text)
                yield line
                if line.get("event") in ("done", "error"):
                    return


def is_listening(path: Path) -> bool:
    """Whether a worker answers there."""
    try:
        with _connected(path):
            return True
    except WorkerDiedError:
        return False


def start_worker(path: Path, command: Sequence[str]) -> int:
    """Start a worker that outlives this process, and wait until it listens; one that listens already will do.

    Args:
        path: of its socket; its log stands beside it, as `<path>.log`.
        command: what runs it, and ends when it is asked to.

    Returns:
        Its pid; 0 for one that was there.

    Raises:
        UsageError: the path is too long for a socket.
        CannotRunError: it does not start; says its last words.
    """
    _check_path(path)
    if is_listening(path):
        return 0
    log = path.with_name(f"{path.name}.log")
    try:
        with log.open("wb") as out:
            process = subprocess.Popen(  # noqa: S603  our own command, arguments as a list
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
    except OSError as error:
        raise CannotRunError(f"the worker does not start: {error.strerror}", where=error.filename) from error
    began = time.monotonic()
    while not is_listening(path):
        if process.poll() is not None or time.monotonic() - began > START_SECONDS:
            process.kill()
            words = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
            raise CannotRunError(f"the worker does not start: {' '.join(words) or 'no word of it'}", where=log)
        time.sleep(POLL_SECONDS)
    return process.pid


def stop_worker(path: Path) -> bool:
    """Ask a worker to end after the chunk in hand, and wait for it; False: there was none.

    Raises:
        CannotRunError: it did not end in a minute.
    """
    try:
        with _connected(path) as connection:
            connection.sendall(END)
    except WorkerDiedError:
        return False
    began = time.monotonic()
    while path.exists():
        if time.monotonic() - began > STOP_SECONDS:
            raise CannotRunError(f"the worker did not end in {STOP_SECONDS:.0f} s", where=path)
        time.sleep(POLL_SECONDS)
    return True


@contextlib.contextmanager
def _connected(path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(str(path))
        except OSError as error:
            raise WorkerDiedError(f"no worker listens there: {error.strerror or error}", where=path) from error
        yield connection


def _check_path(path: Path) -> None:
    if len(os.fsencode(path)) > LONGEST_PATH:
        what = f"the path of a socket has at most {LONGEST_PATH} bytes"
        raise UsageError(what, where=path, mend="Name a shorter one, such as /tmp/NAME.sock")


@contextlib.contextmanager
def _listening(path: Path) -> Iterator[socket.socket]:
    """A socket that only this user can reach; what a killed worker left there is taken away first."""
    _check_path(path)
    if is_listening(path):
        raise UsageError("a worker listens there already", where=path, mend="Use it, or stop it: vfx-swap worker stop")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        before = os.umask(0o177)  # the socket is nobody else's from its first moment on
        try:
            path.unlink(missing_ok=True)
            listener.bind(str(path))
        except OSError as error:
            raise OutputError(f"the socket cannot be made: {error.strerror}", where=path) from error
        finally:
            os.umask(before)
        listener.listen()
        listener.settimeout(POLL_SECONDS)
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)


def _answer(connection: socket.socket, renderer: WarmRenderer, cancelled: Cancelled) -> bool:
    """Serve one connection; False when it asked the worker to end."""
    gone = threading.Event()
    connection.settimeout(None)

    def tell(line: Line) -> None:
        try:
            connection.sendall(json.dumps(line, ensure_ascii=True, default=str).encode("ascii") + b"\n")
        except OSError:  # who asked has gone: the chunk ends after the frame in hand
            gone.set()

    try:
        fields = _request(connection)
        if fields is None or fields.get("end") is True:
            return fields is None
        request = ChunkRequest.from_json(fields)
    except VfxSwapError as error:
        tell({"event": "error", **error_fields(error)})
        return True
    watch = threading.Thread(target=_until_it_speaks, args=(connection, gone.set), daemon=True)
    watch.start()
    renderer.run(request, tell=tell, cancelled=lambda: gone.is_set() or cancelled())
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    watch.join()
    return True


def _request(connection: socket.socket) -> Line | None:
    """What a client asks for; None when it only looked whether somebody is there.

    Raises:
        ProtocolError: it is no request, or another user's.
    """
    _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if uid != os.getuid():
        raise ProtocolError(f"user {uid} asks, this worker is user {os.getuid()}'s")
    data = b""
    while not data.endswith(b"\n"):
        more = connection.recv(1 << 16)
        if not more and not data:
            return None
        if not more or len(data) > LONGEST_REQUEST:
            raise ProtocolError("a request is one line of JSON")
        data += more
    try:
        fields = json.loads(data)
    except ValueError as error:
        raise ProtocolError(f"a request is one line of JSON: {error}") from error
    if not isinstance(fields, dict):
        raise ProtocolError("a request is one object")
    return fields


def _until_it_speaks(connection: socket.socket, then: Callable[[], None]) -> None:
    with contextlib.suppress(OSError):
        connection.recv(1)
    then()
