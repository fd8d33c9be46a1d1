"""The server without its sockets: stores, jobs and servicers. A client in this process works with it as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from vfx_swap.pipeline.today import local_today
from vfx_swap.service import wire
from vfx_swap.service.access import Who
from vfx_swap.service.admission import Admission, Places
from vfx_swap.service.identity_store import IdentityStore
from vfx_swap.service.jobs import JobLimits, JobRunner
from vfx_swap.service.jobs_store import JobStore
from vfx_swap.service.metrics import Metrics
from vfx_swap.service.serve.identities import IdentityServicer
from vfx_swap.service.serve.models import ModelServicer, ServerServicer
from vfx_swap.service.serve.shots import OperationsServicer, ShotServicer
from vfx_swap.service.serve.streams import ADD_STREAMS, Streams, open_streams
from vfx_swap.service.settings import ServerSettings
from vfx_swap.service.work import Crew

__all__ = ["ADD", "Core", "open_core"]


ADD = {
    "shots": wire.shots_grpc.add_ShotServiceServicer_to_server,
    "operations": wire.operations_grpc.add_OperationsServicer_to_server,
    "identities": wire.identities_grpc.add_IdentityServiceServicer_to_server,
    "models": wire.models_grpc.add_ModelServiceServicer_to_server,
    "server": wire.server_grpc.add_ServerServiceServicer_to_server,
    **ADD_STREAMS,
}
"""How a servicer is added to a gRPC server, by the same names."""


@dataclass(frozen=True, eq=False)
class Core:
    """All that answers calls."""

    store: JobStore
    jobs: JobRunner
    identities: IdentityStore
    admission: Admission
    streams: Streams
    servicers: Mapping[str, Any]
    """By the names of `client.stubs.Stubs`' fields."""

    async def start(self) -> None:
        """Make room for streams, and go on with the jobs that have not ended."""
        await self.streams.start()
        await self.jobs.start()

    async def stop(self) -> None:
        """Leave the jobs where they are, and let go of their file."""
        await self.jobs.stop()
        await self.streams.stop()
        self.store.close()


def open_core(
    settings: ServerSettings,
    crew: Crew,
    *,
    places: Places,
    who: Callable[[], Who],
    today: Callable[[], date] = local_today,
    draining: Callable[[], bool] = lambda: False,
    identities: Path | None = None,
    metrics: Metrics | None = None,
) -> Core:
    """Put it together.

    Args:
        settings: of the server.
        crew: who computes; started and stopped by the caller.
        places: which paths are taken.
        who: who asks, within a call.
        today: the day that consent is checked for.
        draining: whether the server goes down.
        identities: folder of the identities that are kept; None: in the state folder.
        metrics: where frames are counted.

    Raises:
        OutputError: the state folder cannot be used, or another server uses it.
    """
    state = Path(settings.state)
    kept = IdentityStore(identities or state / "identities")
    admission = Admission(places, kept, today=today)
    store = JobStore(state / "jobs.sqlite")
    most = settings.limits
    limits = JobLimits(jobs=most.jobs, jobs_per_client=most.jobs_per_client, frames=most.frames_per_job)
    told = metrics or Metrics()
    jobs = JobRunner(store, crew, admit=admission.admitted, limits=limits, failed=told.refused)
    streams = open_streams(settings, crew, admit=admission.admitted, places=places, metrics=metrics)
    return Core(
        store=store,
        jobs=jobs,
        identities=kept,
        admission=admission,
        streams=streams,
        servicers={
            "shots": ShotServicer(jobs, store, prepare=admission.prepared, who=who),
            "operations": OperationsServicer(jobs, store, who=who),
            "identities": IdentityServicer(kept, crew, upload_bytes=most.upload_bytes, today=today, who=who),
            "models": ModelServicer(crew, who=who),
            "server": ServerServicer(settings, crew, who=who, draining=draining),
            **streams.servicers,
        },
    )
