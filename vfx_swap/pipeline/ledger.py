"""The usage ledger: every use of an identity as one line of JSON, chained by hashes, appended by many at once.

A line is canonical JSON (RFC 8785), schema `vfx_swap/usage.1`. It holds its `number`, from 1, and `previous`, the
SHA-256 of the line before (64 zeros in the first), so a line that is taken out, changed or moved breaks the chain at
its place.
Lines taken off the end are found out by FILE.head, which is replaced after every line and holds the last number and
digest; and by whoever noted a head earlier (`verify_ledger(known=...)`), even where both files were changed.

An append holds an exclusive lock (flock) on FILE.lock, reads the last line, writes one line in one call and syncs it.
"""

from __future__ import annotations

import fcntl
import getpass
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

from vfx_swap.errors import InputError, MissingInputError, OutputError, VerificationError
from vfx_swap.io.atomic import atomic_write, output_error
from vfx_swap.pipeline.jws import JwsError, canonical, strict_json

__all__ = ["FIRST", "USAGE_SCHEMA", "Head", "LedgerEvent", "append_usage", "read_head", "verify_ledger"]

USAGE_SCHEMA = "vfx_swap/usage.1"
FIRST = "0" * 64
"""`previous` of the first line."""
MAX_LINE_BYTES = 1 << 20
_KEYS = {"schema", "number", "previous", "at", "event", "user", "shot", "frames", "uses"}

LedgerEvent: TypeAlias = Literal["begun", "rendered", "streamed", "face_model", "exported", "training", "refused"]


