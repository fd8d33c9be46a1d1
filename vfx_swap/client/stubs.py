"""The services as a client calls them: over a channel, or in this process without one.

Both have the same face, the generated stubs': `stubs.shots.SubmitShot(request)` is awaited, a stream is iterated. So
the client is written once.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Mapping
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any

from vfx_swap.client.pixel_stubs import frame_stub, parse_stub, track_stub
from vfx_swap.errors import CancelledError
from vfx_swap.service import wire

__all__ = ["InProcessStub", "Stubs"]


@dataclass(frozen=True, eq=False)
class Stubs:
    """One stub for each service."""

    shots: Any
    frames: Any
    track: Any
    parse: Any
    identities: Any
    models: Any
    server: Any
    operations: Any

    @classmethod
    def of_channel(cls, channel: Any) -> Stubs:
        """Over a `grpc.aio` channel."""
        return cls(
            shots=wire.shots_grpc.ShotServiceStub(channel),
            frames=frame_stub(channel),
            track=track_stub(channel),
            parse=parse_stub(channel),
            identities=wire.identities_grpc.IdentityServiceStub(channel),
            models=wire.models_grpc.ModelServiceStub(channel),
            server=wire.server_grpc.ServerServiceStub(channel),
            operations=wire.operations_grpc.OperationsStub(channel),
        )

    @classmethod
    def of_servicers(cls, servicers: Mapping[str, Any]) -> Stubs:
        """In this process.

        Args:
            servicers: by the names of this class's fields.
        """
        return cls(**{name: InProcessStub(servicers.get(name)) for name in cls.__dataclass_fields__})


class InProcessStub:
    """Calls a servicer as its stub would, without a wire: what it raises comes out as it is."""

    def __init__(self, servicer: Any) -> None:
        self._servicer = servicer

    def __getattr__(self, method: str) -> Any:
        """A call of a method; metadata and timeouts have no meaning here."""
        behaviour = getattr(self._servicer, method)

        def call(request: Any, **_: Any) -> Any:
            given = _stream(request) if hasattr(request, "__aiter__") or inspect.isgenerator(request) else request
            return behaviour(given, _Call())

        return call


async def _stream(requests: Any) -> AsyncIterator[Any]:
    if hasattr(requests, "__aiter__"):
        async for one in requests:
            yield one
    else:
        for one in requests:
            yield one


class _Call:
    """What a servicer may ask of its call."""

    def __init__(self) -> None:
        self.context: Context = copy_context()

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        """None: nothing was sent."""
        return ()

    def time_remaining(self) -> float | None:
        """None: there is no deadline."""
        return None

    def cancelled(self) -> bool:
        """Whether the caller has gone; in one process it cannot."""
        return False

    def add_done_callback(self, callback: Any) -> None:
        """Never called: the call ends where the caller's own code ends."""

    def peer(self) -> str:
        """Who calls."""
        return "in-process"

    async def abort(self, code: Any, details: str = "", **_: Any) -> None:
        """End the call."""
        raise CancelledError(details or str(code))
