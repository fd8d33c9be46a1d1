"""Jobs on disk: SQLite in WAL mode, so that a server that is killed goes on where it stopped.

Every change is one transaction. With `synchronous = NORMAL` a killed process loses nothing that was committed; a power
cut may lose the last moments, never the file's soundness, and then frames are found current by their digests.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

from vfx_swap.errors import BusyError, DiskFullError, JobMissingError, OutputError, RequestConflictError
from vfx_swap.service.job_records import ENDED, EventRecord, FrameState, JobRecord, JobRequest, JobState

__all__ = ["JobStore"]

_MARKS = ", ".join("?" * len(ENDED))

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE jobs (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, request_id TEXT NOT NULL, digest TEXT NOT NULL, request TEXT NOT NULL,
    state TEXT NOT NULL, created REAL NOT NULL, updated REAL NOT NULL, last_event INTEGER NOT NULL DEFAULT 0,
    error BLOB, result TEXT
);
CREATE UNIQUE INDEX jobs_request ON jobs (owner, request_id) WHERE request_id != '';
CREATE INDEX jobs_created ON jobs (created, id);
CREATE TABLE frames (
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, frame INTEGER NOT NULL, state TEXT NOT NULL, error BLOB,
    PRIMARY KEY (job, frame)
) WITHOUT ROWID;
CREATE TABLE events (
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, number INTEGER NOT NULL, at REAL NOT NULL,
    kind TEXT NOT NULL, body TEXT NOT NULL, error BLOB, PRIMARY KEY (job, number)
) WITHOUT ROWID;
"""


