"""Every call goes through here: who asks is found, the role is asked for, errors are told, the log gets its line.

The door is an interceptor of grpc.aio. It makes one behaviour of each kind of handler, in which the handler's own runs:

    id and trace -> who -> role -> streams of this client -> the handler -> errors as rich status -> log and metrics

A message that does not read is refused here as well, after who sent it is known. A client that takes no answer for
`limits.stall_seconds` is sent away: what it does not read lies in memory that others wait for.

A client that sends a stream is told at once that it was let in, by `x-request-id` in the initial metadata. It waits for
that before it writes: grpc.aio's client that writes into a call which is being refused now and then reports its own
`INTERNAL` in place of the server's status.

A stream that is open when its token is removed or runs out is ended: live streams are asked again every few seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn, TypeAlias
from urllib.parse import unquote

import grpc
from google.protobuf.message import DecodeError

from vfx_swap.errors import BusyError, ProtocolError, VfxSwapError
from vfx_swap.service.access import UNGUARDED, require_role
from vfx_swap.service.access_control import AccessControl
from vfx_swap.service.calls import Call, Credential, entered, request_id
from vfx_swap.service.codec import Malformed
from vfx_swap.service.metrics import Metrics
from vfx_swap.service.status import error_to_status
from vfx_swap.service.tracing import server_span

__all__ = ["Door"]

_LOG = logging.getLogger(__name__)
Behaviour: TypeAlias = Callable[[Any, Any], Any]  # Any: messages and gRPC's contexts, which have no annotations
RECHECK_SECONDS = 5.0
"""How long a stream may outlive its token."""
MOST_UNNAMED = 64
"""Streams of health that may be open at once, of all who watch it."""
_NOBODY = "(health)"
"""Under which they are counted; no name of an access file begins so."""
_STATUS_KEY = "grpc-status-details-bin"
"""Where clients look for a google.rpc.Status."""


class Door(grpc.aio.ServerInterceptor):  # type: ignore[misc, unused-ignore]  # gRPC has no annotations
    """Lets calls in.

    Args:
        access: knows who is who.
        metrics: where calls and refusals are counted.
        streams_per_client: most streams that one who is named may have open.
        stall_seconds: how long an answer of a stream may wait to be taken.
        recheck_seconds: how often live streams are asked again who they belong to.
    """

    def __init__(
        self,
        *,
        access: AccessControl,
        metrics: Metrics,
        streams_per_client: int,
        stall_seconds: float = 300.0,
        recheck_seconds: float = RECHECK_SECONDS,
    ) -> None:
        self._access = access
        self._metrics = metrics
        self._most = streams_per_client
        self._stall_seconds = stall_seconds
        self._recheck_seconds = recheck_seconds
        self._streams: Counter[str] = Counter()
        self._live: set[Call] = set()
        self._watch: asyncio.Task[None] | None = None

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any) -> Any:
        """The handler behind the door; None where there is none, which gRPC answers by itself."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        method = str(handler_call_details.method)
        behaviour, make = {
            (False, False): (handler.unary_unary, grpc.unary_unary_rpc_method_handler),
            (True, False): (handler.stream_unary, grpc.stream_unary_rpc_method_handler),
            (False, True): (handler.unary_stream, grpc.unary_stream_rpc_method_handler),
            (True, True): (handler.stream_stream, grpc.stream_stream_rpc_method_handler),
        }[bool(handler.request_streaming), bool(handler.response_streaming)]
        answers = self._many if handler.response_streaming else _one
        streams = bool(handler.request_streaming or handler.response_streaming)

        async def within(request: Any, context: Any) -> Any:
            async def body(call: Call) -> Any:
                if handler.request_streaming:
                    await context.send_initial_metadata((("x-request-id", call.id),))
                    return await answers(behaviour, _WellFormed(request), context)
                return await answers(behaviour, _well_formed(request), context)

            return await self._through(method, context, body, streams=streams)

        return make(within, _reader(handler.request_deserializer), handler.response_serializer)

    async def _through(
        self, method: str, context: Any, body: Callable[[Call], Awaitable[Any]], *, streams: bool
    ) -> Any:  # Any: a message
        metadata = [(str(key), value) for key, value in context.invocation_metadata() or ()]
        call = _call_of(method, metadata, context)
        entered(call)
        started, outcome = time.perf_counter(), "OK"
        why: VfxSwapError | None = None
        try:
            with server_span(call, metadata):
                await self._let_in(call)
                async with self._counted(call, streams=streams):
                    context.set_trailing_metadata((("x-request-id", call.id),))
                    return await body(call)
        except grpc.aio.AbortError:
            outcome = _name_of(context.code())
            raise
        except NotImplementedError:  # of generated code: a method that we do not offer
            outcome = "UNIMPLEMENTED"
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, f"this server has no {method}")
        except asyncio.CancelledError:
            outcome = "CANCELLED"
            if call.refusal is None:
                raise
            outcome, why = call.refusal.grpc_status, call.refusal
            await self._refuse(context, call, call.refusal)
        except VfxSwapError as error:
            outcome, why = error.grpc_status, error
            await self._refuse(context, call, error)
        except Exception as error:  # noqa: BLE001  # the last line of defence: told to the caller, traceback to the log
            outcome = "INTERNAL"
            _LOG.exception("%s: this should not happen", method)
            await self._refuse(context, call, error)
        finally:
            self._note(call, outcome, why, seconds=time.perf_counter() - started)

    async def _let_in(self, call: Call) -> None:
        if call.method in UNGUARDED:
            return
        call.who = await self._access.who(call.credential)
        call.named = self._access.named
        require_role(call.who, method=call.method)

    @contextlib.asynccontextmanager
    async def _counted(self, call: Call, *, streams: bool) -> AsyncIterator[None]:
        """Hold one of the client's streams; where nobody has a name there is nobody to count. Those who watch health
        without a name share a count of their own: they must not use up the calls of others.
        """
        if not streams or (call.who is not None and not call.named):
            yield
            return
        name, most = (_NOBODY, MOST_UNNAMED) if call.who is None else (call.who.name, self._most)
        if self._streams[name] >= most:
            what = f"{name!r} has {most} streams open, which is the most"
            raise BusyError(what, retry_seconds=5.0, mend="Close one, or raise limits.streams_per_client")
        self._streams[name] += 1
        if call.who is not None:
            call.task = asyncio.current_task()
            self._live.add(call)
            if self._watch is None or self._watch.done():
                self._watch = asyncio.create_task(self._ask_again())
        try:
            yield
        finally:
            self._live.discard(call)
            self._streams[name] -= 1
            if not self._streams[name]:
                del self._streams[name]

    async def _ask_again(self) -> None:
        """End the streams whose token or role is gone; runs while there are streams."""
        while self._live:
            await asyncio.sleep(self._recheck_seconds)
            for call in tuple(self._live):
                try:
                    require_role(await self._access.who(call.credential), method=call.method)
                except VfxSwapError as error:
                    if call in self._live and call.task is not None:
                        call.refusal = error
                        call.task.cancel()

    async def _many(self, behaviour: Behaviour, request: Any, context: Any) -> None:
        """Writes what a generator yields, so that all of it runs in this task, its end included."""
        answers = behaviour(request, context)
        if inspect.isawaitable(answers):  # writes by itself, such as health's Watch
            answers = await answers
        if not hasattr(answers, "__aiter__"):
            return
        async with contextlib.aclosing(answers):
            async for one in answers:
                try:
                    async with asyncio.timeout(self._stall_seconds):
                        await context.write(one)
                except TimeoutError as error:
                    what = f"no answer was taken for {self._stall_seconds:g} seconds"
                    mend = "Open the stream anew, and read answers as they come"
                    raise BusyError(what, retry_seconds=1.0, mend=mend) from error

    async def _refuse(self, context: Any, call: Call, error: Exception) -> NoReturn:
        self._metrics.refused(error)
        status = error_to_status(error)
        await context.abort(
            _code(status.code),
            status.message,
            trailing_metadata=((_STATUS_KEY, status.SerializeToString()), ("x-request-id", call.id)),
        )
        raise AssertionError("abort raises")  # pragma: no cover

    def _note(self, call: Call, outcome: str, why: VfxSwapError | None, *, seconds: float) -> None:
        self._metrics.call(method=call.method, status=outcome, seconds=seconds)
        quiet = call.method in UNGUARDED and outcome == "OK"  # asked every few seconds, for months
        level = logging.DEBUG if quiet else logging.INFO if outcome in {"OK", "CANCELLED"} else logging.WARNING
        fields: dict[str, object] = {"method": call.method, "peer": call.peer, "status": outcome}
        fields["seconds"] = round(seconds, 6)
        if why is not None:
            fields |= {"reason": type(why).__name__, "why": why.what, "where": why.where}
        _LOG.log(level, "%s %s", call.method.rpartition("/")[2], outcome, extra={"fields": fields})


