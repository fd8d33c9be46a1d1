"""The access file: who holds a token or a client certificate, and in which roles. Tokens stand in it hashed.

A token is 32 random bytes. For secrets of 256 random bits one round of SHA-256 is the right hash: there is nothing to
guess, so a slow hash (bcrypt, scrypt) would protect nothing and cost every call (OWASP, Password Storage, is about
secrets that people choose).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, cast

from pydantic import Field, ValidationError

from vfx_swap.errors import MissingInputError, Problem, SettingsError, UsageError
from vfx_swap.io.atomic import atomic_write
from vfx_swap.service.access import Role
from vfx_swap.settings.messages import describe_findings
from vfx_swap.settings.shot import Table
from vfx_swap.settings.toml_file import in_order, placed, read_toml

__all__ = [
    "ACCESS_SCHEMA",
    "TOKEN_PATTERN",
    "Access",
    "CertificateEntry",
    "TokenEntry",
    "add_token",
    "load_access",
    "remove_token",
]

ACCESS_SCHEMA = "vfx_swap/access.1"
TOKEN_PREFIX = "vfxs_"  # noqa: S105  what a token begins with, so that scanners for leaked secrets know one
TOKEN_PATTERN = re.compile(r"vfxs_[A-Za-z0-9_-]{43}")
"""A token: the prefix and 32 random bytes in base64url."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}")
_ENTRY = re.compile(r"(token|certificate)\[\d+\]")
_MEND_NAME = "Letters, digits and . _ @ -, at most 128, such as comp-ws-01"

Roles: TypeAlias = Annotated[tuple[Role, ...], Field(strict=False, min_length=1, max_length=4)]


class TokenEntry(Table):
    """Who holds a token."""

    name: str = Field(min_length=1, max_length=128)
    """What the holder is called in logs, jobs and queues."""
    sha256: str = Field(min_length=64, max_length=64)
    """SHA-256 of the token, in hexadecimal."""
    roles: Roles
    """What may be done with it."""
    created: date | None = None
    """When it was made."""
    expires: date | None = None
    """Last day it holds, in UTC; absent: until it is removed."""

    def holds(self, today: date) -> bool:
        """Whether it holds on this day, in UTC."""
        return self.expires is None or today <= self.expires


class CertificateEntry(Table):
    """Who shows a client certificate."""

    name: str = Field(min_length=1, max_length=512)
    """One of its subject alternative names (DNS, URI, e-mail), or its common name."""
    roles: Roles
    """What may be done with it."""
    expires: date | None = None
    """Last day this entry holds, in UTC; the certificate has its own."""

    def holds(self, today: date) -> bool:
        """Whether it holds on this day, in UTC."""
        return self.expires is None or today <= self.expires


class Access(Table):
    """An access file."""

    schema_: Literal["vfx_swap/access.1"] = Field(alias="schema")
    """Schema label of the file."""
    token: Annotated[tuple[TokenEntry, ...], Field(strict=False, max_length=10_000)] = ()
    """Tokens."""
    certificate: Annotated[tuple[CertificateEntry, ...], Field(strict=False, max_length=10_000)] = ()
    """Client certificates."""

    def find_token(self, token: str) -> TokenEntry | None:
        """The entry of a token. All are compared, each in constant time: the time taken tells nothing."""
        digest = _digest(token)
        found = None
        for entry in self.token:
            if hmac.compare_digest(entry.sha256.lower(), digest):
                found = entry
        return found

    def find_certificate(self, names: Iterable[str]) -> CertificateEntry | None:
        """The first entry, in the order of the file, that is one of a certificate's names."""
        shown = set(names)
        return next((entry for entry in self.certificate if entry.name in shown), None)


def load_access(path: Path) -> Access:
    """Read an access file.

    Raises:
        MissingInputError: there is no such file.
        SettingsError: anything is wrong with it; holds every problem.
    """
    return _read(path)[0]


