"""The call that is being answered: its id, who asks, its trace. Known to all that runs for it, threads included."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field

from vfx_swap.errors import UnauthenticatedError, VfxSwapError
from vfx_swap.service.access import Who

__all__ = ["Call", "Credential", "current_call", "current_who", "entered", "request_id"]

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_CURRENT: ContextVar[Call | None] = ContextVar("vfx_swap_call", default=None)


@dataclass(frozen=True)
class Credential:
    """What a client showed. Never printed: it may hold a token."""

    authorization: tuple[str, ...] = field(default=(), repr=False)
    """Values of the metadata key."""
    names: tuple[str, ...] = ()
    """Of its certificate."""


@dataclass(eq=False)
class Call:
    """One call of one method."""

    id: str
    """The client's `x-request-id` where it sent a good one, else made here. Stands in every line of the log."""
    method: str
    """As gRPC names it: `/vfx_swap.v1.ShotService/SubmitShot`."""
    peer: str
    """Address of the client, as gRPC has it."""
    credential: Credential = Credential()
    who: Who | None = None
    """None until it is known."""
    named: bool = False
    """Whether `who` stands in an access file; else everyone is the same `local`."""
    trace: Mapping[str, str] = field(default_factory=dict)
    """W3C trace context to pass on: `traceparent`, `tracestate`."""
    task: asyncio.Task[object] | None = None
    refusal: VfxSwapError | None = None
    """Why it was ended by the server, when it was."""

    @property
    def client(self) -> str:
        """Whose turn it is, for fairness: the name, or the connection where nobody is named."""
        return self.who.name if self.named and self.who is not None else self.peer


def request_id(given: str | None) -> str:
    """A client's request id where it is one, else a new one: nothing a client wrote goes into logs unchecked."""
    return given if given is not None and _ID.fullmatch(given) else uuid.uuid4().hex


def entered(call: Call) -> None:
    """Make it the current call of this task and all that it starts. A task answers one call and ends with it."""
    _CURRENT.set(call)


def current_call() -> Call | None:
    """The call that is being answered; None outside of one."""
    return _CURRENT.get()


def current_who() -> Who:
    """Who asks.

    Raises:
        UnauthenticatedError: there is no call, or nobody was let in yet.
    """
    call = _CURRENT.get()
    if call is None or call.who is None:
        raise UnauthenticatedError("nobody is known to ask")
    return call.who
