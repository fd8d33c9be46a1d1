"""Write whole files or none: a temporary name beside the target, fsync, rename.

    with atomic_write(path) as temporary:
        write_something(temporary)

The temporary is `.<stem>.<pid>-<random>.tmp<ext>`, so that writers which choose a format by extension work, and
a reader who lists `name.*.exr` never meets half a file. The process number alone would not do: in containers every
machine's is the same, and a frame that was lost to one may be written by two.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vfx_swap.errors import DiskFullError, OutputError, VfxSwapError

__all__ = ["atomic_write", "output_error", "require_space", "temporary_path"]

_FULL = (errno.ENOSPC, errno.EDQUOT)
_NAME_LIMIT = 255
"""Bytes in a file name on the usual Linux file systems."""


def temporary_path(path: Path) -> Path:
    """A name for a file while it is being written, in the same folder; another one each time."""
    suffix = path.suffix
    tail = f".{os.getpid()}-{secrets.token_hex(4)}.tmp{suffix}"
    stem = path.name[: len(path.name) - len(suffix)] if suffix else path.name
    # A name near the limit must still leave room for the additions; cut by bytes, never within a character.
    room = _NAME_LIMIT - len(os.fsencode(tail)) - 1
    return path.with_name(f".{os.fsencode(stem)[:room].decode(errors='ignore')}{tail}")


def require_space(folder: Path, *, where: Path) -> None:
    """Turn a failed write into a DiskFullError when the folder's disk has no room left.

    OpenImageIO and FFmpeg report a full disk as a plain failure without errno, so the disk is asked.

    Raises:
        DiskFullError: less than 64 KiB is left to this user.
    """
    with suppress(OSError):
        disk = os.statvfs(folder)
        if disk.f_blocks and disk.f_bavail * disk.f_frsize < 65536:
            raise _disk_full(where)


def _disk_full(path: Path) -> DiskFullError:
    mend = "Free some space or choose another folder, then run again"
    return DiskFullError("the disk is full", where=path, mend=mend)


def output_error(error: OSError, path: Path) -> OutputError:
    """The error of ours for one of the operating system's, met while writing `path`."""
    if error.errno in _FULL:
        return _disk_full(path)
    reason = error.strerror or str(error)
    mend = {
        errno.EACCES: "Make the folder writable or choose another",
        errno.EROFS: "The disk is read-only: choose another folder",
        errno.ENOENT: "Make the folder first",
        errno.EISDIR: "A folder has this name: choose another name",
        errno.ENAMETOOLONG: "Choose a shorter name",
    }.get(error.errno or 0)
    return OutputError(f"cannot write: {reason}", where=path, mend=mend)


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path to write to; renamed to `path` when the block ends well, removed when it does not.

    The parent folder is made when it is missing.

    Raises:
        DiskFullError: no room (ENOSPC, or the quota is spent).
        OutputError: the folder cannot be written to, the target is a folder, nothing was written.
    """
    target = Path(path)
    temporary = temporary_path(target)
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, "a folder has this name")
        target.parent.mkdir(parents=True, exist_ok=True)
        # Made here first: the errno tells a read-only folder or a full disk apart, which libraries hide.
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666))
        yield temporary
        _sync(temporary, os.O_RDWR)
        temporary.replace(target)
        _sync(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise output_error(error, target) from error
    except OutputError as error:
        # A library's failure says nothing about the disk: ask it before passing the failure on.
        if not isinstance(error, DiskFullError):
            require_space(target.parent, where=target)
        raise
    except VfxSwapError:
        raise
    finally:
        with suppress(OSError):
            temporary.unlink()
