"""Archives as published (checkpoints.zip, 512.zip, antelope.zip), unpacked without trusting names or sizes in them."""

from __future__ import annotations

import errno
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from vfx_swap.errors import MissingInputError, ModelMismatchError
from vfx_swap.io.atomic import output_error

__all__ = ["MEMBER_LIMIT", "TOTAL_LIMIT", "Member", "unpacked"]

MEMBER_LIMIT = 4 << 30
"""Bytes of one member, unpacked: twice the largest model known."""
TOTAL_LIMIT = 12 << 30
"""Bytes of all members, unpacked."""
MEMBERS_LIMIT = 2000
_RATIO_LIMIT = 100.0
"""Unpacked over packed. Weights pack to 0.9 of their size, logs to a tenth; a bomb, to a thousandth."""
_BLOCK = 1 << 20


class Member:
    """A file that came out of an archive."""

    def __init__(self, *, name: str, path: Path) -> None:
        self.name = name
        """Inside the archive; for people, never used as a path."""
        self.path = path


@contextmanager
def unpacked(path: Path, *, total_limit: int = TOTAL_LIMIT, member_limit: int = MEMBER_LIMIT) -> Iterator[list[Member]]:
    """The files of a zip in a folder of their own, gone when the block ends.

    Members are written under numbers, so that no name in the archive reaches the disk; an archive that
    names a place outside itself, a link, or more than it can hold is refused as a whole.

    Raises:
        MissingInputError: it cannot be read.
        ModelMismatchError: it is broken, or one of those.
        OutputError: the temporary folder is full or cannot be written.
    """
    with TemporaryDirectory(prefix="vfx-swap-models-") as folder:
        yield _all(path, Path(folder), total_limit=total_limit, member_limit=member_limit)


def _all(path: Path, folder: Path, *, total_limit: int, member_limit: int) -> list[Member]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [one for one in archive.infolist() if not one.is_dir()]
            _check(members, path=path, total_limit=total_limit, member_limit=member_limit)
            return [
                Member(name=one.filename, path=_unpack(archive, one, folder / f"{number:04d}", where=path))
                for number, one in enumerate(members)
            ]
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise ModelMismatchError(
            f"a zip that is cut off or broken ({error})", where=path, mend="Get it again from where it came"
        ) from error
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise MissingInputError(f"cannot be read ({error.strerror or error})", where=path) from error
        raise ModelMismatchError("a zip that points outside itself", where=path, mend="Delete it") from error
    except RuntimeError as error:  # zipfile's word for a member that needs a password
        raise ModelMismatchError(
            f"its members cannot be read ({error})", where=path, mend="Unpack it and add the folder"
        ) from error


def _check(members: list[zipfile.ZipInfo], *, path: Path, total_limit: int, member_limit: int) -> None:
    if len(members) > MEMBERS_LIMIT:
        raise ModelMismatchError(f"an archive of {len(members)} files, more than {MEMBERS_LIMIT}", where=path)
    for one in members:
        inside = PurePosixPath(one.filename.replace("\\", "/"))
        if inside.is_absolute() or ".." in inside.parts or ":" in "".join(inside.parts[:1]) or "\0" in one.filename:
            raise ModelMismatchError(
                f"its member {one.filename!r} names a place outside the archive, so it was made to do harm",
                where=path,
                mend="Delete it",
            )
        if stat.S_ISLNK(one.external_attr >> 16):
            raise ModelMismatchError(f"its member {one.filename!r} is a link", where=path, mend="Delete it")
        ratio = one.file_size / max(one.compress_size, 1)
        if one.file_size > member_limit or (one.file_size > _BLOCK and ratio > _RATIO_LIMIT):
            raise ModelMismatchError(
                f"its member {one.filename!r} would unpack to {one.file_size} bytes, {ratio:.0f} times its size: "
                "a zip bomb",
                where=path,
                mend="Delete it",
            )
    total = sum(one.file_size for one in members)
    if total > total_limit:
        raise ModelMismatchError(f"it would unpack to {total} bytes, more than {total_limit}", where=path)


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, *, where: Path) -> Path:
    """One member, never longer than it says."""
    written = 0
    try:
        with archive.open(member) as source, target.open("wb") as stream:
            while block := source.read(_BLOCK):
                written += len(block)
                if written > member.file_size:
                    raise ModelMismatchError(
                        f"its member {member.filename!r} is longer than it says: a zip bomb", where=where
                    )
                stream.write(block)
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise
        raise output_error(error, target) from error
    return target
