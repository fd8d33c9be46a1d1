"""Files that only their owner may read: private keys."""

from __future__ import annotations

import os
from pathlib import Path

from vfx_swap.errors import InputError, MissingInputError, OutputError
from vfx_swap.io.atomic import output_error

__all__ = ["MAX_PRIVATE_BYTES", "read_private", "write_private"]

MAX_PRIVATE_BYTES = 1 << 16


def write_private(path: str | Path, data: bytes) -> None:
    """Write a new file of mode 0600; it is on disk when this returns.

    Raises:
        OutputError: there is a file of this name, or it cannot be written.
    """
    where = Path(path)
    try:
        where.parent.mkdir(parents=True, exist_ok=True)
        # O_EXCL: a key that something was signed with must never be written over.
        with os.fdopen(os.open(where, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise OutputError("there is a file of this name", where=where, mend="Choose another name") from error
    except OSError as error:
        raise output_error(error, where) from error


def read_private(path: str | Path, *, mend: str) -> bytes:
    """The bytes of a private key, one more than `MAX_PRIVATE_BYTES` at most.

    Args:
        path: the key.
        mend: how to come by one.

    Raises:
        MissingInputError: there is no such file.
        InputError: others than its owner can read it, or nobody can.
    """
    where = Path(path)
    try:
        with where.open("rb") as file:
            shared = os.fstat(file.fileno()).st_mode & 0o077
            data = file.read(MAX_PRIVATE_BYTES + 1)
    except FileNotFoundError as error:
        raise MissingInputError("there is no such key", where=where, mend=mend) from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", where=where) from error
    if shared:
        raise InputError("is a private key that others can read", where=where, mend=f"Run: chmod 600 {where}")
    return data
