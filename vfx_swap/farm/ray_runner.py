"""Chunks on a Ray cluster: one actor a GPU, or a CPU, that stays warm; only paths and lines of text are sent.

Ray places actors and notices when a node is gone; what is then done stands in `pool`. A cluster that is given runs
as its owner set it up. One that is started here asks for a token made for it: Ray listens on all interfaces.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any

from vfx_swap import __version__
from vfx_swap.errors import (
    CancelledError,
    CannotRunError,
    DeviceError,
    ServerUnreachableError,
    UsageError,
    WorkerDiedError,
)
from vfx_swap.farm.chunks import Chunk, ChunkEvent, FarmJob
from vfx_swap.farm.lines import Line
from vfx_swap.farm.pool import run_in_slots
from vfx_swap.farm.ray_actor import ChunkActor
from vfx_swap.farm.request import ChunkRequest
from vfx_swap.farm.warm import WarmRenderer
from vfx_swap.pipeline.progress import Cancelled, never_cancelled
from vfx_swap.pipeline.shot import RENDER_REVISION

__all__ = ["RayRunner", "open_ray"]

MEND = "Install it with scripts/setup --farm"
NAMESPACE = "vfx-swap"
PATIENCE_SECONDS = 600.0
"""How long a worker may wait for its place: clusters that grow by themselves take minutes."""
POLL_SECONDS = 0.25


@contextmanager
def open_ray(
    *,
    address: str | None = None,
    workers: int | None = None,
    device: str = "cpu",
    open_renderer: Callable[[], WarmRenderer] = WarmRenderer,
) -> Iterator[RayRunner]:
    """Connect to a cluster, or start one of this machine, for the time of the block.

    Args:
        address: of the cluster's head, `HOST:PORT`; None: one is started here, and ended with the block.
        workers: at most so many; None: one for every GPU, on `cpu` one for every CPU of the cluster.
        device: `cpu`, or `cuda` or `auto`, for which each worker gets a GPU where the cluster has any.
        open_renderer: makes a worker's renderer, on its node.

    Raises:
        CannotRunError: Ray is not installed.
        ServerUnreachableError: no cluster answers there.
        DeviceError: `cuda` was asked for and the cluster has no GPU.
        UsageError: the device names one GPU of many: which one a worker gets is Ray's to say.
    """
    if device not in ("cpu", "cuda", "auto"):
        raise UsageError(f"on a cluster the device is cpu, cuda or auto, got {device!r}", mend="Say --device cuda")
    with _environment(own=address is None), _quiet():
        try:
            import ray
        except ImportError as error:
            raise CannotRunError("Ray is not installed", mend=MEND) from error
        _connect(ray, address, workers)
        try:
            resources = ray.cluster_resources()
            gpus, cpus = int(resources.get("GPU", 0)), int(resources.get("CPU", 0))
            if device == "cuda" and not gpus:
                raise DeviceError("no node of the cluster has a GPU", where=address, mend="Say --device cpu")
            on_gpu = device != "cpu" and gpus > 0
            places = gpus if on_gpu else max(1, cpus)
            actor = ray.remote(num_cpus=1, num_gpus=int(on_gpu), max_restarts=0, max_concurrency=2)(ChunkActor)
            yield RayRunner(
                workers=min(places, workers or places), device=device, start=lambda: actor.remote(open_renderer)
            )
        finally:
            ray.shutdown()


@contextmanager
def _environment(*, own: bool) -> Iterator[None]:
    """What Ray reads before it starts: no statistics to its makers; a token for a cluster of our own.

    What the user set stays. Of someone's cluster only they know whether it asks for a token.
    """
    wanted = {"RAY_USAGE_STATS_ENABLED": "0"}
    if own:
        wanted |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    new = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(new)
    try:
        yield
    finally:
        for name in new:
            os.environ.pop(name, None)


@contextmanager
def _quiet() -> Iterator[None]:
    """Ray prints what its nodes say to stdout, where programs read ours. It stands in Ray's own logs as well."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        yield