@dataclass(frozen=True)
class Head:
    """Where a ledger ends."""

    number: int
    """Of the last line; 0: there is none."""
    sha256: str
    """Of the last line, without its newline."""

    def __str__(self) -> str:
        return f"{self.number}:{self.sha256}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """A head as `str` writes it.

        Raises:
            InputError: it is none.
        """
        number, _, digest = text.strip().partition(":")
        if not number.isascii() or not number.isdigit() or len(number) > 15 or len(digest) != 64:
            raise InputError(f"{text!r} is no ledger head", mend="It is NUMBER:SHA256, as `ledger verify` prints it")
        return cls(int(number), digest)


def append_usage(
    path: str | Path,
    *,
    event: LedgerEvent,
    uses: Sequence[Mapping[str, str]],
    shot: str = "",
    frames: str = "",
    reason: str = "",
    user: str | None = None,
    now: datetime | None = None,
) -> Head:
    """Put one use on record; the line is on disk when this returns.

    Args:
        path: the ledger, made where there is none.
        event: what was done.
        uses: of each identity, its digest and its consent's id and digest.
        shot: name of the shot.
        frames: a range.
        reason: of a refusal.
        user: who; None: the account this runs under.
        now: when; None: now.

    Raises:
        OutputError: the line cannot be written: then nothing may be done that it would tell of.
    """
    where = Path(path)
    try:
        where.parent.mkdir(parents=True, exist_ok=True)
        with _locked(where):
            return _append(
                where,
                {
                    "schema": USAGE_SCHEMA,
                    "at": (now or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="milliseconds"),
                    "event": event,
                    "user": _account() if user is None else user,
                    "shot": shot,
                    "frames": frames,
                    "uses": [dict(one) for one in uses],
                    **({"reason": reason} if reason else {}),
                },
            )
    except OSError as error:
        raise output_error(error, where) from error


def read_head(path: str | Path) -> Head | None:
    """What FILE.head says of a ledger; None: there is none.

    Raises:
        InputError: it is damaged.
    """
    try:
        return Head.parse(_head_file(Path(path)).read_text(encoding="ascii"))
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read: {error}", where=_head_file(Path(path))) from error


def verify_ledger(path: str | Path, *, known: Sequence[Head] = ()) -> Head:
    """Go through a ledger from its first line to its head.

    Args:
        path: the ledger.
        known: heads that were noted earlier: their lines must still be there.

    Raises:
        MissingInputError: there is no such file.
        VerificationError: a line was changed, taken out, added or moved, or lines are gone from the end.
    """
    where, wanted = Path(path), {one.number: one.sha256 for one in known if one.number}
    last, broken = Head(0, FIRST), ""
    try:
        with _locked(where, shared=True), where.open("rb") as file:
            recorded = read_head(where)
            for number, line in enumerate(file, 1):
                broken = _fault(line, Head(number - 1, last.sha256))
                if broken:
                    break
                last = Head(number, hashlib.sha256(line[:-1]).hexdigest())
                if wanted.pop(number, last.sha256) != last.sha256:
                    broken = "is not the line that was noted earlier"
                    break
    except FileNotFoundError as error:
        raise MissingInputError("there is no such ledger", where=where, mend="Check the path") from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", where=where) from error
    mend = "Compare with a copy from before; all lines above are as they were written"
    if broken:
        number = last.number if "noted" in broken else last.number + 1
        raise VerificationError(f"line {number} {broken}", where=where, mend=mend)
    if wanted:
        what = f"ends at line {last.number}, but line {max(wanted)} was noted earlier"
        raise VerificationError(what, where=where, mend=mend)
    if recorded is None:
        what = "has no .head file beside it, so nobody can tell whether lines are gone from its end"
        raise VerificationError(what, where=where, mend=mend)
    if recorded != last:
        what = f"ends at line {last.number}, but its .head says {recorded}: lines were added or taken off the end"
        raise VerificationError(what, where=where, mend=mend)
    return last


def _append(where: Path, fields: dict[str, Any]) -> Head:
    before, torn = _end_of(where)
    line = canonical({**fields, "number": before.number + 1, "previous": before.sha256})
    # What a killed writer left half is ended, never taken away: `verify` names it.
    data = (b"\n" if torn else b"") + line + b"\n"
    handle = os.open(where, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    try:
        if os.write(handle, data) != len(data):
            raise OutputError("the line was written in part: the disk may be full", where=where)
        os.fsync(handle)
    finally:
        os.close(handle)
    head = Head(before.number + 1, hashlib.sha256(line).hexdigest())
    with atomic_write(_head_file(where)) as temporary:
        temporary.write_text(f"{head}\n", encoding="ascii")
    return head


def _end_of(where: Path) -> tuple[Head, bool]:
    """The last line's number and digest, and whether it lacks its end."""
    try:
        with where.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - MAX_LINE_BYTES))
            tail = file.read()
    except FileNotFoundError:
        return Head(0, FIRST), False
    if not tail:
        return Head(0, FIRST), False
    line = tail.removesuffix(b"\n").rpartition(b"\n")[2]
    try:
        held = strict_json(line)
        number = held["number"] if isinstance(held, dict) and type(held.get("number")) is int else 0
    except JwsError:
        number = 0
    if not number:  # a damaged end: go on after it, by its place in the file
        with where.open("rb") as file:
            number = sum(1 for _ in file)
    return Head(number, hashlib.sha256(line).hexdigest()), not tail.endswith(b"\n")


def _fault(line: bytes, before: Head) -> str:
    """What is wrong with a line; empty: nothing."""
    if not line.endswith(b"\n"):
        return "is cut short"
    try:
        held = strict_json(line[:-1])
        if not isinstance(held, dict) or not set(held) >= _KEYS or held["schema"] != USAGE_SCHEMA:
            return "is no line of a ledger"
        if canonical(held) != line[:-1]:
            return "was changed: it is not in the form that it was written in"
    except JwsError:
        return "is no line of a ledger"
    if held["number"] != before.number + 1:
        return f"has number {held['number']}: lines were taken out, added or moved"
    if held["previous"] != before.sha256:
        return "does not follow the line before it: one of the two was changed"
    return ""


@contextmanager
def _locked(where: Path, *, shared: bool = False) -> Iterator[None]:
    """The ledger's lock; its file stays, since taking it away would let two in at once."""
    path = where.with_name(f"{where.name}.lock")
    try:
        handle = os.open(path, os.O_RDONLY | (0 if shared else os.O_CREAT), 0o660)
    except (FileNotFoundError, PermissionError):
        if not shared:
            raise
        yield  # nobody ever wrote here, or a reader may not lock
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _head_file(where: Path) -> Path:
    return where.with_name(f"{where.name}.head")


def _account() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in containers
        return f"uid {os.getuid()}"
