"""What an adapter can ask of the agent, and the answers' fields (docs/agent.md)."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vfx_swap import __version__
from vfx_swap.cli.remote import as_progress, job_fields
from vfx_swap.errors import ProtocolError

if TYPE_CHECKING:
    from vfx_swap.client import AsyncClient
    from vfx_swap.client.values import JobEvent, RenderReport

__all__ = ["PROTOCOL", "Asked", "Requests"]

PROTOCOL = 1
"""Raised when an old adapter could not work with what is said; fields may be added without."""

Tell = Callable[..., None]


class Requests:
    """Answers requests, one client behind all of them, opened when it is first needed.

    Args:
        make: opens the client.
        server: its address, for adapters to show; empty: this machine.
    """

    def __init__(self, make: Callable[[], Awaitable[AsyncClient]], *, server: str = "") -> None:
        self._make = make
        self._server = server
        self._client: AsyncClient | None = None
        self._opening = asyncio.Lock()
        self._left = False

    async def client(self) -> AsyncClient:
        """The client."""
        async with self._opening:
            if self._client is None:
                self._client = await self._make()
            return self._client

    def leave(self) -> None:
        """The adapter is gone: jobs of a server go on from now on, whatever is cancelled here."""
        self._left = bool(self._server)

    async def close(self) -> None:
        """Let go of the client."""
        if self._client is not None:
            await self._client.close()

    async def answer(self, name: str, given: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
        """One request.

        Args:
            name: of the request.
            given: its fields.
            tell: event, fields.

        Raises:
            ProtocolError: there is no such request, or a field is missing or of another kind.
            VfxSwapError: what the work ended with.
        """
        if name == "hello":
            return self._hello(given)
        handler = _HANDLERS.get(name)
        if handler is None:
            raise ProtocolError(f"there is no request {name!r}", mend=f"There are: {', '.join(['hello', *_HANDLERS])}")
        client: Any = None if handler in _ALONE else await self.client()
        return await handler(Asked(client, given, tell, left=lambda: self._left))

    def _hello(self, given: Mapping[str, Any]) -> dict[str, Any]:
        spoken = given.get("protocols", [PROTOCOL])
        if not isinstance(spoken, list) or PROTOCOL not in spoken:
            mend = "Install the adapter that came with this vfx-swap"
            raise ProtocolError(f"the agent speaks protocol {PROTOCOL}, the adapter {spoken!r}", mend=mend)
        return {"protocol": PROTOCOL, "version": __version__, "server": self._server or None}


@dataclass(frozen=True, eq=False)
class Asked:
    """One request, and what it is answered with."""

    client: AsyncClient
    given: Mapping[str, Any]
    tell: Tell
    left: Callable[[], bool] = lambda: False
    """Whether the adapter is gone and its server's jobs are to go on."""

    def text(self, key: str, *, default: str | None = None) -> str:
        """A field that is a text.

        Raises:
            ProtocolError: it is missing, or something else.
        """
        value = self.given.get(key, default)
        if not isinstance(value, str):
            raise ProtocolError(f"`{key}` is missing, or no text")
        return value


async def _info(asked: Asked) -> dict[str, Any]:
    return {"info": _plain(await asked.client.info())}


async def _options(asked: Asked) -> dict[str, Any]:
    from vfx_swap.models.parsing.regions import REGIONS

    options = await asked.client.options()
    knobs = [_plain(one) for one in options.options]
    return {"engines": list(options.engines), "options": knobs, "regions": list(REGIONS)}


async def _identities(asked: Asked) -> dict[str, Any]:
    return {"identities": [_plain(one) for one in await asked.client.identities()]}


async def _create_identity(asked: Asked) -> dict[str, Any]:
    files = asked.given.get("files")
    if not isinstance(files, list) or not all(isinstance(one, str) for one in files):
        raise ProtocolError("`files` is a list of paths")
    made = await asked.client.create_identity(
        asked.text("name"),
        [Path(one) for one in files],
        consent_json=asked.text("consent_json", default=""),
        replace=asked.given.get("replace") is True,
    )
    return {"identity": _plain(made)}


async def _delete_identity(asked: Asked) -> dict[str, Any]:
    await asked.client.delete_identity(asked.text("name"))
    return {}


async def _models(asked: Asked) -> dict[str, Any]:
    return {"models": [_plain(one) for one in await asked.client.models()]}


async def _submit(asked: Asked) -> dict[str, Any]:
    job = await asked.client.submit(_shot(asked), **_how(asked))
    return {"job": job_fields(job)}


async def _render(asked: Asked) -> dict[str, Any]:
    """Submit and stay; a `stop` of the request cancels the job, an adapter that goes leaves it to its server."""
    job = await asked.client.submit(_shot(asked), **_how(asked))
    asked.tell("job", job=job_fields(job))
    try:
        async for event in asked.client.watch(job.id):
            _tell_event(asked.tell, event)
    except asyncio.CancelledError:
        if not asked.left():
            await asyncio.shield(asked.client.cancel(job.id))
        raise
    return {"report": _report(await asked.client.result(job.id))}


