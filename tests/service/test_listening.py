"""Sockets: whose they are, and that two servers never share one unawares."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from vfx_swap.errors import CannotRunError
from vfx_swap.service.addresses import Address
from vfx_swap.service.listening import bind, server_options
from vfx_swap.service.private_folder import is_private, make_private
from vfx_swap.service.settings import Limits, ServerSettings


def settings(*listen: str, limits: Limits | None = None) -> ServerSettings:
    return ServerSettings(state="/nowhere", listen=listen, limits=limits or Limits())


def serving(found: ServerSettings, work: Callable[[tuple[Address, ...]], Any]) -> Any:
    """What `work`, a coroutine function, says of a server that listens so."""

    async def body() -> Any:
        server = grpc.aio.server(options=server_options(found))
        servicer = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
        try:
            bound = bind(server, settings=found)
            await server.start()
            async with asyncio.timeout(30):
                return await work(bound)
        finally:
            await server.stop(0)

    return asyncio.run(body())


async def check(address: object, service: str = "") -> str:
    async with grpc.aio.insecure_channel(str(address)) as channel:
        request = health_pb2.HealthCheckRequest(service=service)
        try:
            await health_pb2_grpc.HealthStub(channel).Check(request, timeout=20)
        except grpc.aio.AioRpcError as failure:
            return str(failure.code().name)
        return "OK"


def test_a_unix_socket_is_its_owner_s_alone(tmp_path: Path) -> None:
    path = tmp_path / "run/deep/server.sock"

    async def work(bound: tuple[Address, ...]) -> str:
        return await check(bound[0])

    async def modes(bound: tuple[Address, ...]) -> list[int]:
        return await asyncio.to_thread(lambda: [stat.S_IMODE(one.stat().st_mode) for one in (path, path.parent)])

    assert serving(settings(f"unix:{path}"), work) == "OK"
    assert serving(settings(f"unix:{path}"), modes) == [0o600, 0o700]


def test_several_addresses_and_a_free_port(tmp_path: Path) -> None:
    async def work(bound: tuple[Address, ...]) -> list[str]:
        assert bound[0].port != 0
        return [await check(address) for address in bound]

    assert serving(settings("127.0.0.1:0", f"unix:{tmp_path}/run/s"), work) == ["OK", "OK"]


def test_a_running_server_s_socket_is_not_taken_and_a_dead_one_s_is(tmp_path: Path) -> None:
    found = settings(f"unix:{tmp_path}/run/s")

    async def second(bound: tuple[Address, ...]) -> str:
        other = grpc.aio.server()
        with pytest.raises(CannotRunError, match="another server listens there"):
            bind(other, settings=found)
        await other.stop(0)
        return await check(bound[0])

    assert serving(found, second) == "OK"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(f"{tmp_path}/run/s")
    assert serving(found, lambda bound: check(bound[0])) == "OK"


def test_a_taken_port_is_named_with_its_reason() -> None:
    async def second(bound: tuple[Address, ...]) -> str:
        other = grpc.aio.server(options=server_options(settings("127.0.0.1:0")))
        with pytest.raises(CannotRunError, match="cannot listen: Address already in use"):
            bind(other, settings=settings(str(bound[0])))
        await other.stop(0)
        return await check(bound[0])

    assert serving(settings("127.0.0.1:0"), second) == "OK"


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_a_folder_that_others_may_enter_is_refused(tmp_path: Path, mode: int) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run").chmod(mode)
    with pytest.raises(CannotRunError, match="mode 0700"):
        serving(settings(f"unix:{tmp_path}/run/s"), lambda bound: check(bound[0]))


def test_private_folders(tmp_path: Path) -> None:
    before = os.umask(0o777)
    try:
        make_private(tmp_path / "a")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    make_private(tmp_path / "a")
    make_private(tmp_path / "deep/er/b")
    assert is_private(tmp_path / "deep/er/b")
    (tmp_path / "a").chmod(0o710)
    with pytest.raises(CannotRunError, match="mode 0700"):
        make_private(tmp_path / "a")
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotRunError):
        make_private(tmp_path / "file")
    with pytest.raises(CannotRunError, match="cannot make"):
        make_private(tmp_path / "file/below")


def test_a_file_in_the_socket_s_place_stays(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "s").write_text("precious")
    with pytest.raises(CannotRunError, match="is no socket"):
        serving(settings(f"unix:{tmp_path}/s"), lambda bound: check(bound[0]))
    assert (tmp_path / "s").read_text() == "precious"


def test_no_plain_text_off_this_machine() -> None:
    with pytest.raises(CannotRunError, match="it is not encrypted"):
        serving(settings("0.0.0.0:0"), lambda bound: check(bound[0]))


def test_messages_over_the_limit_are_refused() -> None:
    async def work(bound: tuple[Address, ...]) -> list[str]:
        return [await check(bound[0], "x" * size) for size in (1 << 20, (1 << 20) + 65536)]

    assert serving(settings("127.0.0.1:0"), work) == ["NOT_FOUND", "RESOURCE_EXHAUSTED"]


def test_one_connection_holds_so_many_calls_and_others_go_on() -> None:
    async def work(bound: tuple[Address, ...]) -> bool:
        request = health_pb2.HealthCheckRequest()
        own = [("grpc.use_local_subchannel_pool", 1)]  # else channels to one address share a connection
        async with grpc.aio.insecure_channel(str(bound[0]), options=own) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            held = [stub.Watch(request) for _ in range(2)]
            for one in held:
                await one.read()
            third = asyncio.ensure_future(stub.Check(request))
            assert await check(bound[0]) == "OK", "another connection"
            waited = not third.done()
            held[0].cancel()
            await third
            return waited

    assert serving(settings("127.0.0.1:0", limits=Limits(calls=2)), work)
