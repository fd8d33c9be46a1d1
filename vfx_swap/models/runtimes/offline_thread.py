"""A thread that cannot reach the network, for libraries that report on their users.

MediaPipe's library sends metrics about its use to play.googleapis.com (its own privacy notice says so) and
knows no switch against it. Here the kernel forbids it: a seccomp filter (Linux, seccomp(2)) on one thread
makes every `socket` call fail, and every thread that the library starts from there inherits it. The rest of
the process is not touched, and no privilege is needed.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import queue
import struct
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from vfx_swap.errors import DeviceError

__all__ = ["OfflineThread", "forbid_sockets"]

Result = TypeVar("Result")

_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _SECCOMP_MODE_FILTER = 22, 38, 2
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000 | errno.EACCES
_LOAD_WORD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_OFFSET_NUMBER, _OFFSET_ARCHITECTURE = 0, 4
_SYSTEMS = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
"""Machine -> audit architecture and number of the `socket` call (linux/audit.h, asm/unistd.h)."""


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def forbid_sockets() -> None:
    """Make every later `socket` call of this thread, and of threads started from it, fail with EACCES.

    Raises:
        DeviceError: this system cannot do that.
    """
    known = _SYSTEMS.get(platform.machine())
    if sys.platform != "linux" or known is None:
        raise DeviceError(f"no way to keep a library off the network on {sys.platform} {platform.machine()}")
    architecture, socket_call = known
    steps = [
        (_LOAD_WORD, 0, 0, _OFFSET_ARCHITECTURE),
        (_JUMP_IF_EQUAL, 0, 3, architecture),
        (_LOAD_WORD, 0, 0, _OFFSET_NUMBER),
        (_JUMP_IF_EQUAL, 0, 1, socket_call),
        (_RETURN, 0, 0, _FAIL),
        (_RETURN, 0, 0, _ALLOW),
    ]
    program = _Program(len(steps), b"".join(struct.pack("=HBBI", *step) for step in steps))
    libc = ctypes.CDLL(None, use_errno=True)
    zero = ctypes.c_ulong(0)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), zero, zero, zero) != 0 or (
        libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_MODE_FILTER), ctypes.byref(program), zero, zero) != 0
    ):
        reason = errno.errorcode.get(ctypes.get_errno(), "unknown error")
        raise DeviceError(
            f"the kernel refuses a seccomp filter ({reason}), so a library cannot be kept off the network"
        )


class OfflineThread:
    """Runs calls one after another on one thread without network. Stop it when done."""

    def __init__(self, *, name: str) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        # A daemon, so that finalizers at exit still find it running: others are joined before they run.
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()
        self._stopped = False
        try:
            self.call(forbid_sockets)
        except DeviceError:
            self.stop()
            raise

    def call(self, function: Callable[..., Result], /, *args: Any, **options: Any) -> Result:
        """The function's result, or its exception, computed on the thread; callers take turns.

        Raises:
            RuntimeError: the thread was stopped.
        """
        if threading.current_thread() is self._thread:
            return function(*args, **options)
        if self._stopped:
            raise RuntimeError(f"the thread {self._thread.name!r} was stopped")
        future: Future[Result] = Future()

        def run() -> None:
            try:
                future.set_result(function(*args, **options))
            except BaseException as error:  # noqa: BLE001 - handed to the caller, whatever it is
                future.set_exception(error)

        self._calls.put(run)
        return future.result()

    def stop(self) -> None:
        """End the thread after the calls it already has. A second call does nothing."""
        if not self._stopped:
            self._stopped = True
            self._calls.put(None)
            if threading.current_thread() is not self._thread:
                self._thread.join()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
