"""A client whose server is this process and its own workers: no socket, no door, the same calls."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from vfx_swap.client.face import AsyncClient
from vfx_swap.client.plain import Client
from vfx_swap.client.stubs import Stubs
from vfx_swap.service.access import LOCAL
from vfx_swap.service.admission import AnyPath
from vfx_swap.service.crew import CrewSettings, LocalCrew
from vfx_swap.service.device_state import expand_devices
from vfx_swap.service.serve.core import open_core
from vfx_swap.service.settings import ServerSettings

__all__ = ["identity_folder", "in_process", "open_local"]


def identity_folder() -> Path:
    """Where a user's own identities are kept, by the custom of the system."""
    from platformdirs import user_data_path

    return user_data_path("vfx-swap") / "identities"


async def open_local(*, devices: Sequence[str] = ("auto",), identities: Path | None = None) -> AsyncClient:
    """Start workers here; closing the client ends them. Jobs last as long as the client does.

    Args:
        devices: one worker each: `cpu`, `cuda:N`, or `auto`.
        identities: folder of the identities that are kept; None: the user's own.

    Raises:
        CannotRunError: a device is not there, or a worker does not come up.
    """
    state = Path(tempfile.mkdtemp(prefix="vfx-swap-"))
    crew = LocalCrew(CrewSettings(devices=expand_devices(devices)))
    core = open_core(
        ServerSettings(state=str(state)),
        crew,
        places=AnyPath(),
        who=lambda: LOCAL,
        identities=identities or identity_folder(),
    )

    async def close() -> None:
        await core.stop()
        await crew.stop(grace_seconds=0.0)
        shutil.rmtree(state, ignore_errors=True)

    try:
        await crew.start()
        await core.start()
    except BaseException:
        await close()
        raise
    return AsyncClient(Stubs.of_servicers(core.servicers), close=close)


def in_process(*, devices: Sequence[str] = ("auto",), identities: Path | None = None) -> Client:
    """As `open_local`, for plain code."""
    return Client(lambda: open_local(devices=devices, identities=identities))
