"""What a call is behind the door: its errors, its name, its id, its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.service.doorway import (
    LOAD,
    SUBMIT,
    TODAY,
    WATCH,
    Doorway,
    bearer,
    control,
    error_of,
    run,
)
from vfx_swap.errors import (
    ConsentExpiredError,
    PathRefusedError,
)
from vfx_swap.service.access_file import add_token
from vfx_swap.service.calls import current_call, current_who


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "access.toml"


def test_errors_of_handlers_reach_the_client_whole_and_are_counted() -> None:
    async def expired(request: bytes, context: Any) -> bytes:
        raise ConsentExpiredError("the consent of 'lead' ended", where="lead.identity", mend="Ask again")

    async def half(request: bytes, context: Any) -> AsyncIterator[bytes]:
        yield b"one"
        raise PathRefusedError("it lies outside")

    async def broken(request: bytes, context: Any) -> bytes:
        raise KeyError("oh")

    handlers = {
        SUBMIT: grpc.unary_unary_rpc_method_handler(expired),
        WATCH: grpc.unary_stream_rpc_method_handler(half),
        LOAD: grpc.unary_unary_rpc_method_handler(broken),
    }

    async def work(served: Doorway, channel: Any) -> Any:
        with pytest.raises(grpc.aio.AioRpcError) as first:
            await channel.unary_unary(SUBMIT)(b"")
        stream = channel.unary_stream(WATCH)(b"")
        assert await stream.read() == b"one"
        with pytest.raises(grpc.aio.AioRpcError) as second:
            await stream.read()
        with pytest.raises(grpc.aio.AioRpcError) as third:
            await channel.unary_unary(LOAD)(b"")
        return first.value, second.value, third.value, served.metrics.page()[0].decode()

    first, second, third, page = run(work, control(None), handlers)
    assert str(error_of(first)) == "lead.identity: the consent of 'lead' ended. Ask again"
    assert isinstance(error_of(second), PathRefusedError)
    assert (third.code(), "KeyError" in third.details()) == (grpc.StatusCode.INTERNAL, True)
    assert 'vfx_swap_consent_denials_total{reason="ConsentExpired"} 1.0' in page
    assert 'vfx_swap_refusals_total{reason="PathRefused"} 1.0' in page
    assert f'vfx_swap_calls_total{{method="{SUBMIT}",status="PERMISSION_DENIED"}} 1.0' in page


def test_calls_do_not_see_each_other_s_names(file: Path) -> None:
    tokens = {name: add_token(file, name=name, roles=["render"], today=TODAY) for name in ("a", "b", "c")}

    async def slow(request: bytes, context: Any) -> bytes:
        await asyncio.sleep(0.001)
        return f"{current_who().name} {await asyncio.to_thread(lambda: current_who().name)}".encode()

    async def work(served: Doorway, channel: Any) -> list[tuple[str, bytes]]:
        async def ask(name: str) -> tuple[str, bytes]:
            return name, bytes(await channel.unary_unary(SUBMIT)(b"", metadata=bearer(tokens[name])))

        return list(await asyncio.gather(*(ask(name) for name in "abcabcabc")))

    found = run(work, control(file), {SUBMIT: grpc.unary_unary_rpc_method_handler(slow)})
    assert found == [(name, f"{name} {name}".encode()) for name in "abcabcabc"]


def test_request_ids_are_the_client_s_where_good_and_come_back() -> None:
    async def identify(request: bytes, context: Any) -> bytes:
        call = current_call()
        assert call is not None
        return call.id.encode()

    async def work(served: Doorway, channel: Any) -> list[tuple[str, str]]:
        found = []
        for given in ("job-17.a_b", "x" * 65, 'a"b', " "):
            call = channel.unary_unary(SUBMIT)(b"", metadata=(("x-request-id", given),))
            found.append(((await call).decode(), dict(await call.trailing_metadata())["x-request-id"]))
        return found

    found = run(work, control(None), {SUBMIT: grpc.unary_unary_rpc_method_handler(identify)})
    assert found[0] == ("job-17.a_b", "job-17.a_b")
    assert all(inside == outside and len(inside) == 32 and inside.isalnum() for inside, outside in found[1:])


def test_a_client_that_goes_away_ends_its_handler() -> None:
    ended: list[str] = []

    async def forever(request: bytes, context: Any) -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 1000
                await asyncio.sleep(0.001)
        finally:
            ended.append(current_who().name)

    async def work(served: Doorway, channel: Any) -> None:
        stream = channel.unary_stream(WATCH)(b"")
        await stream.read()
        stream.cancel()
        while not ended:  # noqa: ASYNC110  bounded by the timeout around
            await asyncio.sleep(0.001)

    run(work, control(None), {WATCH: grpc.unary_stream_rpc_method_handler(forever)})
    assert ended == ["local"]