class JobStore:
    """The jobs of one server. Safe to use from several threads; one server at a time has the file.

    Raises:
        OutputError: the file cannot be made or read, or another server has it.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._held = _hold(path.with_name(f"{path.name}.lock"))
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10.0)
            self._db.row_factory = sqlite3.Row
            for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
                self._db.execute(f"PRAGMA {pragma}")
            [version] = self._db.execute("PRAGMA user_version").fetchone()
            if version == 0:
                self._db.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
            elif version != SCHEMA_VERSION:
                mend = "Start the version that made it, or move the file away to begin without its jobs"
                raise OutputError(f"holds jobs of schema {version}, not {SCHEMA_VERSION}", where=path, mend=mend)
        except (OSError, sqlite3.Error) as error:
            raise OutputError(f"the jobs cannot be kept: {error}", where=path, mend="Check the state folder") from error

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()
            os.close(self._held)

    def add(
        self,
        request: JobRequest,
        *,
        owner: str,
        request_id: str = "",
        most: int | None = None,
        most_of_owner: int | None = None,
    ) -> tuple[JobRecord, bool]:
        """A new job, or the one that this request id made before; and whether it is new.

        Args:
            request: what to do.
            owner: who asks.
            request_id: chosen by them; empty: always a new job.
            most: jobs that have not ended, of everybody; None: any number.
            most_of_owner: the same, of this owner.

        Raises:
            RequestConflictError: the request id was used for something else.
            BusyError: there are too many already.
        """
        with self._change():
            if request_id:
                asked = "SELECT id, digest FROM jobs WHERE owner = ? AND request_id = ?"
                row = self._db.execute(asked, (owner, request_id)).fetchone()
                if row is not None:
                    if row["digest"] != request.digest:
                        what, mend = f"request id {request_id!r} stands for another shot", "Choose a new id"
                        raise RequestConflictError(what, where=f"job {row['id']}", mend=mend)
                    return self.get(row["id"]), False
            self._require_room(most, owner=None)
            self._require_room(most_of_owner, owner=owner)
            job, now = uuid.uuid4().hex, time.time()
            self._db.execute(
                "INSERT INTO jobs (id, owner, request_id, digest, request, state, created, updated) "
                "VALUES (?, ?, ?, ?, ?, 'queued', ?, ?)",
                (job, owner, request_id, request.digest, request.text, now, now),
            )
            self._event(job, "queued", {}, None)
            return self.get(job), True

    def _require_room(self, most: int | None, *, owner: str | None) -> None:
        if most is None:
            return
        text = f"SELECT COUNT(*) FROM jobs WHERE state NOT IN ({_MARKS}) AND (? IS NULL OR owner = ?)"  # noqa: S608
        [count] = self._db.execute(text, (*sorted(ENDED), owner, owner)).fetchone()
        if count >= most:
            whose = "this server takes" if owner is None else f"{owner!r} may have"
            what = f"{count} jobs have not ended, which is as many as {whose}"
            raise BusyError(what, retry_seconds=30.0, mend="Submit again when some have ended")

    def get(self, job: str) -> JobRecord:
        """A job.

        Raises:
            JobMissingError: there is none of that id.
        """
        with self._lock:
            row = self._db.execute("SELECT * FROM jobs WHERE id = ?", (job,)).fetchone()
            if row is None:
                raise JobMissingError(f"there is no job {job!r}", mend="`vfx-swap jobs list` shows those there are")
            return self._record(row)

    def page(
        self, *, owner: str | None, states: Sequence[JobState] = (), size: int = 50, before: str = ""
    ) -> tuple[tuple[JobRecord, ...], str]:
        """Jobs, newest first, and the id to go on from; empty when there are no more.

        Args:
            owner: whose; None: everybody's.
            states: of these states; empty: all.
            size: at most so many.
            before: the last id of the page before.

        Raises:
            JobMissingError: `before` names no job.
        """
        where, values = ["1 = 1"], list[Any]()
        if owner is not None:
            where, values = [*where, "owner = ?"], [*values, owner]
        if states:
            where, values = [*where, f"state IN ({', '.join('?' * len(states))})"], [*values, *states]
        if before:
            where, values = [*where, "(created, id) < (?, ?)"], [*values, self.get(before).created, before]
        text = f"SELECT * FROM jobs WHERE {' AND '.join(where)} ORDER BY created DESC, id DESC LIMIT ?"  # noqa: S608  # parts of ours
        with self._lock:
            rows = self._db.execute(text, (*values, size + 1)).fetchall()
            found = tuple(self._record(row) for row in rows[:size])
        return found, found[-1].id if len(rows) > size else ""

    def unfinished(self) -> tuple[JobRecord, ...]:
        """Jobs that have not ended, oldest first: what a server goes on with when it starts."""
        with self._lock:
            rows = self._db.execute("SELECT * FROM jobs ORDER BY created, id").fetchall()
            return tuple(self._record(row) for row in rows if row["state"] not in ENDED)

    def turn(
        self,
        job: str,
        state: JobState,
        *,
        error: bytes | None = None,
        result: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> None:
        """A job comes to another state, and an event says so."""
        kind = "finished" if state == "succeeded" else state
        with self._change():
            self._db.execute(
                "UPDATE jobs SET state = ?, error = ?, result = COALESCE(?, result) WHERE id = ?",
                (state, error, None if result is None else json.dumps(result, sort_keys=True), job),
            )
            self._event(job, kind, body or {}, error)

    def expect(self, job: str, frames: Iterable[int]) -> None:
        """The frames that a job is to render; those that stand already keep their state."""
        with self._change():
            self._db.executemany(
                "INSERT OR IGNORE INTO frames (job, frame, state) VALUES (?, ?, 'waiting')",
                [(job, number) for number in frames],
            )

    def waiting(self, job: str) -> tuple[int, ...]:
        """Frames not yet rendered, rising: those that failed are tried anew."""
        with self._lock:
            text = "SELECT frame FROM frames WHERE job = ? AND state IN ('waiting', 'failed') ORDER BY frame"
            return tuple(row["frame"] for row in self._db.execute(text, (job,)))

    def frames(self, job: str, state: FrameState) -> tuple[tuple[int, bytes | None], ...]:
        """Frames of one state, rising, with the google.rpc.Status of those that failed."""
        with self._lock:
            text = "SELECT frame, error FROM frames WHERE job = ? AND state = ? ORDER BY frame"
            return tuple((row["frame"], row["error"]) for row in self._db.execute(text, (job, state)))

    def frame(
        self,
        job: str,
        number: int,
        state: Literal["rendered", "skipped", "failed"],
        *,
        error: bytes | None = None,
        metrics: Mapping[str, Any] | None = None,
    ) -> None:
        """What became of a frame, and the event that says so.

        A frame that stands as rendered is not made skipped by a chunk that is tried again.
        """
        kind = {"rendered": "frame_done", "skipped": "frame_skipped", "failed": "frame_failed"}[state]
        with self._change():
            row = self._db.execute("SELECT state FROM frames WHERE job = ? AND frame = ?", (job, number)).fetchone()
            if row is not None and row["state"] == "rendered" and state == "skipped":
                return
            self._db.execute(
                "INSERT INTO frames (job, frame, state, error) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (job, frame) DO UPDATE SET state = excluded.state, error = excluded.error",
                (job, number, state, error),
            )
            counts = self._counts(job)
            total = sum(counts.values())
            body = {"frame": number, "done": total - counts.get("waiting", 0), "total": total}
            self._event(job, kind, {**body, **({"metrics": dict(metrics)} if metrics else {})}, error)

    def event(self, job: str, kind: str, body: Mapping[str, Any]) -> None:
        """Something that changes no state: a warning, a note."""
        with self._change():
            self._event(job, kind, body, None)

    def events(self, job: str, *, after: int, limit: int = 256) -> tuple[EventRecord, ...]:
        """Events after a number, in order, at most `limit`."""
        with self._lock:
            text = "SELECT * FROM events WHERE job = ? AND number > ? ORDER BY number LIMIT ?"
            return tuple(
                EventRecord(row["number"], row["at"], row["kind"], json.loads(row["body"]), row["error"])
                for row in self._db.execute(text, (job, after, limit))
            )

    def prune(self, *, before: float) -> int:
        """Forget jobs that ended before a time, seconds since 1970; how many."""
        with self._change():
            text = f"DELETE FROM jobs WHERE updated < ? AND state IN ({_MARKS})"  # noqa: S608
            return self._db.execute(text, (before, *sorted(ENDED))).rowcount

    def _event(self, job: str, kind: str, body: Mapping[str, Any], error: bytes | None) -> None:
        now = time.time()
        text = "UPDATE jobs SET last_event = last_event + 1, updated = ? WHERE id = ? RETURNING last_event"
        with closing(self._db.execute(text, (now, job))) as asked:
            row = asked.fetchone()
        if row is None:
            raise JobMissingError(f"there is no job {job!r}")
        self._db.execute(
            "INSERT INTO events (job, number, at, kind, body, error) VALUES (?, ?, ?, ?, ?, ?)",
            (job, row["last_event"], now, kind, json.dumps(body, sort_keys=True), error),
        )

    def _record(self, row: sqlite3.Row) -> JobRecord:
        return JobRecord(
            id=row["id"],
            owner=row["owner"],
            request_id=row["request_id"],
            request=JobRequest(**json.loads(row["request"])),
            state=row["state"],
            created=row["created"],
            updated=row["updated"],
            last_event=row["last_event"],
            error=row["error"],
            result=json.loads(row["result"]) if row["result"] else {},
            counts=self._counts(row["id"]),
        )

    def _counts(self, job: str) -> dict[FrameState, int]:
        text = "SELECT state, COUNT(*) AS count FROM frames WHERE job = ? GROUP BY state"
        return {row["state"]: row["count"] for row in self._db.execute(text, (job,))}

    def _change(self) -> _Change:
        return _Change(self._db, self._lock)


class _Change:
    """One transaction, in one thread at a time; within another it is part of that one."""

    def __init__(self, db: sqlite3.Connection, lock: threading.RLock) -> None:
        self._db = db
        self._lock = lock
        self._outer = False

    def __enter__(self) -> None:
        self._lock.acquire()
        try:
            self._outer = not self._db.in_transaction
            if self._outer:
                self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            self._lock.release()
            raise _named(error) from error

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        try:
            if self._outer and kind is None:
                self._db.execute("COMMIT")
            if isinstance(error, sqlite3.Error):
                raise _named(error) from error
        except sqlite3.Error as trouble:
            raise _named(trouble) from trouble
        finally:
            if self._outer and self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self._lock.release()


def _hold(path: Path) -> int:
    """The lock by which one server at a time has the jobs; the system lets go of it when the process ends, however.

    Raises:
        OutputError: another server has it.
    """
    held = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(held)
        mend = "Stop that one, or give this one a state folder of its own"
        raise OutputError("another server works with these jobs", where=path.parent, mend=mend) from error
    return held


def _named(error: sqlite3.Error) -> OutputError:
    full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    kind = DiskFullError if full else OutputError
    return kind(f"the jobs cannot be kept: {error}", mend="Make room, or check the server's state folder")
