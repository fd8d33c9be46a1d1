"""Calls tried again where that can help: with patience that grows, and no longer than is worth it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import grpc
from grpc_status import rpc_status

from vfx_swap.errors import BusyError, ServerUnreachableError, VfxSwapError
from vfx_swap.service.status import error_from_status, status_of_code

__all__ = ["Patience", "called", "error_of_call", "is_worth_retrying"]

Value = TypeVar("Value")


@dataclass(frozen=True)
class Patience:
    """How often and how long: exponential back-off with full jitter.

    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    tries: int = 6
    first_seconds: float = 0.2
    longest_seconds: float = 10.0
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep, repr=False)
    random: Callable[[], float] = field(default=random.random, repr=False)

    def wait_seconds(self, attempt: int, error: VfxSwapError) -> float:
        """Before the next try; what a busy server asks for is the least.

        Args:
            attempt: tries made, from 1.
            error: how the last one ended.
        """
        most = min(self.longest_seconds, self.first_seconds * 2.0 ** (attempt - 1))
        asked = error.retry_seconds if isinstance(error, BusyError) else 0.0
        return asked + most * self.random()


def is_worth_retrying(error: VfxSwapError) -> bool:
    """Whether the same call may go well later: the server was away or busy, and nothing was begun."""
    return isinstance(error, BusyError | ServerUnreachableError)


async def called(call: Callable[[], Awaitable[Value]], *, patience: Patience) -> Value:
    """The answer of a call that can be made twice.

    Raises:
        VfxSwapError: what it ended with the last time.
    """
    attempt = 0
    while True:
        attempt += 1
        try:
            return await call()
        except grpc.aio.AioRpcError as failed:
            error: VfxSwapError = error_of_call(failed)
            if attempt >= patience.tries or not is_worth_retrying(error):
                raise error from failed
        except VfxSwapError as told:
            if attempt >= patience.tries or not is_worth_retrying(told):
                raise
            error = told
        await patience.sleep(patience.wait_seconds(attempt, error))


def error_of_call(failed: Any) -> VfxSwapError:
    """What a call that failed says, as one of our errors."""
    status = rpc_status.from_call(failed)
    if status is not None:
        return error_from_status(status)
    code = failed.code().name
    mend = "Is it running? `vfx-swap serve` starts one; check the address, and TLS" if code == "UNAVAILABLE" else None
    return status_of_code(code, failed.details() or "", mend=mend)
