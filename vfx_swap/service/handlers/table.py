"""Kinds of tasks, and what does them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeAlias

from vfx_swap.errors import DeviceMemoryError, ProtocolError, VfxSwapError
from vfx_swap.pipeline.shot import Tools
from vfx_swap.pipeline.warm import WarmTools
from vfx_swap.service.handlers.device_memory import with_memory
from vfx_swap.service.handlers.frames import (
    close_frames,
    frames_at_once,
    open_frames,
    reopen_frames,
    swap_frames,
)
from vfx_swap.service.handlers.held import Held
from vfx_swap.service.handlers.identities import identity
from vfx_swap.service.handlers.models import describe, load, unload
from vfx_swap.service.handlers.parsing import parse
from vfx_swap.service.handlers.shots import analyse, render
from vfx_swap.service.link import Message
from vfx_swap.service.worker import Work
from vfx_swap.types import SwapResult

__all__ = ["WorkerHandlers", "open_handlers"]

Single: TypeAlias = Callable[[Held, Work], Message]
SINGLE: Mapping[str, Single] = MappingProxyType(
    {
        "analyse": analyse,
        "close": close_frames,
        "describe": describe,
        "identity": identity,
        "load": load,
        "open": open_frames,
        "parse": parse,
        "render": render,
        "swap": swap_frames,
        "unload": unload,
    }
)
"""Kinds that are done one task at a time."""


class WorkerHandlers:
    """What a worker can do (protocol `worker.Handlers`).

    Args:
        device: `cpu` or `cuda:N`.
        tools: of renders; tests bring quick ones.
    """

    def __init__(self, device: str, *, tools: Tools = Tools()) -> None:
        def swap_frame(*given: Any, **named: Any) -> SwapResult:
            return with_memory(
                lambda: tools.swap_frame(*given, **named), let_go=self._held.let_go, device=self._held.device
            )

        self._held = Held(device=device, warm=WarmTools(replace(tools, swap_frame=swap_frame)))

    def run(self, works: Sequence[Work]) -> list[Message | BaseException]:
        """As `Handlers.run`."""
        kind = works[0].kind
        single = SINGLE.get(kind)
        if single is None:
            raise ProtocolError(f"no worker does {kind!r}")

        def done(work: Work) -> Message | BaseException:
            try:
                return single(self._held, work)
            except VfxSwapError as error:
                return error

        side_by_side = frames_at_once(self._held, works) if kind == "swap" else 1
        if side_by_side == 1:
            return [done(work) for work in works]
        with ThreadPoolExecutor(side_by_side, "vfx-swap-swap") as pool:
            answers = list(pool.map(done, works))
        # Side by side they need more of the device than alone: those that did not fit are done one after the other.
        return [done(work) if _lacked_memory(answer) else answer for work, answer in zip(works, answers, strict=True)]

    def reopen(self, affinity: str, body: Message) -> None:
        """As `Handlers.reopen`."""
        reopen_frames(self._held, affinity, body)

    def unload(self, model: str) -> None:
        """As `Handlers.unload`."""
        self._held.unload(model)

    def holds(self) -> dict[str, int]:
        """As `Handlers.holds`."""
        return self._held.warm.holds

    def tidy(self) -> None:
        """As `Handlers.tidy`: shared memory that the front has deleted is free when all have let go of it."""
        self._held.files.forget()

    def close(self) -> None:
        """As `Handlers.close`."""
        self._held.close()


def _lacked_memory(answer: Message | BaseException) -> bool:
    """Whether a `swap` task ended for lack of the device's memory; its frames say so, each by itself."""
    frames = answer.get("frames", ()) if isinstance(answer, dict) else ()
    return any(one.get("error", {}).get("kind") == DeviceMemoryError.__name__ for one in frames)


def open_handlers(device: str) -> WorkerHandlers:
    """The handlers of a device.

    Raises:
        DeviceError: the device is not there.
        UsageError: it is no device.
    """
    from vfx_swap.models.devices import open_kernels

    open_kernels(device)  # a worker without its device comes up for nothing
    return WorkerHandlers(device)
