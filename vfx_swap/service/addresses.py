"""Addresses a server listens on: what they say, and who can reach them."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vfx_swap.errors import UsageError

__all__ = ["Address"]

_MEND = "Write HOST:PORT, as 127.0.0.1:50051 or [::1]:50051, or unix:/absolute/path"
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
SOCKET_PATH_BYTES = 107
"""Of the path of a Unix socket: sockaddr_un has room for 108 with its zero byte (unix(7))."""


@dataclass(frozen=True)
class Address:
    """Where a server listens."""

    kind: Literal["tcp", "unix"]
    host: str = ""
    """Name or IP address without brackets; empty for a Unix socket."""
    port: int = 0
    """0: one that is free."""
    path: Path | None = None
    """Of a Unix socket."""

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read an address.

        Raises:
            UsageError: it is none.
        """
        if text.startswith("unix:"):
            return _unix(text)
        host, colon, number = text.rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        name = host[1:-1] if bracketed else host
        if not colon or not number.isascii() or not number.isdigit() or int(number) > 65535:
            raise UsageError(f"{text!r} is no address to listen on", mend=_MEND)
        if bracketed != _is_version_6(name) or not (bracketed or _HOST.fullmatch(name)):
            raise UsageError(f"{text!r} names no host to listen on", mend=_MEND)
        return cls("tcp", host=name, port=int(number))

    @property
    def is_local(self) -> bool:
        """Whether this machine alone can reach it: a Unix socket, or a loopback address. A name other than
        `localhost` may mean any address, so it is not local.
        """
        if self.kind == "unix" or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        if self.kind == "unix":
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _unix(text: str) -> Address:
    path = text.removeprefix("unix:")
    if not path.startswith("/") or "\0" in path or path.endswith("/"):
        raise UsageError(f"{text!r} is no Unix socket: its path must be absolute", mend=_MEND)
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES:
        what = f"{text!r} is too long: the path of a Unix socket has at most {SOCKET_PATH_BYTES} bytes"
        raise UsageError(what, mend="Choose a shorter folder")
    return Address("unix", path=Path(path))


def _is_version_6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False
