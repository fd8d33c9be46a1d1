"""Identities that a server keeps: packs in one folder, each with a consent record, or not at all."""

from __future__ import annotations

import os
import re
import shutil
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

from vfx_swap.errors import (
    ConsentMissingError,
    IdentityError,
    MissingInputError,
    OutputError,
    RequestConflictError,
    UsageError,
)
from vfx_swap.io.atomic import atomic_write

__all__ = ["RESOURCE", "SUFFIX", "IdentityStore", "KeptIdentity"]

SUFFIX = ".identity"
RESOURCE = "identities/"
"""What stands before a name where a casting means an identity of the server's."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class KeptIdentity:
    """What is told of an identity; nothing of the person but what its record says of the use."""

    name: str
    path: Path
    sha256: str
    references: int
    consent_id: str
    scope: str
    valid_from: date
    expires: date
    """Last day it holds."""
    created: float
    """Seconds since 1970."""

    def state(self, today: date) -> Literal["valid", "expired", "not_yet"]:
        """Whether it may be used on a day."""
        if today < self.valid_from:
            return "not_yet"
        return "expired" if today > self.expires else "valid"


class IdentityStore:
    """The folder of packs.

    Args:
        folder: made with mode 0700.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[Path, tuple[tuple[int, int, int], KeptIdentity]] = {}
        self._lock = threading.Lock()
        try:
            for one in (folder, self._uploads):
                one.mkdir(parents=True, exist_ok=True, mode=0o700)
            for left in self._uploads.iterdir():  # of a server that was killed
                shutil.rmtree(left, ignore_errors=True)
        except OSError as error:
            raise OutputError(f"the folder of identities cannot be made: {error}", where=folder) from error

    @property
    def _uploads(self) -> Path:
        return self._folder / ".uploads"

    def path(self, name: str) -> Path:
        """Where the pack of a name lies, whether or not it is there.

        Args:
            name: with or without `identities/`.

        Raises:
            UsageError: it cannot be a name.
        """
        plain = name.removeprefix(RESOURCE)
        if not _NAME.fullmatch(plain):
            mend = "Letters, digits, '-', '_' and '.', at most 64, a letter or digit first"
            raise UsageError(f"{name!r} cannot be the name of an identity", mend=mend)
        return self._folder / f"{plain}{SUFFIX}"

    def get(self, name: str) -> KeptIdentity:
        """An identity.

        Raises:
            MissingInputError: there is none of that name.
            IdentityError: its pack was damaged.
        """
        path = self.path(name)
        try:
            status = path.stat()
        except OSError as error:
            mend = "IdentityService.ListIdentities names those there are"
            raise MissingInputError("the server keeps no identity of this name", where=name, mend=mend) from error
        stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        with self._lock:
            known = self._seen.get(path)
        if known is None or known[0] != stamp:
            known = (stamp, _read(path, created=status.st_mtime))
            with self._lock:
                self._seen[path] = known
        return known[1]

    def all(self) -> tuple[KeptIdentity, ...]:
        """Every identity that can be read, by name; a damaged pack is left out, and an error where it is asked for."""
        found = []
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            try:
                found.append(self.get(path.name.removesuffix(SUFFIX)))
            except (IdentityError, UsageError, MissingInputError, ConsentMissingError):
                continue
        return tuple(found)

    @contextmanager
    def upload(self) -> Iterator[Path]:
        """A folder for one upload, gone afterwards."""
        folder = self._uploads / uuid.uuid4().hex
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def keep(self, name: str, pack: Path, *, replace: bool, today: date) -> KeptIdentity:
        """Take a pack in.

        Raises:
            RequestConflictError: there is one of this name.
            RefusedError: its consent record is missing, does not hold today, is revoked or not signed as it must be.
            IdentityError: it is no pack.
            OutputError: it cannot be written.
        """
        from vfx_swap.pipeline.consent import consent_in_force
        from vfx_swap.pipeline.identity_file import load_identity

        path = self.path(name)
        identity = load_identity(pack)
        if identity.consent is None:
            what = "the pack has no consent record, and no identity is kept without one"
            raise ConsentMissingError(what, where=name, mend="Build it again with --consent")
        # Whether this shot and that use are covered is asked when it is used; here only whether it holds at all.
        consent_in_force(identity, today=today, pack=name)
        with self._lock:
            if not replace:
                self.require_free(name)
            with atomic_write(path) as temporary:
                shutil.copyfile(pack, temporary)
            os.chmod(path, 0o600)
        return self.get(name)

    def require_free(self, name: str) -> None:
        """Refuse a name that is taken.

        Raises:
            RequestConflictError: there is an identity of this name.
        """
        if self.path(name).exists():
            mend = "Choose another name, or say that it is to be replaced"
            raise RequestConflictError("the server keeps an identity of this name", where=name, mend=mend)

    def forget(self, name: str) -> None:
        """Remove an identity.

        Raises:
            MissingInputError: there is none of that name.
            OutputError: it cannot be removed.
        """
        path = self.path(name)
        try:
            path.unlink()
        except FileNotFoundError as error:
            raise MissingInputError("the server keeps no identity of this name", where=name) from error
        except OSError as error:
            raise OutputError(f"the identity cannot be removed: {error.strerror}", where=name) from error
        with self._lock:
            self._seen.pop(path, None)

    def resolved(self, values: dict[str, Any]) -> dict[str, Any]:
        """A shot's values with `identities/NAME` in castings made the path of the pack.

        Raises:
            MissingInputError: the server keeps no such identity.
        """
        cast = values.get("cast")
        if not isinstance(cast, list | tuple):
            return values
        return {**values, "cast": [self._cast(one) for one in cast]}

    def _cast(self, cast: Any) -> Any:
        identity = cast.get("identity") if isinstance(cast, dict) else None
        if not isinstance(identity, str) or not identity.startswith(RESOURCE):
            return cast
        return {**cast, "identity": str(self.get(identity).path)}


def _read(path: Path, *, created: float) -> KeptIdentity:
    from vfx_swap.pipeline.identity_file import load_identity

    identity = load_identity(path)
    consent = identity.consent
    if consent is None:
        raise ConsentMissingError("the pack has no consent record", where=path.name, mend="Delete it")
    return KeptIdentity(
        name=f"{RESOURCE}{path.name.removesuffix(SUFFIX)}",
        path=path,
        sha256=identity.sha256,
        references=len(identity.references),
        consent_id=consent.id,
        scope=consent.scope,
        valid_from=consent.valid_from,
        expires=consent.expires,
        created=created,
    )
