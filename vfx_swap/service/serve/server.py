"""The server: sockets, the door, the servicers behind it, and how it goes up and down.

Down, on SIGTERM: health says NOT_SERVING, jobs are left where they are once their frames in hand are written, calls
that are open have the grace time to end, workers go. The next start goes on with the jobs.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from vfx_swap import __version__
from vfx_swap.errors import VfxSwapError
from vfx_swap.pipeline.today import local_today
from vfx_swap.service import wire
from vfx_swap.service.access_control import AccessControl
from vfx_swap.service.addresses import Address
from vfx_swap.service.admission import Places
from vfx_swap.service.calls import current_who
from vfx_swap.service.door import Door
from vfx_swap.service.listening import bind, server_options
from vfx_swap.service.logs import logging_to
from vfx_swap.service.malloc import keep_freed_memory
from vfx_swap.service.metrics import Metrics
from vfx_swap.service.metrics_page import MetricsPage
from vfx_swap.service.private_folder import make_private
from vfx_swap.service.roots import Roots
from vfx_swap.service.serve.core import ADD, Core, open_core
from vfx_swap.service.settings import ServerSettings
from vfx_swap.service.tls import CertificateSource, server_credentials
from vfx_swap.service.watched_crew import WatchedCrew
from vfx_swap.service.work import Crew

__all__ = ["Server", "run"]

LOG = logging.getLogger(__name__)
LOOK_SECONDS = 5.0
"""How often gauges are set and the disk is looked after."""
KEPT_SECONDS = 30 * 86400.0
"""A job that ended is forgotten after this."""
REFLECTION = "grpc.reflection.v1alpha.ServerReflection"


class Server:
    """One server, in the loop it was started in.

    Args:
        settings: of the server.
        crew: who computes; started and stopped here.
        places: which paths are taken; None: those of the settings' roots.
        today: the day that consent is checked for.
    """

    def __init__(
        self,
        settings: ServerSettings,
        crew: Crew,
        *,
        places: Places | None = None,
        today: Callable[[], date] = local_today,
    ) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.addresses: tuple[Address, ...] = ()
        """Those that it listens on, once started."""
        self._crew = WatchedCrew(crew, metrics=self.metrics)
        self._places = Roots(settings.roots) if places is None else places
        self._today = today
        self._draining = False
        self._held = contextlib.AsyncExitStack()
        self._health = health.aio.HealthServicer()
        self._server: Any = None
        self._core: Core | None = None
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start workers and jobs, then let calls in.

        Raises:
            CannotRunError: a device or an address cannot be had.
            SettingsError: certificates or the access file are not in order.
            OutputError: the state folder cannot be used.
        """
        settings = self.settings
        make_private(Path(settings.state))
        self.metrics.version(__version__)
        access = AccessControl(None if settings.access is None else Path(settings.access))
        certificates = None if settings.tls is None else CertificateSource(settings.tls)
        credentials = None if certificates is None else server_credentials(certificates)
        self._server = grpc.aio.server(
            interceptors=[
                Door(
                    access=access,
                    metrics=self.metrics,
                    streams_per_client=settings.limits.streams_per_client,
                    stall_seconds=settings.limits.stall_seconds,
                )
            ],
            options=server_options(settings),
            maximum_concurrent_rpcs=settings.limits.calls,
        )
        core = open_core(
            settings,
            self._crew,
            places=self._places,
            who=current_who,
            today=self._today,
            draining=lambda: self._draining,
            metrics=self.metrics,
        )
        try:
            await self._crew.start()
            for name, servicer in core.servicers.items():
                ADD[name](servicer, self._server)
            health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
            names = [*wire.SERVICES, "google.longrunning.Operations", health.SERVICE_NAME, REFLECTION]
            reflection.enable_server_reflection(names, self._server)
            self.addresses = bind(self._server, settings=settings, credentials=credentials)
            if settings.metrics.listen is not None:
                page = MetricsPage(self.metrics, address=Address.parse(settings.metrics.listen))
                await self._held.enter_async_context(page)
            await core.start()
            await self._server.start()
        except BaseException:
            await core.stop()
            await self._crew.stop(grace_seconds=0.0)
            await self._held.aclose()
            raise
        self._core = core
        for name in ("", *wire.SERVICES):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        self._looking = asyncio.create_task(self._look(certificates))

    async def stop(self, *, grace_seconds: float) -> None:
        """Go down; see the top of this file."""
        self._draining = True
        await self._health.enter_graceful_shutdown()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        core, self._core = self._core, None
        if core is not None:
            await core.jobs.stop()
        await self._server.stop(grace_seconds)
        await self._crew.stop(grace_seconds=grace_seconds)
        if core is not None:
            await core.stop()
        await self._held.aclose()

    async def _look(self, certificates: CertificateSource | None) -> None:
        """Set what is looked at, and forget old jobs, for as long as the server runs."""
        forgotten = 0.0
        while True:
            try:
                self.metrics.workers(self._crew.devices())
                jobs = 0 if self._core is None else self._core.jobs.running
                self.metrics.waiting(tasks=self._crew.queued, jobs=jobs)
                if certificates is not None:
                    self.metrics.certificate_ends(certificates.current.not_after.timestamp())
                if self._core is not None and time.monotonic() - forgotten > 3600.0:
                    forgotten = time.monotonic()
                    await asyncio.to_thread(self._core.store.prune, before=time.time() - KEPT_SECONDS)
            except VfxSwapError:
                LOG.exception("looking after the server went wrong")
            await asyncio.sleep(LOOK_SECONDS)


def run(settings: ServerSettings, *, crew: Crew, ready: Callable[[tuple[Address, ...]], None]) -> None:
    """Serve until SIGTERM or SIGINT; a second one does not wait for anything.

    Args:
        settings: of the server.
        crew: who computes.
        ready: told of the addresses once calls are let in.

    Raises:
        VfxSwapError: it could not be started.
    """
    keep_freed_memory()
    with logging_to(settings=settings.log):
        asyncio.run(_serve(settings, crew, ready))


async def _serve(settings: ServerSettings, crew: Crew, ready: Callable[[tuple[Address, ...]], None]) -> None:
    server = Server(settings, crew)
    await server.start()
    with _signals() as asked:
        ready(server.addresses)
        LOG.info("serving on %s", ", ".join(map(str, server.addresses)))
        await asked[0].wait()
        LOG.info("going down; what is open has %g seconds", settings.grace_seconds)
        stopping = asyncio.create_task(server.stop(grace_seconds=settings.grace_seconds))
        again = asyncio.create_task(asked[1].wait())
        await asyncio.wait([stopping, again], return_when=asyncio.FIRST_COMPLETED)
        if not stopping.done():
            LOG.warning("asked twice: going down at once")
            await crew.stop(grace_seconds=0.0)
        await stopping
        again.cancel()
    LOG.info("down")


@contextlib.contextmanager
def _signals() -> Iterator[tuple[asyncio.Event, asyncio.Event]]:
    """Events that the first and the second SIGTERM or SIGINT set."""
    loop, asked = asyncio.get_running_loop(), (asyncio.Event(), asyncio.Event())
    numbers = (signal.SIGTERM, signal.SIGINT)

    def handle() -> None:
        (asked[1] if asked[0].is_set() else asked[0]).set()

    for number in numbers:
        loop.add_signal_handler(number, handle)
    try:
        yield asked
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
