"""What the types of a server's settings cannot say: who can reach it, and whether its folders and files will do."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from vfx_swap.errors import InputError, Problem, SettingsError, UsageError
from vfx_swap.service.access_file import load_access
from vfx_swap.service.addresses import Address
from vfx_swap.service.private_folder import is_private
from vfx_swap.service.roots import Roots
from vfx_swap.service.settings import ServerSettings
from vfx_swap.service.tls import read_certificates

__all__ = ["check_server"]

_DEVICE = re.compile(r"auto|cpu|cuda(:\d{1,3})?")


def check_server(settings: ServerSettings, *, now: datetime) -> tuple[list[Problem], list[str]]:
    """All that can be found without starting.

    Args:
        settings: read, paths absolute.
        now: the time, with its zone.

    Returns:
        Problems, and words on what is in order but worth knowing.
    """
    problems: list[Problem] = []
    notes: list[str] = []
    problems += _addresses(settings, notes)
    problems += _devices(settings)
    problems += _state(Path(settings.state))
    problems += _roots(settings, notes)
    problems += _secrets_in_roots(settings)
    problems += _access(settings, now, notes)
    if settings.tls is not None:
        try:
            notes += read_certificates(settings.tls, now=now).notes(now=now)
        except SettingsError as error:
            problems += error.problems
    return problems, notes


def _addresses(settings: ServerSettings, notes: list[str]) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    local_tcp = False
    for index, text in enumerate(settings.listen):
        key = f"listen[{index}]"
        try:
            address = Address.parse(text)
        except UsageError as error:
            yield Problem(key, error.what, error.mend)
            continue
        first = seen.setdefault(str(address), index)
        if first != index and address.port != 0:
            yield Problem(key, f"stands already in listen[{first}]", "Keep one of them")
        if address.is_local:
            local_tcp |= address.kind == "tcp"
            if address.kind == "unix" and address.path is not None:
                yield from _socket_folder(key, address.path.parent)
            continue
        for held, name, mend in (
            (settings.tls, "[tls]", "Add [tls] with certificate and key"),
            (settings.access, "`access`", "Make an access file: vfx-swap token add NAME --role render"),
        ):
            if held is None:
                yield Problem(key, f"{text!r} can be reached by other machines, which needs {name}", mend)
    if local_tcp and settings.access is None:
        notes.append("every user of this machine may do everything: there is no access file")
    if settings.metrics.listen is not None:
        yield from _metrics(settings.metrics.listen, seen)


def _metrics(text: str, taken: dict[str, int]) -> Iterator[Problem]:
    try:
        address = Address.parse(text)
    except UsageError as error:
        yield Problem("metrics.listen", error.what, error.mend)
        return
    if address.kind != "tcp" or not address.is_local:
        mend = "Give 127.0.0.1:9464, and let a proxy that asks who calls carry it further"
        yield Problem("metrics.listen", f"must be a loopback address, got {text!r}", mend)
    if str(address) in taken and address.port != 0:
        yield Problem("metrics.listen", f"{text!r} is an address of the server itself", "Choose another port")


def _socket_folder(key: str, folder: Path) -> Iterator[Problem]:
    """The folder guards the socket in the moment before its own mode is set."""
    try:
        state = folder.stat()
    except FileNotFoundError:
        return  # made with mode 0700 at start
    except OSError as error:
        yield Problem(key, f"cannot look into {str(folder)!r}: {error.strerror}")
        return
    if not stat.S_ISDIR(state.st_mode):
        yield Problem(key, f"{str(folder)!r} is not a folder", "Choose another folder")
    elif not is_private(folder):
        what = f"the folder {str(folder)!r} must belong to the server's user alone (mode 0700)"
        yield Problem(key, what, "Give the socket a folder of its own; one that is missing is made")


def _devices(settings: ServerSettings) -> Iterator[Problem]:
    for index, device in enumerate(settings.devices):
        key = f"devices[{index}]"
        if not _DEVICE.fullmatch(device):
            yield Problem(key, f"{device!r} is no device", "Give cpu, cuda:N or auto")
        elif device == "auto" and len(settings.devices) > 1:
            yield Problem(key, "`auto` stands for all devices there are, so it stands alone")
        elif device.startswith("cuda") and _same_gpu(device) in map(_same_gpu, settings.devices[:index]):
            yield Problem(key, f"{device!r} is named twice", "One worker a GPU: two would share its memory unawares")


def _same_gpu(device: str) -> str:
    return "cuda:0" if device == "cuda" else device


def _state(folder: Path) -> Iterator[Problem]:
    near = folder
    while not os.path.lexists(near):
        near = near.parent
    try:
        state = near.stat()
    except OSError as error:
        yield Problem("state", f"cannot look at {str(near)!r}: {error.strerror}")
        return
    if not stat.S_ISDIR(state.st_mode):
        yield Problem("state", f"{str(near)!r} is not a folder", "Choose another")
    elif not os.access(near, os.W_OK | os.X_OK):
        yield Problem("state", f"the folder {str(near)!r} cannot be written to", "Choose another, or mend its owner")
    elif near == folder and not is_private(folder):
        what = f"{str(folder)!r} must belong to the server's user alone: jobs and identities stand there"
        yield Problem("state", what, f"chmod 700 {folder}")


def _roots(settings: ServerSettings, notes: list[str]) -> Iterator[Problem]:
    roots = settings.roots
    for name, folders, mode in (("read", roots.read, os.R_OK | os.X_OK), ("write", roots.write, os.W_OK | os.X_OK)):
        for index, folder in enumerate(folders):
            key = f"roots.{name}[{index}]"
            if not Path(folder).is_dir():
                yield Problem(key, f"there is no folder {folder!r}", "Check the path, and whether its disk is mounted")
            elif not os.access(folder, mode):
                yield Problem(key, f"the folder {folder!r} cannot be {'read' if name == 'read' else 'written to'}")
    if not roots.read and not roots.write:
        notes.append("no paths are taken: there are no [roots]; frames that are sent are")
    seen: dict[str, int] = {}
    for index, one in enumerate(roots.map):
        windows = not one.client.startswith("/") or one.client.startswith("//")
        spelt = one.client.replace("\\", "/").lower() if windows else one.client
        first = seen.setdefault(spelt.rstrip("/"), index)
        if first != index:
            yield Problem(f"roots.map[{index}].client", f"stands already in roots.map[{first}]", "Keep one of them")
        again = Roots(roots).mapped(one.server)
        if os.path.normpath(again) != os.path.normpath(one.server):
            # A job's paths are mapped when it is submitted and looked at again before every chunk.
            what = f"{one.server!r} is mapped to {again!r} by another map: paths would be mapped twice"
            yield Problem(f"roots.map[{index}].server", what, "Name the folder where it ends")


def _secrets_in_roots(settings: ServerSettings) -> Iterator[Problem]:
    """What clients may read or write must not hold what guards the server."""
    held = {"state": settings.state, "access": settings.access}
    if settings.tls is not None:
        held["tls.key"] = settings.tls.key
    for name, folders in (("read", settings.roots.read), ("write", settings.roots.write)):
        for index, folder in enumerate(folders):
            root = os.path.realpath(folder)
            for key, path in held.items():
                if path is not None and os.path.commonpath([root, os.path.realpath(path)]) == root:
                    what = f"{folder!r} holds {path!r} (`{key}`), which clients must not reach"
                    yield Problem(f"roots.{name}[{index}]", what, "Name smaller folders, or move that one")


def _access(settings: ServerSettings, now: datetime, notes: list[str]) -> Iterator[Problem]:
    if settings.access is None:
        return
    path = Path(settings.access)
    try:
        access = load_access(path)
        if path.stat().st_mode & 0o022:
            yield Problem("access", f"{settings.access!r} can be changed by others", f"chmod 600 {settings.access}")
    except SettingsError as error:
        for problem in error.problems:
            yield Problem("access", f"{settings.access}: {problem}")
        return
    except (InputError, OSError) as error:
        yield Problem("access", str(error), "Make it: vfx-swap token add NAME --role render --file FILE")
        return
    if access.certificate and (settings.tls is None or settings.tls.client_ca is None):
        yield Problem("access", "names certificates, which nobody can show without `tls.client_ca`")
    for kind, entries in (("token", access.token), ("certificate", access.certificate)):
        over = [entry.name for entry in entries if not entry.holds(now.date())]
        if over:
            notes.append(f"{kind} past its last day: {', '.join(over)}")
    if not access.token and not access.certificate:
        notes.append(f"{settings.access} names nobody: every call will be refused")