def _connect(ray: Any, address: str | None, workers: int | None) -> None:  # Any: Ray's module, an extra
    where = {"include_dashboard": False, "num_cpus": workers} if address is None else {"address": address}
    try:
        ray.init(namespace=NAMESPACE, log_to_driver=False, configure_logging=False, **where)
    except Exception as error:  # Ray's own, gRPC's and RuntimeError: they share no base class
        what = f"no Ray cluster: {str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__}"
        mend = "Check the address, and that RAY_AUTH_TOKEN is the cluster's" if address else None
        raise ServerUnreachableError(what, where=address, mend=mend) from error


class RayRunner:
    """A `ChunkRunner` on a cluster. Made by `open_ray`."""

    def __init__(self, *, workers: int, device: str, start: Callable[[], Any]) -> None:
        """
        Args:
            workers: how many actors.
            device: of their renders.
            start: asks the cluster for an actor. Any: Ray's handle.
        """
        self.workers = workers
        self._device = device
        self._start = start

    def run(self, job: FarmJob, *, cancelled: Cancelled = never_cancelled) -> Iterator[ChunkEvent]:
        """As `ChunkRunner.run`."""

        def open_slot(index: int, over: Cancelled) -> _Actor:
            return self._open(index, over)

        return run_in_slots(job, slots=min(self.workers, len(job.chunks)), open_slot=open_slot, cancelled=cancelled)

    def _open(self, index: int, over: Cancelled) -> _Actor:
        """An actor, once its node has started it.

        Raises:
            CancelledError: it is not needed any more.
            ServerUnreachableError: there was no place for it.
            WorkerDiedError: it does not start.
            UsageError: its node has another version.
        """
        import ray

        actor = self._start()
        ready, began = actor.hello.remote(), time.monotonic()
        try:
            while not ray.wait([ready], timeout=POLL_SECONDS)[0]:
                if over():
                    raise CancelledError("a worker was not needed any more")
                if time.monotonic() - began > PATIENCE_SECONDS:
                    what = f"the cluster had no place for worker {index + 1} in {PATIENCE_SECONDS:.0f} s"
                    raise ServerUnreachableError(what, mend="Look at `ray status`")
            hello = ray.get(ready)
            theirs, ours = (hello["version"], hello["revision"]), (__version__, RENDER_REVISION)
            if theirs != ours:
                what = f"this node has vfx-swap {theirs[0]} (render {theirs[1]}), here it is {ours[0]} ({ours[1]})"
                raise UsageError(what, where=hello["host"], mend="Install one version on all: their bits differ")
        except ray.exceptions.RayError as error:
            raise WorkerDiedError(f"a worker does not start: {_first_line(error)}") from error
        except BaseException:
            ray.kill(actor)
            raise
        return _Actor(f"{hello['host']}:{hello['pid']}", actor, self._device)


class _Actor:
    """A `Slot` on a cluster."""

    def __init__(self, name: str, actor: Any, device: str) -> None:  # Any: Ray's handle
        self.name = name
        self._actor = actor
        self._device = device

    def run(self, job: FarmJob, chunk: Chunk) -> Iterator[Line]:
        """As `Slot.run`."""
        import ray

        request = ChunkRequest(str(job.shot), chunk.frames, self._device, job.options.overwrite)
        try:
            for line in self._actor.run.options(num_returns="streaming").remote(request):
                yield ray.get(line)
        except ray.exceptions.RayError as error:
            raise WorkerDiedError(f"the worker was lost: {_first_line(error)}", where=self.name) from error

    def stop(self) -> None:
        """As `Slot.stop`."""
        with suppress(Exception):  # a dead one has stopped
            self._actor.stop.remote()

    def close(self) -> None:
        """As `Slot.close`."""
        import ray

        with suppress(Exception):  # a dead one is closed
            ray.kill(self._actor)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