async def _one(behaviour: Behaviour, request: Any, context: Any) -> Any:
    answer = behaviour(request, context)
    return await answer if inspect.isawaitable(answer) else answer


class _WellFormed:
    """A client's messages; the first that is none is raised.

    Args:
        messages: as `_reader` reads them.
    """

    def __init__(self, messages: Any) -> None:
        self._messages = aiter(messages)

    def __aiter__(self) -> _WellFormed:
        return self

    async def __anext__(self) -> Any:  # Any: a message
        return _well_formed(await anext(self._messages))


def _well_formed(message: Any) -> Any:
    if isinstance(message, Malformed):
        raise message.error
    return message


def _reader(read: Callable[[bytes], Any] | None) -> Callable[[bytes], Any] | None:
    """Reads as gRPC would, but gives what cannot be read to the handler: gRPC answers UNKNOWN and tells nobody."""

    def reads(raw: bytes) -> Any:
        try:
            return read(raw) if read is not None else raw
        except DecodeError as error:
            return Malformed(ProtocolError(str(error)[:200], mend="Send messages of this server's protos"))

    return None if read is None else reads


def _call_of(method: str, metadata: list[tuple[str, Any]], context: Any) -> Call:
    def texts(key: str) -> list[str]:
        return [value for name, value in metadata if name == key and isinstance(value, str)]

    shown = context.auth_context()
    kinds = ("x509_subject_alternative_name", "x509_common_name")
    names = [value.decode("utf-8", errors="replace") for kind in kinds for value in shown.get(kind, ())]
    credential = Credential(tuple(texts("authorization")), tuple(dict.fromkeys(names)))
    identifier = request_id(next(iter(texts("x-request-id")), None))
    peer = unquote(str(context.peer()))  # gRPC writes the brackets of IPv6 as %5B and %5D
    return Call(id=identifier, method=method, peer=peer, credential=credential)


def _code(number: int) -> grpc.StatusCode:
    return next(code for code in grpc.StatusCode if code.value[0] == number)


def _name_of(code: object) -> str:
    """A status code that gRPC gives as its enum or as a number."""
    if isinstance(code, int):
        code = _code(code)
    return str(getattr(code, "name", code))
