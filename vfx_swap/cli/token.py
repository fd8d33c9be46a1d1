"""`vfx-swap token`: who may call a server, by tokens that are shown once and stand hashed in its access file."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vfx_swap.cli.session import DebugOption, JsonOption, running
from vfx_swap.errors import SettingsError, UsageError

if TYPE_CHECKING:
    from vfx_swap.service.access import Role

__all__ = ["token_app"]

token_app = typer.Typer(help="Tokens of a server: who may call it, and what they may do.")

FileOption = Annotated[Path | None, typer.Option("--file", metavar="FILE", help="The access file.")]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="The server file, whose `access` is meant.")
]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Who holds it: a person, a machine, a program.")]


@token_app.command("add")
def add(
    *,
    name: NameArgument,
    role: Annotated[
        list[str], typer.Option(metavar="ROLE", help="render, identities, watch or admin; repeat for more.")
    ],
    expires: Annotated[str | None, typer.Option(metavar="DATE", help="Last day it holds, as 2027-12-31, UTC.")] = None,
    file: FileOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Make a token and show it, this once: the file keeps its hash alone. A running server takes it within a second."""
    with running(json=json, debug=debug) as console:
        from vfx_swap.service.access_file import add_token

        path, roles, last = _file(file, config), _roles(role), _day(expires)
        token = add_token(path, name=name, roles=roles, today=_today(), expires=last)
        console.event("token", name=name, token=token, roles=roles, expires=last, file=path)
        until = "until it is removed" if last is None else f"until {last} (UTC)"
        console.note(f"the token of {name} ({', '.join(roles)}), {until}. It is shown this once:")
        if not json:
            console.say(token)
        console.event("done")


@token_app.command("list")
def list_tokens(
    *, file: FileOption = None, config: ConfigOption = None, json: JsonOption = False, debug: DebugOption = False
) -> None:
    """List who may call: tokens by name, and client certificates."""
    with running(json=json, debug=debug) as console:
        from vfx_swap.service.access_file import load_access

        access = load_access(_file(file, config))
        today = _today()
        for kind, entries in (("token", access.token), ("certificate", access.certificate)):
            for entry in entries:
                holds = entry.holds(today)
                console.event(kind, name=entry.name, roles=entry.roles, expires=entry.expires, holds=holds)
                until = "" if entry.expires is None else f", {'until' if holds else 'expired'} {entry.expires}"
                console.say(f"{kind:12} {entry.name:24} {', '.join(entry.roles)}{until}")
        console.event("done", tokens=len(access.token), certificates=len(access.certificate))


@token_app.command("remove")
def remove(
    *,
    name: NameArgument,
    file: FileOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Take a token out. A running server refuses it within a second, and ends its open streams within a few."""
    with running(json=json, debug=debug) as console:
        from vfx_swap.service.access_file import remove_token

        path = _file(file, config)
        remove_token(path, name=name)
        console.event("removed", name=name, file=path)
        console.event("done")
        console.say(f"the token of {name} holds no longer")


def _today() -> date:
    return datetime.now(UTC).date()


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no day", mend="Write it as 2027-12-31") from error


def _roles(given: list[str]) -> list[Role]:
    from vfx_swap.service.access import ROLES

    known = {str(role): role for role in ROLES}
    wrong = [role for role in given if role not in known]
    if wrong:
        raise UsageError(f"there is no role {wrong[0]!r}", mend=f"Roles: {', '.join(known)}")
    return [known[role] for role in given]


def _file(file: Path | None, config: Path | None) -> Path:
    """The access file that is meant. Of a server file only that key is looked at: the rest may not be in order yet."""
    if (file is None) == (config is None):
        raise UsageError("give one of --file and --config", mend="--file access.toml names the access file itself")
    if file is not None:
        return file
    from vfx_swap.settings.toml_file import read_toml

    where = Path(config or "")
    read = read_toml(where, kind="server file", page="docs/operations.md")
    if read.problems:
        raise SettingsError(read.problems, where=where)
    access = read.values.get("access")
    if not isinstance(access, str) or not access:
        raise UsageError("the server file names no access file", where=where, mend='Add access = "access.toml"')
    return where.absolute().parent / access
