"""Folders that are one user's alone: the state folder, the folder of a Unix socket."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from vfx_swap.errors import CannotRunError

__all__ = ["is_private", "make_private"]


def is_private(folder: Path) -> bool:
    """Whether it belongs to this user, and nobody else may look into it.

    Raises:
        OSError: it cannot be looked at.
    """
    state = folder.stat()
    return stat.S_ISDIR(state.st_mode) and state.st_uid == os.geteuid() and not state.st_mode & 0o077


def make_private(folder: Path, *, where: object = None) -> None:
    """Make a folder with mode 0700 where it is missing, whatever the umask; one that is there must be private.

    Args:
        folder: it.
        where: what needs it, for messages; None: the folder itself.

    Raises:
        CannotRunError: it cannot be made, or others may look into it.
    """
    at = folder if where is None else where
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            private = is_private(folder)
        else:
            folder.chmod(0o700)
            private = True
    except OSError as error:
        raise CannotRunError(f"cannot make {str(folder)!r}: {error.strerror}", where=at) from error
    if not private:
        what = f"the folder {str(folder)!r} must belong to the server's user alone (mode 0700)"
        raise CannotRunError(what, where=at, mend=f"chmod 700 {folder}, or choose another")
