"""The log: one object a line with the call's id and name, no secret in it; traces that go on."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import socket
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.service.doorway import doorway
from vfx_swap.service.access import Who
from vfx_swap.service.access_control import AccessControl
from vfx_swap.service.access_file import add_token
from vfx_swap.service.calls import Call, current_call, entered
from vfx_swap.service.link import Link
from vfx_swap.service.logs import logging_to, struck_out
from vfx_swap.service.settings import Log
from vfx_swap.service.tracing import continued, server_span, trace_headers
from vfx_swap.service.worker import Work, _Worker

SUBMIT = "/vfx_swap.v1.ShotService/SubmitShot"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TOKEN = "vfxs_" + "Ab1-_" * 8 + "xyz"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_line_is_one_object_whatever_is_said() -> None:
    out = io.StringIO()
    with logging_to(out, settings=Log()):
        logging.getLogger("vfx_swap.service.x").info(
            "a\nb %s", "é\udce9", extra={"fields": {"path": Path("a/b"), "n": 3}}
        )
        try:
            raise ValueError(f"no good: {TOKEN}")
        except ValueError:
            logging.getLogger("vfx_swap.service.x").exception("oh")
    assert out.getvalue().isascii()
    first, second = lines(out.getvalue())
    assert (first["message"], first["path"], first["n"]) == ("a\nb é\udce9", "a/b", 3)
    assert (first["level"], first["logger"]) == ("info", "vfx_swap.service.x")
    assert first["time"].endswith("+00:00")
    assert "ValueError: no good: [token]" in second["error"]


@pytest.mark.parametrize(
    ("form", "stream", "is_json"),
    [("auto", io.StringIO, True), ("auto", Terminal, False), ("json", Terminal, True), ("text", io.StringIO, False)],
)
def test_text_on_a_terminal_and_json_elsewhere(form: Any, stream: type[io.StringIO], is_json: bool) -> None:
    out = stream()
    with logging_to(out, settings=Log(format=form)):
        logging.getLogger("vfx_swap.x").warning("hello \x1b[31m", extra={"fields": {"a": 1}})
    assert out.getvalue().startswith("{") == is_json
    if not is_json:
        assert out.getvalue().rstrip("\n").endswith("warning hello \\x1b[31m a=1")


def test_the_level_is_the_least_that_is_written_and_the_handler_goes() -> None:
    out = io.StringIO()
    logger = logging.getLogger("vfx_swap.x")
    with logging_to(out, settings=Log(level="warning")) as handler:
        logger.info("no")
        logger.warning("yes")
    logger.warning("later")
    assert [line["message"] for line in lines(out.getvalue())] == ["yes"]
    assert handler not in logging.getLogger("vfx_swap").handlers


@pytest.mark.parametrize(
    "text",
    [
        TOKEN,
        f"authorization: Bearer {TOKEN}",
        f"('authorization', 'bearer {TOKEN}')",
        f"x{TOKEN}",
        f"-----BEGIN EC PRIVATE KEY-----\n{TOKEN[5:]}\n-----END EC PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY-----\n{TOKEN[5:]}",
        f"Authorization=BEARER {TOKEN[5:]}",
    ],
)
def test_secrets_are_struck_out(text: str) -> None:
    assert TOKEN[5:] not in struck_out(f"before {text} after")
    assert struck_out(f"before {text}").startswith("before ")


def test_words_that_are_no_secrets_stay() -> None:
    for text in ("the token of 'comp' expired on 2026-11-30", "vfxs_short", "bears", "the bearer: nobody"):
        assert struck_out(text) == text


def test_no_token_is_ever_logged(tmp_path: Path) -> None:
    """Good, wrong and malformed tokens, handlers that log all they get and fail with it."""
    file = tmp_path / "access.toml"
    token = add_token(file, name="comp", roles=["render"], today=date(2026, 11, 20))
    wrong = "vfxs_" + "W" * 43
    odd = "SomethingElseAltogether"

    async def careless(request: bytes, context: Any) -> bytes:
        logging.getLogger("vfx_swap.service.careless").info("got %s", context.invocation_metadata())
        raise RuntimeError(f"metadata was {context.invocation_metadata()}")

    async def body() -> None:
        handlers = {SUBMIT: grpc.unary_unary_rpc_method_handler(careless)}
        async with (
            asyncio.timeout(30),
            doorway(AccessControl(file), handlers) as served,
            grpc.aio.insecure_channel(f"127.0.0.1:{served.port}") as channel,
        ):
            for given in (f"Bearer {token}", f"Bearer {wrong}", f"Bearer  {wrong}", f"Bearer {odd}", token):
                with pytest.raises(grpc.aio.AioRpcError):
                    await channel.unary_unary(SUBMIT)(b"", metadata=(("authorization", given),))

    out = io.StringIO()
    with logging_to(out, settings=Log(level="debug")):
        asyncio.run(body())
    text = out.getvalue()
    assert "metadata was" in text
    assert text.count('"status": "UNAUTHENTICATED"') == 4
    for secret in (token, wrong, odd):
        assert secret.removeprefix("vfxs_") not in text


def test_a_call_s_lines_hold_its_id_its_name_and_its_trace(tmp_path: Path) -> None:
    file = tmp_path / "access.toml"
    token = add_token(file, name="comp", roles=["render"], today=date(2026, 11, 20))
    seen: list[dict[str, str]] = []

    async def work(request: bytes, context: Any) -> bytes:
        logger = logging.getLogger("vfx_swap.service.work")
        await asyncio.to_thread(logger.info, "in a thread")
        call = current_call()
        assert call is not None
        seen.append(dict(call.trace))
        return b""

    async def body() -> None:
        handlers = {SUBMIT: grpc.unary_unary_rpc_method_handler(work)}
        async with (
            asyncio.timeout(30),
            doorway(AccessControl(file), handlers) as served,
            grpc.aio.insecure_channel(f"127.0.0.1:{served.port}") as channel,
        ):
            sent = {"x-request-id": "req-1", "traceparent": PARENT, "tracestate": "a=b"}
            metadata = (("authorization", f"Bearer {token}"), *sent.items())
            await channel.unary_unary(SUBMIT)(b"", metadata=metadata)

    out = io.StringIO()
    with logging_to(out, settings=Log()):
        asyncio.run(body())
    inside, ended = lines(out.getvalue())
    for line in (inside, ended):
        assert (line["request_id"], line["who"], line["traceparent"]) == ("req-1", "comp", PARENT)
    assert (ended["method"], ended["status"]) == (SUBMIT, "OK")
    assert ended["seconds"] >= 0
    assert ended["peer"].startswith("ipv4:127.0.0.1:")
    assert seen == [{"traceparent": PARENT, "tracestate": "a=b"}]


def test_a_trace_goes_on_in_a_worker() -> None:
    with continued({"traceparent": PARENT}, name="render"):
        assert trace_headers() == {"traceparent": PARENT}
    assert trace_headers() == {}


def test_a_worker_s_tasks_are_below_the_call_that_asked() -> None:
    seen: list[dict[str, str]] = []

    class Noting:
        def run(self, works: Sequence[Work]) -> list[Any]:
            seen.append(trace_headers())
            return [{} for _ in works]

    ours, theirs = socket.socketpair()
    with ours, theirs:
        worker = _Worker(Link(ours), Noting(), device="cpu", index=0)  # type: ignore[arg-type]  # a part of handlers
        for trace in ({"trace": {"traceparent": PARENT}}, {}, {"trace": "junk"}):
            work = Work("a", "render", {"shot": {}, **trace}, lambda event: None, lambda: False)
            assert worker._answers({}, [work]) == [{}]
    assert seen == [{"traceparent": PARENT}, {}, {}]


@pytest.mark.parametrize("parent", ["", "junk", "00-" + "0" * 32 + "-b7ad6b7169203331-01", b"\x00"])
def test_a_trace_that_is_none_is_left_out(parent: Any) -> None:
    call = Call(id="x", method=SUBMIT, peer="")
    with server_span(call, [("traceparent", parent)]):
        assert call.trace == {}


def test_outside_of_calls_lines_have_no_call() -> None:
    async def within() -> None:
        entered(Call(id="req-2", method=SUBMIT, peer="", who=Who.of("a", ["watch"])))
        logging.getLogger("vfx_swap.x").info("in")

    out = io.StringIO()
    with logging_to(out, settings=Log()):
        asyncio.run(within())
        logging.getLogger("vfx_swap.x").info("out")
    inside, outside = lines(out.getvalue())
    assert (inside["request_id"], inside["who"]) == ("req-2", "a")
    assert not {"request_id", "who"} & set(outside)
