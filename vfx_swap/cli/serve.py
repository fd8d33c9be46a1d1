"""`vfx-swap serve`: the gRPC server, and `--check` of what it would do."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vfx_swap.cli.session import DebugOption, JsonOption, running

if TYPE_CHECKING:
    from vfx_swap.cli.console import Console
    from vfx_swap.service.addresses import Address
    from vfx_swap.service.server_file import ServerDraft
    from vfx_swap.service.settings import ServerSettings

__all__ = ["serve"]

_LOG = logging.getLogger(__name__)
_Folders = list[Path] | None


def serve(
    *,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="The server file; flags go over it.")] = None,
    listen: Annotated[
        list[str] | None, typer.Option(metavar="ADDR", help="HOST:PORT or unix:/path; repeat for more.")
    ] = None,
    device: Annotated[
        list[str] | None,
        typer.Option(metavar="D", help="One worker each: auto, cpu, cuda:N; repeat, or join by commas."),
    ] = None,
    read: Annotated[
        _Folders, typer.Option(metavar="DIR", help="Folder that clients' paths may read; repeat for more.")
    ] = None,
    root: Annotated[_Folders, typer.Option(metavar="DIR", help="Folder that they may read and write.")] = None,
    state: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of jobs and identities.")] = None,
    access: Annotated[Path | None, typer.Option(metavar="FILE", help="Access file: tokens and their roles.")] = None,
    metrics: Annotated[
        str | None, typer.Option(metavar="ADDR", help="Loopback HOST:PORT of the metrics for Prometheus.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Tell what holds and every problem; start nothing.")] = False,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Serve shots and frames to other programs and machines, until SIGTERM or Ctrl-C.

    Without a server file it listens on 127.0.0.1:50051, takes no paths, and lets every user of this machine do all.
    """
    resume = "Start it again: jobs go on where they were"
    with running(json=json, debug=debug, resume=resume) as console:
        from vfx_swap.service.server_file import draft_settings

        flags: dict[str, object] = {}
        if listen:
            flags["listen"] = list(listen)
        if device:
            flags["devices"] = [one.strip() for given in device for one in given.split(",")]
        for key, path in (("state", state), ("access", access)):
            if path is not None:
                flags[key] = str(path)
        if metrics is not None:
            flags["metrics"] = {"listen": metrics}
        roots = {key: [str(one) for one in given] for key, given in (("read", read), ("write", root)) if given}
        if roots:
            flags["roots"] = roots
        draft = draft_settings(config, flags=flags)
        settings = draft.result()
        if check:
            _tell(console, draft, settings)
            return
        _run(console, settings, notes=draft.notes)


def _run(console: Console, settings: ServerSettings, *, notes: Sequence[str]) -> None:
    """Serve. Stderr is the log's, so that each line of it has one form; stdout is ours."""
    from vfx_swap.service.crew import CrewSettings, LocalCrew
    from vfx_swap.service.device_state import expand_devices
    from vfx_swap.service.notify import notify
    from vfx_swap.service.queue_rules import QueueLimits
    from vfx_swap.service.serve.server import run

    def ready(addresses: tuple[Address, ...]) -> None:
        for note in notes:
            _LOG.warning("%s", note)
        notify("READY=1")
        console.event("serving", listen=[str(one) for one in addresses])
        if not console.json:
            console.say("serving on " + ", ".join(map(str, addresses)))

    waiting = settings.limits.queued_tasks
    queue = QueueLimits(tasks=waiting, tasks_per_client=max(1, waiting // 2))
    crew = LocalCrew(CrewSettings(devices=expand_devices(settings.devices), queue=queue))
    run(settings, crew=crew, ready=ready)
    console.event("done")


def _tell(console: Console, draft: ServerDraft, settings: ServerSettings) -> None:
    from vfx_swap.service.device_state import expand_devices

    devices = expand_devices(settings.devices)
    values = settings.model_dump(mode="json", by_alias=True)
    console.event("check", settings=values, devices=devices, notes=list(draft.notes))
    for name, value in _rows(settings, devices):
        console.say(f"{name:14} {value}")
    for note in draft.notes:
        console.say(f"{'note':14} {note}")
    console.event("done")
    console.say(f"\n{'the flags are' if draft.where is None else f'{draft.where} is'} in order.")


def _rows(settings: ServerSettings, devices: Sequence[str]) -> list[tuple[str, str]]:
    """What a person wants to see of the settings, one line each."""
    tls = settings.tls
    rows = []
    for address in settings.addresses:
        secured = "not encrypted" if tls is None else "TLS" if tls.client_ca is None else "TLS, client certificates"
        how = "socket of this user" if address.kind == "unix" else secured
        rows.append(("listen", f"{address} ({'this machine' if address.is_local else 'the network'}; {how})"))
    rows.append(("devices", ", ".join(devices)))
    rows.append(("state", settings.state))
    rows.append(("access", settings.access or "everyone on this machine may do everything"))
    rows += [("read", folder) for folder in settings.roots.read]
    rows += [("write", folder) for folder in settings.roots.write]
    rows += [("map", f"{one.client} is {one.server}") for one in settings.roots.map]
    shared = settings.shared_memory
    rows.append(("shared memory", f"{shared.bytes >> 20} MiB" if shared.enabled else "not offered"))
    rows.append(
        ("metrics", "nowhere" if settings.metrics.listen is None else f"http://{settings.metrics.listen}/metrics")
    )
    return rows
