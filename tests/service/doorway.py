"""A real grpc.aio server behind the door, with handlers that are tests' own, on loopback."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from vfx_swap.errors import VfxSwapError
from vfx_swap.service import wire
from vfx_swap.service.access_control import AccessControl
from vfx_swap.service.calls import current_who
from vfx_swap.service.door import Door
from vfx_swap.service.metrics import Metrics
from vfx_swap.service.status import error_from_status

__all__ = [
    "FRAMES",
    "HANDLERS",
    "LOAD",
    "LONG",
    "SUBMIT",
    "TODAY",
    "UPLOAD",
    "WATCH",
    "Doorway",
    "bearer",
    "control",
    "doorway",
    "error_of",
    "run",
]

Handlers = Mapping[str, Any]
TODAY = date(2026, 11, 20)
SUBMIT = "/vfx_swap.v1.ShotService/SubmitShot"
WATCH = "/vfx_swap.v1.ShotService/WatchJob"
LOAD = "/vfx_swap.v1.ModelService/LoadModel"
FRAMES = "/vfx_swap.v1.FrameService/ProcessFrames"
UPLOAD = "/vfx_swap.v1.IdentityService/CreateIdentity"
LONG = 20.0
"""Seconds after which a test that hangs fails."""


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


def control(file: Path | None, today: date = TODAY) -> AccessControl:
    return AccessControl(file, check_seconds=0.0, today=lambda: today)


async def say_who(request: bytes, context: Any) -> bytes:
    return current_who().name.encode() + b" " + request


async def say_who_often(request: bytes, context: Any) -> AsyncIterator[bytes]:
    for index in range(3):
        yield f"{current_who().name} {index}".encode()


async def echo(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
    async for one in requests:
        yield current_who().name.encode() + b" " + one


async def gather(requests: AsyncIterator[bytes], context: Any) -> bytes:
    return current_who().name.encode() + b"".join([one async for one in requests])


HANDLERS = {
    SUBMIT: grpc.unary_unary_rpc_method_handler(say_who),
    LOAD: grpc.unary_unary_rpc_method_handler(say_who),
    WATCH: grpc.unary_stream_rpc_method_handler(say_who_often),
    FRAMES: grpc.stream_stream_rpc_method_handler(echo),
    UPLOAD: grpc.stream_unary_rpc_method_handler(gather),
}


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


def run(
    work: Callable[[Doorway, Any], Awaitable[Any]], access: AccessControl, handlers: Any = None, **given: Any
) -> Any:
    async def body() -> Any:
        async with (
            asyncio.timeout(LONG),
            doorway(access, handlers or HANDLERS, **given) as served,
            grpc.aio.insecure_channel(f"127.0.0.1:{served.port}") as channel,
        ):
            return await work(served, channel)

    return asyncio.run(body())
