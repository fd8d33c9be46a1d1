"""A real grpc.aio server behind the door, with handlers that are tests' own, on loopback."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from vfx_swap.errors import VfxSwapError
from vfx_swap.service import wire
from vfx_swap.service.access_control import AccessControl
from vfx_swap.service.calls import current_call
from vfx_swap.service.door import Door
from vfx_swap.service.metrics import Metrics
from vfx_swap.service.status import error_from_status

__all__ = ["Doorway", "doorway", "error_of"]

Handlers = Mapping[str, Any]


@dataclass
class Doorway:
    """A server that runs."""

    port: int
    metrics: Metrics
    door: Door


@contextlib.asynccontextmanager
async def doorway(
    access: AccessControl,
    handlers: Handlers,
    *,
    credentials: Any = None,
    streams_per_client: int = 4,
    recheck_seconds: float = 0.01,
) -> AsyncIterator[Doorway]:
    """Serve handlers under methods' full names, and health."""
    metrics = Metrics()
    door = Door(access=access, metrics=metrics, streams_per_client=streams_per_client, recheck_seconds=recheck_seconds)
    server = grpc.aio.server(interceptors=[door])
    for method, handler in handlers.items():
        service, _, name = method.lstrip("/").partition("/")
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {name: handler}),))
    servicer = health.aio.HealthServicer()
    await servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    try:
        yield Doorway(port, metrics, door)
    finally:
        await server.stop(0)


def error_of(failure: Any) -> VfxSwapError:
    """The error of ours that a client's RpcError carries."""
    sent = dict(failure.trailing_metadata())
    return error_from_status(wire.status.Status.FromString(sent["grpc-status-details-bin"]))


def who_answers() -> Callable[[bytes, Any], Any]:
    """A behaviour that says who asks."""

    async def answer(request: bytes, context: Any) -> bytes:
        call = current_call()
        assert call is not None
        assert call.who is not None
        return f"{call.who.name} {request.decode()}".encode()

    return answer
