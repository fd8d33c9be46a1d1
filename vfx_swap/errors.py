"""Every error that vfx-swap raises on purpose, in one tree.

    VfxSwapError                  base; never raised itself
    ├── UsageError                the caller asked for something that cannot be           INVALID_ARGUMENT    exit 2
    │   ├── FrameRangeError       a frame range that does not parse or is empty
    │   ├── SettingsError         a shot file or setting: every problem at once
    │   ├── ProtocolError         a message that does not say what its place asks for
    │   ├── LimitError            a message, frame or stream larger than a server takes       OUT_OF_RANGE
    │   ├── JobMissingError       a server knows no such job                                  NOT_FOUND
    │   └── RequestConflictError  a request id that was used for other work                   ALREADY_EXISTS
    ├── InputError                a file or picture given is not fit                      FAILED_PRECONDITION exit 2
    │   ├── MissingInputError     it does not exist                                       NOT_FOUND
    │   ├── UnreadableImageError  it exists but is truncated, empty or of a wrong type    DATA_LOSS
    │   ├── UnsupportedImageError it reads, but holds what we cannot carry through        UNIMPLEMENTED
    │   ├── ColourSpaceError      a colour space or config that does not exist
    │   ├── TracksError           a tracks file that is malformed or of another plate
    │   ├── IdentityError         an identity pack or reference that is unusable
    │   └── NoFaceError           a picture in which no face was found
    ├── RefusedError              we could, but must not                                  PERMISSION_DENIED   exit 3
    │   ├── ConsentMissingError   no consent record
    │   ├── ConsentExpiredError   before its first or past its last valid day
    │   ├── ConsentScopeError     the use is outside what was consented to
    │   ├── ConsentSignatureError a record not signed as it must be, or changed since
    │   ├── ConsentRevokedError   a record that was revoked
    │   ├── UnauthenticatedError  a server does not know who asks                         UNAUTHENTICATED
    │   ├── RoleError             who asks may not do this
    │   └── PathRefusedError      a path outside the folders a server works in
    ├── CannotRunError            this machine cannot do it                               UNAVAILABLE         exit 4
    │   ├── ModelMissingError     a model file is not found                               NOT_FOUND
    │   ├── ModelMismatchError    a model file is not what its card says                  FAILED_PRECONDITION
    │   ├── DeviceError           the device or provider asked for is not there
    │   ├── DeviceMemoryError     the device's memory is not enough                       RESOURCE_EXHAUSTED
    │   ├── ServerUnreachableError no server answers there
    │   ├── BusyError             a server's queue is full: later                         RESOURCE_EXHAUSTED
    │   ├── DeadlineError         the time given was not enough                           DEADLINE_EXCEEDED
    │   └── WorkerDiedError       the process that did the work died, twice               INTERNAL
    ├── OutputError               a result could not be written                           INTERNAL            exit 1
    │   └── DiskFullError         the disk is full                                        RESOURCE_EXHAUSTED
    ├── VerificationError         a file is not what was signed or put on record          DATA_LOSS           exit 1
    ├── FramesFailedError         some frames failed, each named; the rest are written    ABORTED             exit 1
    └── CancelledError            stopped by who asked for it; what is written stays      CANCELLED           exit 130

Every error says what happened, with the value, `where` (a path, a frame, a key and line) and how to
`mend` it. Errors of libraries below never leak: they are raised `from` and named here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "BusyError",
    "CancelledError",
    "CannotRunError",
    "ColourSpaceError",
    "ConsentExpiredError",
    "ConsentMissingError",
    "ConsentRevokedError",
    "ConsentScopeError",
    "ConsentSignatureError",
    "DeadlineError",
    "DeviceError",
    "DeviceMemoryError",
    "DiskFullError",
    "FrameFailure",
    "FrameRangeError",
    "FramesFailedError",
    "IdentityError",
    "InputError",
    "JobMissingError",
    "LimitError",
    "MissingInputError",
    "ModelMismatchError",
    "ModelMissingError",
    "NoFaceError",
    "OutputError",
    "PathRefusedError",
    "Problem",
    "ProtocolError",
    "RefusedError",
    "RequestConflictError",
    "RoleError",
    "ServerUnreachableError",
    "SettingsError",
    "TracksError",
    "UnauthenticatedError",
    "UnreadableImageError",
    "UnsupportedImageError",
    "UsageError",
    "VerificationError",
    "VfxSwapError",
    "WorkerDiedError",
]


class VfxSwapError(Exception):
    """Base of all errors raised on purpose.

    Attributes:
        what: what happened, with the value, as a sentence without a full stop.
        where: the path, frame or key it happened at, or None.
        mend: what the reader can do, or None.
    """

    grpc_status: str = "UNKNOWN"
    exit_code: int = 2

    def __init__(self, what: str, *, where: object = None, mend: str | None = None) -> None:
        self.what = what
        self.where = None if where is None else str(where)
        self.mend = mend
        super().__init__(what)

    def __str__(self) -> str:
        text = self.what if self.where is None else f"{self.where}: {self.what}"
        return text if self.mend is None else f"{text}. {self.mend}"


class UsageError(VfxSwapError):
    """The caller asked for something that cannot be."""

    grpc_status = "INVALID_ARGUMENT"
    exit_code = 2


class FrameRangeError(UsageError):
    """A frame range that does not parse, is empty or holds frames that do not exist."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a settings file."""

    key: str
    """Dotted key, such as `lighting.tint` or `cast[0].identity`; empty for the file as a whole."""
    what: str
    mend: str | None = None
    line: int | None = None
    """1-based line in the file, where it is known."""

    def __str__(self) -> str:
        at = "" if self.line is None else f"line {self.line}: "
        key = f"{self.key}: " if self.key else ""
        return f"{at}{key}{self.what}" + ("" if self.mend is None else f". {self.mend}")