async def _watch(asked: Asked) -> dict[str, Any]:
    """Follow a job to its end; a `stop` of the request leaves the job alone."""
    job, after = asked.text("job"), asked.given.get("after", 0)
    if not isinstance(after, int) or isinstance(after, bool) or after < 0:
        raise ProtocolError("`after` is a number of an event")
    async for event in asked.client.watch(job, after=after):
        _tell_event(asked.tell, event)
    return {"report": _report(await asked.client.result(job))}


async def _job(asked: Asked) -> dict[str, Any]:
    return {"job": job_fields(await asked.client.job(asked.text("job")))}


async def _jobs(asked: Asked) -> dict[str, Any]:
    return {"jobs": [job_fields(one) for one in await asked.client.jobs(limit=200)]}


async def _cancel(asked: Asked) -> dict[str, Any]:
    return {"job": job_fields(await asked.client.cancel(asked.text("job")))}


async def _resume(asked: Asked) -> dict[str, Any]:
    return {"job": job_fields(await asked.client.resume(asked.text("job")))}


async def _host_layers(asked: Asked) -> dict[str, Any]:
    """Frames of a result, written anew as a host's compositor reads their layers."""
    from vfx_swap.io.host_layers import HOST_LAYER, write_host_layers
    from vfx_swap.io.paths import FramePattern
    from vfx_swap.io.ranges import parse_frames

    source, target = FramePattern.parse(asked.text("result")), FramePattern.parse(asked.text("to"))
    passes: dict[str, None] = {}
    for frame in parse_frames(asked.text("frames")):
        written = await asyncio.to_thread(write_host_layers, source.path(frame), target.path(frame))
        passes.update(dict.fromkeys(written))
        asked.tell("frame_done", frame=frame)
    return {"layer": HOST_LAYER, "passes": list(passes)}


async def _write_job(asked: Asked) -> dict[str, Any]:
    """A shot as files for a farm: the shot file, and a job bundle beside it or where `openjd` says."""
    from vfx_swap.cli.submit import write_jobs
    from vfx_swap.io.atomic import atomic_write
    from vfx_swap.settings.shot_text import shot_text

    file, chunk = Path(asked.text("shot_file")), asked.given.get("chunk", 10)
    if not isinstance(chunk, int) or isinstance(chunk, bool) or chunk < 1:
        raise ProtocolError("`chunk` is a number of frames")
    values = asked.given.get("shot")
    if values is not None:
        text = shot_text(_shot(Asked(asked.client, {"shot": values}, asked.tell)))
        with atomic_write(file) as temporary:
            temporary.write_text(text, encoding="utf-8")
    bundle = Path(asked.text("openjd", default=str(file.with_suffix("")) + "_job"))
    frames = asked.text("frames", default="") or None
    device = asked.text("device", default="cpu")
    written, numbers = await asyncio.to_thread(
        write_jobs, file, openjd=bundle, frames=frames, chunk=chunk, device=device
    )
    return {"shot_file": str(file), "written": [str(path) for path in written], "frames": len(numbers)}


_HANDLERS: Mapping[str, Callable[[Asked], Awaitable[dict[str, Any]]]] = {
    "info": _info,
    "options": _options,
    "identities": _identities,
    "create_identity": _create_identity,
    "delete_identity": _delete_identity,
    "models": _models,
    "submit": _submit,
    "render": _render,
    "watch": _watch,
    "job": _job,
    "jobs": _jobs,
    "cancel": _cancel,
    "resume": _resume,
    "host_layers": _host_layers,
    "write_job": _write_job,
}

_ALONE = (_host_layers, _write_job)
"""Need no client: no server is called, and no worker of this machine is started."""


def _tell_event(tell: Tell, event: JobEvent) -> None:
    known = as_progress(event)
    fields: dict[str, Any] = {"number": event.number, "done": event.done, "total": event.total}
    if event.frame is not None:
        fields["frame"] = event.frame
    message = event.message if known is None else known.message
    if message:
        fields["message"] = message
    if event.metrics:
        fields["metrics"] = dict(event.metrics)
    tell(event.kind, **fields)


def _shot(asked: Asked) -> Any:
    """The shot of a request: its values, or the path of a shot file.

    Raises:
        ProtocolError: neither is there.
        SettingsError, MissingInputError: the file is not in order.
    """
    shot, file = asked.given.get("shot"), asked.given.get("shot_file")
    if isinstance(file, str) and shot is None:
        from vfx_swap.pipeline.engines import engine_ids
        from vfx_swap.settings import load_shot

        return load_shot(file, engines=engine_ids())
    if not isinstance(shot, dict) or file is not None:
        raise ProtocolError("a shot is given by `shot`, its values, or by `shot_file`, a path")
    return shot


def _how(asked: Asked) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "frames" in asked.given:
        found["frames"] = asked.text("frames")
    if "request_id" in asked.given:
        found["request_id"] = asked.text("request_id")
    if asked.given.get("overwrite") is True:
        found["overwrite"] = True
    found["priority"] = "batch" if asked.given.get("priority") == "batch" else "interactive"
    return found


def _report(report: RenderReport) -> dict[str, Any]:
    return dataclasses.asdict(report)


def _plain(value: Any) -> Any:
    """A frozen value as JSON."""

    def at(one: Any) -> Any:
        return one.isoformat() if isinstance(one, datetime) else one

    return {key: at(one) for key, one in dataclasses.asdict(value).items()}
