"""ModelService and ServerService: engines and where they are loaded, what can be set of them, what the server is."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from vfx_swap import __version__
from vfx_swap.errors import UsageError
from vfx_swap.service import wire
from vfx_swap.service.access import Who
from vfx_swap.service.options import Option, describe_options
from vfx_swap.service.roots import Roots
from vfx_swap.service.serve.stream_parts import run_task
from vfx_swap.service.settings import CHUNK_BYTES, ServerSettings
from vfx_swap.service.work import Crew, DeviceState, Kind, Task

if TYPE_CHECKING:
    from vfx_swap.models.weights import CardState

__all__ = ["ModelServicer", "ServerServicer"]

PROTOCOL = "vfx_swap.v1"


class ModelServicer(wire.models_grpc.ModelServiceServicer):
    """Models: list, load, unload, and what can be set.

    Args:
        crew: holds them.
        who: who asks, within a call.
    """

    def __init__(self, crew: Crew, *, who: Callable[[], Who]) -> None:
        self._crew = crew
        self._who = who

    async def ListModels(self, request: wire.models.ListModelsRequest, context: Any) -> wire.models.ListModelsResponse:
        """Every card."""
        states = await asyncio.to_thread(_card_states)
        return wire.models.ListModelsResponse(models=[self._model(one) for one in states])

    async def LoadModel(self, request: wire.models.LoadModelRequest, context: Any) -> wire.models.LoadModelResponse:
        """Load a model before it is needed."""
        await self._require(request.id)
        await self._do("load", request.id, request.device)
        return wire.models.LoadModelResponse(loaded_on=self._loaded(request.id))

    async def UnloadModel(
        self, request: wire.models.UnloadModelRequest, context: Any
    ) -> wire.models.UnloadModelResponse:
        """Free the memory that a model takes: on one device, or on all that hold it."""
        await self._require(request.id)
        for device in [request.device] if request.device else self._loaded(request.id):
            await self._do("unload", request.id, device)
        return wire.models.UnloadModelResponse()

    async def DescribeOptions(
        self, request: wire.models.DescribeOptionsRequest, context: Any
    ) -> wire.models.DescribeOptionsResponse:
        """Everything that a host needs to build its knobs."""
        engines = await asyncio.to_thread(_engines)
        options = [_option(one) for one in describe_options(engines)]
        return wire.models.DescribeOptionsResponse(engines=engines, options=options)

    async def _require(self, model: str) -> None:
        engines = await asyncio.to_thread(_engines)
        if model not in engines:
            raise UsageError(f"no engine is called {model!r}", mend=f"Choose one of: {', '.join(engines)}")

    async def _do(self, kind: Kind, model: str, device: str) -> None:
        task = Task(
            f"{kind}-{uuid.uuid4().hex[:12]}", kind, {"model": model}, self._who().name, model=model, device=device
        )
        await run_task(self._crew, task)

    def _loaded(self, model: str) -> list[str]:
        return [_place(one, self._crew.devices()) for one in self._crew.devices() if model in one.models]

    def _model(self, state: CardState) -> wire.models.Model:
        card = state.card
        return wire.models.Model(
            id=card.id,
            task=card.task,
            licence=card.licence,
            paid_work_allowed=card.commercial_use,
            present=state.state in ("found", "no files"),
            loaded_on=self._loaded(card.id),
        )


class ServerServicer(wire.server_grpc.ServerServiceServicer):
    """What the server is.

    Args:
        settings: of the server.
        crew: its devices.
        who: who asks, within a call.
        draining: whether it goes down.
    """

    def __init__(
        self, settings: ServerSettings, crew: Crew, *, who: Callable[[], Who], draining: Callable[[], bool]
    ) -> None:
        self._settings = settings
        self._crew = crew
        self._who = who
        self._draining = draining

    async def GetServerInfo(
        self, request: wire.server.GetServerInfoRequest, context: Any
    ) -> wire.server.GetServerInfoResponse:
        """Version, devices, limits, and who it takes the caller for."""
        limits, who, devices = self._settings.limits, self._who(), self._crew.devices()
        return wire.server.GetServerInfoResponse(
            version=__version__,
            protocols=[PROTOCOL],
            devices=[_device(one) for one in devices],
            limits=wire.server.Limits(
                message_bytes=limits.message_bytes,
                chunk_bytes=CHUNK_BYTES,
                frame_pixels=limits.frame_pixels,
                streams_per_client=limits.streams_per_client,
                frames_in_flight=limits.frames_in_flight,
                jobs=limits.jobs_per_client,
            ),
            shared_memory=self._settings.shared_memory.enabled,
            roots=Roots(self._settings.roots).names if who.may("render") else (),
            who=who.name,
            roles=sorted(who.roles),
            draining=self._draining(),
        )


def _engines() -> tuple[str, ...]:
    from vfx_swap.pipeline.engines import engine_ids

    return engine_ids()


def _card_states() -> tuple[CardState, ...]:
    from vfx_swap.models.registry import load_registry
    from vfx_swap.models.weights import card_states, model_folders

    return card_states(load_registry().cards.values(), folders=model_folders())


def _place(device: DeviceState, devices: tuple[DeviceState, ...]) -> str:
    """The device's name, and its place where there are several of that name."""
    alike = [one for one in devices if one.name == device.name]
    return device.name if len(alike) == 1 else f"{device.name}#{device.index}"


def _device(state: DeviceState) -> wire.server.Device:
    return wire.server.Device(
        name=state.name,
        index=state.index,
        memory_total_bytes=state.memory_total,
        memory_free_bytes=state.memory_free,
        load=state.load,
        models=state.models,
        queued=state.queued,
        running=state.running,
        alive=state.alive,
        restarts=state.restarts,
    )


def _option(option: Option) -> wire.models.Option:
    return wire.models.Option(
        key=option.key,
        kind=f"OPTION_KIND_{option.kind.upper()}",
        label=option.label,
        help=option.help,
        minimum=option.minimum,
        maximum=option.maximum,
        choices=option.choices,
        default_json="" if option.default is None else json.dumps(option.default),
        unit=option.unit,
        engines=option.engines,
    )
