"""The front's files of shared memory: in a folder of its own, swept up by the next server when it was killed.

It lies in /dev/shm/vfx-swap-UID (0700, one for all servers of a user), has a random name, and holds a lock that stands
while the server lives: what can be locked was left behind. Files in it are 0600 and have random names too.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import stat
import tempfile
from pathlib import Path

from vfx_swap.errors import OutputError
from vfx_swap.service.pool import Buffer, write_all

__all__ = ["SharedFile", "SharedFiles", "shared_memory_root"]

MEMORY = Path("/dev/shm")  # noqa: S108  # memory by name on Linux; what lies in it is in a folder of our own
LOCK = "lock"


def shared_memory_root() -> Path:
    """Where shared memory has names; on systems without such a place, the folder of temporary files."""
    return MEMORY if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) else Path(tempfile.gettempdir())


class SharedFile:
    """A file of shared memory, made by the front. Its pages exist once they are written."""

    def __init__(self, path: Path, *, size: int) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        if size:
            os.ftruncate(self._fd, size)

    def write(self, data: Buffer, offset: int) -> None:
        """Write bytes.

        Raises:
            DiskFullError: memory is full.
        """
        write_all(self._fd, data, offset, where=self.path)

    def close(self) -> None:
        """Take its name away; memory is free when the last process that has it open lets go."""
        if self._fd >= 0:
            self.path.unlink(missing_ok=True)
            os.close(self._fd)
            self._fd = -1


class SharedFiles:
    """All files of shared memory of one server.

    Args:
        root: folder in which the user's folder is made; None: `shared_memory_root`.
    """

    def __init__(self, *, root: Path | None = None) -> None:
        self._base = (root or shared_memory_root()) / f"vfx-swap-{os.geteuid()}"
        self._own: Path | None = None
        self._lock = -1

    def start(self) -> None:
        """Make the folder, and remove those of servers that were killed.

        Raises:
            OutputError: it cannot be made, or is not this user's own.
        """
        try:
            self._base.mkdir(mode=0o700, exist_ok=True)
            _check_own(self._base)
            with (self._base / LOCK).open("w") as gate:
                fcntl.flock(gate, fcntl.LOCK_EX)  # one at a time: a folder that is just being made is not swept up
                for left in self._base.iterdir():
                    if left.is_dir() and not _is_held(left):
                        shutil.rmtree(left, ignore_errors=True)
                own = self._base / secrets.token_hex(8)
                own.mkdir(mode=0o700)
                self._lock = os.open(own / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                fcntl.flock(self._lock, fcntl.LOCK_EX)
                self._own = own
        except OSError as error:
            raise OutputError(f"shared memory cannot be set up: {error.strerror}", where=self._base) from error

    def make(self, *, size: int = 0) -> SharedFile:
        """A new file of so many bytes; its name was never used before.

        Raises:
            OutputError: it cannot be made.
        """
        if self._own is None:
            raise OutputError("shared memory is not set up", where=self._base)
        try:
            return SharedFile(self._own / secrets.token_hex(16), size=size)
        except OSError as error:
            raise OutputError(f"shared memory cannot be made: {error.strerror}", where=self._own) from error

    def stop(self) -> None:
        """Remove the folder and all in it."""
        if self._own is not None:
            shutil.rmtree(self._own, ignore_errors=True)
            os.close(self._lock)
            self._own = None


def _check_own(folder: Path) -> None:
    """Refuse a folder that somebody else made under our name: /dev/shm is everyone's."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise OutputError("is not a folder of this user alone", where=folder, mend="Remove it")


def _is_held(folder: Path) -> bool:
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