def add_token(path: Path, *, name: str, roles: Iterable[Role], today: date, expires: date | None = None) -> str:
    """Make a token and write its hash; the file is made, with mode 0600, where it is missing.

    Args:
        path: the access file.
        name: who will hold it; must be new.
        roles: what may be done with it.
        today: the day it is made.
        expires: last day it holds, in UTC.

    Returns:
        The token. It stands nowhere else.

    Raises:
        UsageError: the name is taken or no name, the last day is past, there are no roles.
        SettingsError: the file is not in order.
        OutputError: it cannot be written.
    """
    given = tuple(dict.fromkeys(roles))
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot be a name", mend=_MEND_NAME)
    if not given:
        raise UsageError("a token needs a role", mend="Give --role")
    if expires is not None and expires < today:
        raise UsageError(f"a token that expires on {expires} would never hold", mend="Give a later day")
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    with _locked(path):
        try:
            access, text, _ = _read(path)
        except MissingInputError:
            access, text = Access(schema="vfx_swap/access.1"), f'schema = "{ACCESS_SCHEMA}"\n'
        if any(entry.name == name for entry in access.token):
            mend = "Choose another name, or remove that one first: two may hold side by side while clients change over"
            raise UsageError(f"there is a token of the name {name!r}", where=path, mend=mend)
        lines = [
            "",
            "[[token]]",
            f"name = {json.dumps(name)}",
            f'sha256 = "{_digest(token)}"',
            f"roles = {json.dumps(given)}",
            f"created = {today.isoformat()}",
        ]
        if expires is not None:
            lines.append(f"expires = {expires.isoformat()}")
        _write(path, text.rstrip("\n") + "\n" + "\n".join(lines) + "\n")
    return token


def remove_token(path: Path, *, name: str) -> None:
    """Take a token out of the file; what else stands there, comments included, stays.

    Raises:
        MissingInputError: there is no such file.
        UsageError: no token has this name.
        SettingsError: the file is not in order.
        OutputError: it cannot be written.
    """
    with _locked(path):
        access, text, lines = _read(path)
        index = next((at for at, entry in enumerate(access.token) if entry.name == name), None)
        if index is None:
            known = ", ".join(entry.name for entry in access.token) or "none"
            raise UsageError(f"no token has the name {name!r}", where=path, mend=f"Names there: {known}")
        rows = text.splitlines(keepends=True)
        first = lines[f"token[{index}]"] - 1
        later = [line - 1 for key, line in lines.items() if _ENTRY.fullmatch(key) and line - 1 > first]
        end = min(later, default=len(rows))
        while end < len(rows) and end > first + 1 and rows[end - 1].lstrip().startswith("#"):
            end -= 1  # a comment right above the next entry belongs to that one
        _write(path, "".join(rows[:first] + rows[end:]))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", errors="surrogatepass")).hexdigest()


def _read(path: Path) -> tuple[Access, str, Mapping[str, int]]:
    """The file, its text, and the lines of its keys."""
    read = read_toml(path, kind="access file", page="docs/operations.md")
    problems = list(read.problems)
    access = None
    if not problems:
        try:
            access = Access.model_validate(read.values)
        except ValidationError as error:
            problems += describe_findings(error, root=Access, kind="access file")
        problems += _meanings(read.values)
    if problems or access is None:
        raise in_order(placed(problems, lines=read.lines), where=path)
    return access, read.text, read.lines


def _meanings(values: Mapping[str, Any]) -> Iterator[Problem]:  # Any: not yet validated
    """What types cannot say: names and tokens that stand twice, hashes that are none."""
    for table, keys in (("token", ("name", "sha256")), ("certificate", ("name",))):
        entries = values.get(table)
        if not isinstance(entries, list):
            continue
        seen: dict[tuple[str, str], int] = {}
        for index, entry in enumerate(entries):
            given = cast("Mapping[str, object]", entry) if isinstance(entry, Mapping) else {}
            for key in keys:
                text = given.get(key)
                if not isinstance(text, str) or not text:
                    continue
                at = f"{table}[{index}].{key}"
                first = seen.setdefault((key, text), index)
                if first != index:
                    yield Problem(at, f"stands already in {table}[{first}]", "Keep one of them")
                if key == "sha256" and not re.fullmatch(r"[0-9A-Fa-f]{64}", text):
                    yield Problem(at, "must be 64 hexadecimal digits", "Write tokens by `vfx-swap token add`")
                if table == "token" and key == "name" and not _NAME.fullmatch(text):
                    yield Problem(at, "cannot be a name", _MEND_NAME)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One writer at a time: the folder is locked, since the file itself is replaced."""
    folder = path.absolute().parent
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise UsageError(f"there is no folder {str(folder)!r}", mend="Make it first") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write(path: Path, text: str) -> None:
    with atomic_write(path) as temporary:
        temporary.chmod(0o600)
        temporary.write_text(text, encoding="utf-8")
        try:
            _read(temporary)  # what is written must be what is read back
        except SettingsError as error:
            raise SettingsError(error.problems, where=path) from error