class SettingsError(UsageError):
    """A shot file or a set of settings is wrong; `problems` holds every fault found."""

    def __init__(self, problems: Sequence[Problem], *, where: object = None) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        lines = "".join(f"\n  {problem}" for problem in self.problems)
        super().__init__(f"{count} problem{'s' if count != 1 else ''}:{lines}", where=where)


class ProtocolError(UsageError):
    """A message that is malformed, or that does not say what its place asks for."""


class LimitError(UsageError):
    """A message, frame, stream or job larger than a server takes."""

    grpc_status = "OUT_OF_RANGE"


class JobMissingError(UsageError):
    """A server knows no job of that id, or none that who asks may see."""

    grpc_status = "NOT_FOUND"


class RequestConflictError(UsageError):
    """A request id that was used before, for other work."""

    grpc_status = "ALREADY_EXISTS"


class InputError(VfxSwapError):
    """A file or picture that was given is not fit for the work."""

    grpc_status = "FAILED_PRECONDITION"
    exit_code = 2


class MissingInputError(InputError):
    """A file that was given does not exist."""

    grpc_status = "NOT_FOUND"


class UnreadableImageError(InputError):
    """A picture exists but cannot be decoded: truncated, empty, or not a picture."""

    grpc_status = "DATA_LOSS"


class UnsupportedImageError(InputError):
    """A picture decodes but holds something that cannot be carried through (deep data, mip levels)."""

    grpc_status = "UNIMPLEMENTED"


class ColourSpaceError(InputError):
    """A colour space or an OCIO config that does not exist or cannot convert."""


class TracksError(InputError):
    """A tracks file that is malformed, or made for another plate."""


class IdentityError(InputError):
    """An identity pack or a reference photograph that is unusable."""


class NoFaceError(InputError):
    """A picture in which no face was found where one is needed."""


class RefusedError(VfxSwapError):
    """The work could be done, but must not be."""

    grpc_status = "PERMISSION_DENIED"
    exit_code = 3


class ConsentMissingError(RefusedError):
    """An identity without a consent record."""


class ConsentExpiredError(RefusedError):
    """A consent record used before its first or past its last valid day."""


class ConsentScopeError(RefusedError):
    """A use outside what the consent record allows."""


class ConsentSignatureError(RefusedError):
    """A consent record that is not signed by who must sign it, or that was changed since."""


class ConsentRevokedError(RefusedError):
    """A consent record that was revoked, or a revocation list that cannot be gone by."""


class UnauthenticatedError(RefusedError):
    """A server does not know who asks: no token or certificate, or one that is wrong or expired."""

    grpc_status = "UNAUTHENTICATED"


class RoleError(RefusedError):
    """Who asks is known, and may not do this."""


class PathRefusedError(RefusedError):
    """A path outside the folders that a server works in."""


class CannotRunError(VfxSwapError):
    """This machine cannot do the work."""

    grpc_status = "UNAVAILABLE"
    exit_code = 4


class ModelMissingError(CannotRunError):
    """A model file is not found."""

    grpc_status = "NOT_FOUND"


class ModelMismatchError(CannotRunError):
    """A model file is not what its card says: digest, graph signature or keys differ."""

    grpc_status = "FAILED_PRECONDITION"


class DeviceError(CannotRunError):
    """The device or execution provider that was asked for is not there."""


class DeviceMemoryError(CannotRunError):
    """The device's memory is not enough, even for one frame at a time."""

    grpc_status = "RESOURCE_EXHAUSTED"


class ServerUnreachableError(CannotRunError):
    """No server answers at that address, or it went away."""


class BusyError(CannotRunError):
    """A server's queue is full; nothing was begun.

    Attributes:
        retry_seconds: when to try again.
    """

    grpc_status = "RESOURCE_EXHAUSTED"

    def __init__(self, what: str, *, retry_seconds: float = 1.0, where: object = None, mend: str | None = None) -> None:
        self.retry_seconds = retry_seconds
        super().__init__(what, where=where, mend=mend)


class DeadlineError(CannotRunError):
    """The time that the caller gave was not enough."""

    grpc_status = "DEADLINE_EXCEEDED"


class WorkerDiedError(CannotRunError):
    """The process that did the work died, and did so again when the work was tried once more."""

    grpc_status = "INTERNAL"


class OutputError(VfxSwapError):
    """A result could not be written."""

    grpc_status = "INTERNAL"
    exit_code = 1


class DiskFullError(OutputError):
    """The disk a result is written to is full."""

    grpc_status = "RESOURCE_EXHAUSTED"


class VerificationError(VfxSwapError):
    """A file is not what was signed, or a ledger not what was put on record."""

    grpc_status = "DATA_LOSS"
    exit_code = 1


@dataclass(frozen=True)
class FrameFailure:
    """One frame that failed, and why."""

    frame: int
    reason: str


class FramesFailedError(VfxSwapError):
    """Some frames of a shot failed; the others are written. `failures` names each."""

    grpc_status = "ABORTED"
    exit_code = 1

    def __init__(self, failures: Sequence[FrameFailure], *, where: object = None, mend: str | None = None) -> None:
        self.failures = tuple(failures)
        count = len(self.failures)
        lines = "".join(f"\n  frame {failure.frame}: {failure.reason}" for failure in self.failures)
        super().__init__(f"{count} frame{'s' if count != 1 else ''} failed:{lines}", where=where, mend=mend)


class CancelledError(VfxSwapError):
    """The work was stopped by who asked for it (Ctrl-C, SIGTERM, a job's cancel); what is written stays."""

    grpc_status = "CANCELLED"
    exit_code = 130
