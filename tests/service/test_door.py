"""Every refusal with its reason, over a real server: unknown, expired, wrong role, too many streams, revoked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.service.doorway import (
    FRAMES,
    HANDLERS,
    LOAD,
    SUBMIT,
    TODAY,
    UPLOAD,
    WATCH,
    Doorway,
    bearer,
    control,
    error_of,
    run,
)
from vfx_swap.errors import (
    BusyError,
    RoleError,
    UnauthenticatedError,
    VfxSwapError,
)
from vfx_swap.service.access_file import add_token, remove_token
from vfx_swap.service.calls import Credential


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "access.toml"


async def call_all(channel: Any, metadata: Any) -> dict[str, list[bytes] | VfxSwapError]:
    """What every method answers, of each of the four kinds."""

    async def one(answer: Awaitable[bytes]) -> list[bytes]:
        return [await answer]

    async def many(answers: AsyncIterator[bytes]) -> list[bytes]:
        return [answer async for answer in answers]

    async def connected(call: Any) -> Any:
        if "x-request-id" not in dict(await call.initial_metadata()):
            return call  # refused: writing could hide why
        for one in (b"a", b"b"):
            await call.write(one)
        await call.done_writing()
        return call

    async def exchanged(call: Any) -> list[bytes]:
        return await many(await connected(call))

    async def uploaded(call: Any) -> list[bytes]:
        return await one(await connected(call))

    kinds: dict[str, Callable[[], Awaitable[list[bytes]]]] = {
        SUBMIT: lambda: one(channel.unary_unary(SUBMIT)(b"x", metadata=metadata)),
        LOAD: lambda: one(channel.unary_unary(LOAD)(b"x", metadata=metadata)),
        WATCH: lambda: many(channel.unary_stream(WATCH)(b"x", metadata=metadata)),
        FRAMES: lambda: exchanged(channel.stream_stream(FRAMES)(metadata=metadata)),
        UPLOAD: lambda: uploaded(channel.stream_unary(UPLOAD)(metadata=metadata)),
    }
    found: dict[str, list[bytes] | VfxSwapError] = {}
    for method, ask in kinds.items():
        try:
            found[method] = await ask()
        except grpc.aio.AioRpcError as failure:
            error = found[method] = error_of(failure)
            if failure.code().name != error.grpc_status:
                pytest.fail(f"{method}: {failure.code()} and {error.grpc_status}")
    return found


def refusals(served: Doorway) -> dict[str, float]:
    """Reasons that were counted."""
    text = served.metrics.page()[0].decode()
    rows = [line.split(" ") for line in text.splitlines() if line.startswith("vfx_swap_refusals_total")]
    return {row[0].split('"')[1]: float(row[1]) for row in rows}


def test_without_an_access_file_everyone_may_do_everything() -> None:
    found = run(lambda served, channel: call_all(channel, ()), control(None))
    assert found == {
        SUBMIT: [b"local x"],
        LOAD: [b"local x"],
        WATCH: [b"local 0", b"local 1", b"local 2"],
        FRAMES: [b"local a", b"local b"],
        UPLOAD: [b"localab"],
    }


def test_an_admin_s_token_opens_all_four_kinds_of_call(file: Path) -> None:
    token = add_token(file, name="boss", roles=["admin"], today=TODAY)
    found = run(lambda served, channel: call_all(channel, bearer(token)), control(file))
    assert found[FRAMES] == [b"boss a", b"boss b"]
    assert found[UPLOAD] == [b"bossab"]
    assert len([answers for answers in found.values() if isinstance(answers, list)]) == 5


def test_a_role_opens_its_methods_and_no_others(file: Path) -> None:
    token = add_token(file, name="comp", roles=["render"], today=TODAY)

    async def work(served: Doorway, channel: Any) -> Any:
        return await call_all(channel, bearer(token)), refusals(served)

    found, counted = run(work, control(file))
    refused = {method: error for method, error in found.items() if isinstance(error, VfxSwapError)}
    assert set(refused) == {LOAD, UPLOAD}
    assert all(isinstance(error, RoleError) for error in refused.values())
    assert refused[LOAD].what == "'comp' may not call LoadModel: it asks for the role admin"
    assert "render, watch" in (refused[LOAD].mend or "")
    assert counted == {"Role": 2.0}


@pytest.mark.parametrize(
    ("metadata", "says"),
    [
        ((), "no token was sent"),
        ((("authorization", "Bearer vfxs_" + "A" * 43),), "the token is not known here"),
        ((("authorization", "Bearer "),), "is not `Bearer TOKEN`"),
        ((("authorization", "Basic abc"),), "is not `Bearer TOKEN`"),
        ((("authorization", "Bearer " + "A" * 5000),), "is not `Bearer TOKEN`"),
        ((("authorization", "Bearer a"), ("authorization", "Bearer b")), "more than one"),
    ],
)
def test_who_is_not_known_is_refused_everywhere(file: Path, metadata: Any, says: str) -> None:
    add_token(file, name="comp", roles=["admin"], today=TODAY)

    async def work(served: Doorway, channel: Any) -> Any:
        return await call_all(channel, metadata), refusals(served)

    found, counted = run(work, control(file))
    assert len(found) == 5
    for error in found.values():
        assert isinstance(error, UnauthenticatedError)
        assert says in error.what
    assert counted == {"Unauthenticated": 5.0}


def test_an_expired_token_is_refused_by_its_name_and_day(file: Path) -> None:
    token = add_token(file, name="comp", roles=["admin"], today=TODAY, expires=date(2026, 11, 30))

    def ask(today: date) -> Any:
        return run(lambda served, channel: call_all(channel, bearer(token)), control(file, today))

    assert ask(date(2026, 11, 30))[SUBMIT] == [b"comp x"]
    assert str(ask(date(2026, 12, 1))[SUBMIT]).startswith("the token of 'comp' expired on 2026-11-30")


def test_health_is_open_and_nothing_else(file: Path) -> None:
    add_token(file, name="comp", roles=["admin"], today=TODAY)

    async def work(served: Doorway, channel: Any) -> Any:
        stub = health_pb2_grpc.HealthStub(channel)
        checked = await stub.Check(health_pb2.HealthCheckRequest())
        watching = stub.Watch(health_pb2.HealthCheckRequest())
        first = await watching.read()
        watching.cancel()
        with pytest.raises(grpc.aio.AioRpcError) as strange:
            await channel.unary_unary("/vfx_swap.v1.ShotService/NoSuchMethod")(b"")
        return checked.status, first.status, strange.value.code()

    serving = health_pb2.HealthCheckResponse.SERVING
    assert run(work, control(file)) == (serving, serving, grpc.StatusCode.UNIMPLEMENTED)


def test_who_watches_health_does_not_use_up_the_calls_of_others(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vfx_swap.service.door.MOST_UNNAMED", 2)
    token = add_token(file, name="comp", roles=["render"], today=TODAY)

    async def work(served: Doorway, channel: Any) -> tuple[Any, bytes]:
        stub = health_pb2_grpc.HealthStub(channel)
        watching = [stub.Watch(health_pb2.HealthCheckRequest()) for _ in range(2)]
        for one in watching:
            await one.read()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Watch(health_pb2.HealthCheckRequest()).read()
        await stub.Check(health_pb2.HealthCheckRequest())
        return error_of(caught.value), bytes(await channel.unary_unary(SUBMIT)(b"x", metadata=bearer(token)))

    error, answer = run(work, control(file))
    assert isinstance(error, BusyError)
    assert answer == b"comp x"


def test_a_method_that_stands_in_no_table_is_refused_to_the_admin_too(file: Path) -> None:
    token = add_token(file, name="boss", roles=["admin"], today=TODAY)
    method = "/vfx_swap.v1.NewService/Forgotten"

    async def work(served: Doorway, channel: Any) -> None:
        await channel.unary_unary(method)(b"", metadata=bearer(token))

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        run(work, control(file), {method: HANDLERS[SUBMIT]})
    assert isinstance(error_of(caught.value), RoleError)


def test_tokens_are_changed_while_the_server_runs(file: Path) -> None:
    first = add_token(file, name="first", roles=["render"], today=TODAY)

    async def work(served: Doorway, channel: Any) -> list[bytes | str]:
        async def ask(token: str) -> bytes | str:
            try:
                return bytes(await channel.unary_unary(SUBMIT)(b"x", metadata=bearer(token)))
            except grpc.aio.AioRpcError as failure:
                return error_of(failure).what

        found = [await ask(first)]
        second = add_token(file, name="second", roles=["render"], today=TODAY)
        found += [await ask(first), await ask(second)]
        remove_token(file, name="first")
        found += [await ask(first), await ask(second)]
        await asyncio.to_thread(file.write_text, "not an access file")
        found += [await ask(second)]
        await asyncio.to_thread(file.unlink)
        found += [await ask(second)]
        return found

    gone = "the token is not known here"
    assert run(work, control(file)) == [
        b"first x", b"first x", b"second x", gone, b"second x", b"second x", b"second x"
    ]  # fmt: skip


def test_a_stream_ends_when_its_token_is_taken_out(file: Path) -> None:
    token = add_token(file, name="comp", roles=["render"], today=TODAY)
    other = add_token(file, name="other", roles=["render"], today=TODAY)

    async def work(served: Doorway, channel: Any) -> tuple[Any, bytes]:
        stream = channel.stream_stream(FRAMES)(metadata=bearer(token))
        kept = channel.stream_stream(FRAMES)(metadata=bearer(other))
        for one in (stream, kept):
            await one.write(b"1")
            await one.read()
        remove_token(file, name="comp")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stream.read()
        await kept.write(b"2")
        return error_of(caught.value), bytes(await kept.read())

    error, answer = run(work, control(file))
    assert isinstance(error, UnauthenticatedError)
    assert answer == b"other 2"


def test_one_client_s_streams_are_counted_and_another_s_are_not_touched(file: Path) -> None:
    tokens = [add_token(file, name=name, roles=["render"], today=TODAY) for name in ("a", "b")]

    async def work(served: Doorway, channel: Any) -> tuple[Any, bytes, bytes]:
        async def opened(token: str) -> Any:
            stream = channel.stream_stream(FRAMES)(metadata=bearer(token))
            if "x-request-id" in dict(await stream.initial_metadata()):
                await stream.write(b"1")
            return stream, bytes(await stream.read())

        first, _ = await opened(tokens[0])
        await opened(tokens[0])
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await opened(tokens[0])
        _, answer = await opened(tokens[1])
        await first.done_writing()
        assert await first.read() == grpc.aio.EOF
        return error_of(caught.value), answer, (await opened(tokens[0]))[1]

    error, answer, again = run(work, control(file), streams_per_client=2)
    assert isinstance(error, BusyError)
    assert error.retry_seconds == 5.0
    assert (answer, again) == (b"b 1", b"a 1")


def test_a_credential_does_not_print_its_token() -> None:
    assert "secret" not in repr(Credential(("Bearer secret",), ()))
