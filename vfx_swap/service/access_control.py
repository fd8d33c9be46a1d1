"""Decides who calls: by token, by client certificate, or by being on this machine. Reads a changed access file anew."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

from vfx_swap.errors import MissingInputError, SettingsError, UnauthenticatedError
from vfx_swap.service.access import LOCAL, Who
from vfx_swap.service.access_file import Access, load_access
from vfx_swap.service.calls import Credential

__all__ = ["AccessControl"]

_LOG = logging.getLogger(__name__)
_LONGEST_HEADER = 512
_MEND = (
    "Send `authorization: Bearer TOKEN` (vfx-swap: VFX_SWAP_TOKEN_FILE); who runs the server makes one by "
    "`vfx-swap token add`"
)
CHECK_SECONDS = 1.0
"""A changed file is noticed within this."""


def _utc_today() -> date:
    return datetime.now(UTC).date()


class AccessControl:
    """Who a credential belongs to.

    Args:
        path: the access file; None: everyone is `local`, an admin.
        check_seconds: how long what was read is trusted before the file is looked at again.
        today: the day in UTC.

    Raises:
        MissingInputError: there is no such file.
        SettingsError: it is not in order.
    """

    def __init__(
        self, path: Path | None, *, check_seconds: float = CHECK_SECONDS, today: Callable[[], date] = _utc_today
    ) -> None:
        self._path = path
        self._check_seconds = check_seconds
        self._today = today
        self._looked = time.monotonic()
        self._stamp = self._look()
        self._access: Access | None = None if path is None else load_access(path)

    @property
    def named(self) -> bool:
        """Whether callers have names of their own."""
        return self._path is not None

    async def who(self, credential: Credential) -> Who:
        """Who shows this.

        Raises:
            UnauthenticatedError: nobody who is known here.
        """
        if self._path is None:
            return LOCAL
        if time.monotonic() - self._looked >= self._check_seconds:
            self._looked = time.monotonic()
            await asyncio.to_thread(self._refresh)
        return self._decide(credential)

    def _decide(self, credential: Credential) -> Who:
        access = self._access
        if access is None:
            raise UnauthenticatedError("the access file was never read")
        if credential.authorization:
            entry = access.find_token(_token(credential.authorization))
            if entry is None:
                raise UnauthenticatedError("the token is not known here", mend=_MEND)
            if not entry.holds(self._today()):
                raise UnauthenticatedError(f"the token of {entry.name!r} expired on {entry.expires}", mend=_MEND)
            return Who.of(entry.name, entry.roles)
        if credential.names:
            found = access.find_certificate(credential.names)
            if found is None:
                what = f"the certificate of {', '.join(map(repr, credential.names[:8]))} is not known here"
                raise UnauthenticatedError(what, mend="Name it in a [[certificate]] of the access file")
            if not found.holds(self._today()):
                raise UnauthenticatedError(f"the entry of {found.name!r} expired on {found.expires}")
            return Who.of(found.name, found.roles)
        raise UnauthenticatedError("no token was sent", mend=_MEND)

    def _refresh(self) -> None:
        """Read the file again when it changed. One that is not in order, or gone, is logged and not taken."""
        stamp = self._look()
        if stamp == self._stamp or self._path is None:
            return
        self._stamp = stamp
        try:
            self._access = load_access(self._path)
        except (SettingsError, MissingInputError) as error:
            _LOG.error("the new access file is not taken, the old one holds: %s", error)
            return
        _LOG.info("the access file was read again: %d tokens", len(self._access.token))

    def _look(self) -> tuple[int, int, int] | None:
        if self._path is None:
            return None
        try:
            state = self._path.stat()
        except OSError:
            return None
        return state.st_mtime_ns, state.st_size, state.st_ino


def _token(authorization: tuple[str, ...]) -> str:
    """The token of the metadata.

    Raises:
        UnauthenticatedError: there is none, or more than one.
    """
    if len(authorization) > 1:
        raise UnauthenticatedError("more than one authorization was sent", mend="Send one")
    scheme, _, token = authorization[0].partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > _LONGEST_HEADER:
        raise UnauthenticatedError("the authorization is not `Bearer TOKEN`", mend=_MEND)
    return token
