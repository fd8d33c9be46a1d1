"""The command line's entry: commands by name, usage errors as clean as all others."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from vfx_swap import __version__
from vfx_swap.cli.agent import agent
from vfx_swap.cli.consent import consent_app
from vfx_swap.cli.console import Console
from vfx_swap.cli.demo import demo
from vfx_swap.cli.doctor import doctor
from vfx_swap.cli.identity import identity_app
from vfx_swap.cli.jobs import jobs_app
from vfx_swap.cli.light import light
from vfx_swap.cli.models import models_app
from vfx_swap.cli.parse import parse
from vfx_swap.cli.provenance import provenance_app
from vfx_swap.cli.qc import qc
from vfx_swap.cli.render import render
from vfx_swap.cli.serve import serve
from vfx_swap.cli.session import STOPPED_EXIT, report_error
from vfx_swap.cli.simswap import simswap
from vfx_swap.cli.submit import submit
from vfx_swap.cli.swap import swap
from vfx_swap.cli.timeline import timeline
from vfx_swap.cli.token import token_app
from vfx_swap.cli.track import track
from vfx_swap.cli.train import train_app
from vfx_swap.cli.worker import worker_app
from vfx_swap.errors import UsageError

__all__ = ["app", "main", "run"]

app = typer.Typer(
    name="vfx-swap",
    help="Face replacement in film shots: scene-linear, EXR in and out, with consent on record.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo)
app.add_typer(identity_app, name="identity")
app.add_typer(consent_app, name="consent")
app.add_typer(provenance_app, name="provenance")
app.command("swap")(swap)
app.command("simswap", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(simswap)
app.command("track")(track)
app.command("light")(light)
app.command("parse")(parse)
app.command("render")(render)
app.command("qc")(qc)
app.command("serve")(serve)
app.add_typer(token_app, name="token")
app.add_typer(jobs_app, name="jobs")
app.command("agent")(agent)
app.command("timeline")(timeline)
app.command("submit")(submit)
app.add_typer(worker_app, name="worker")
app.add_typer(models_app, name="models")
app.add_typer(train_app, name="train")
app.command("doctor")(doctor)
_GROUPS = tuple(group.name for group in app.registered_groups)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vfx-swap {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Face replacement in film shots: scene-linear, EXR in and out, with consent on record."""


def main() -> NoReturn:
    """The `vfx-swap` script."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Args:
        arguments: as after the program's name.

    Returns:
        The exit code.
    """
    given = list(arguments)
    # Without a command the commands are what is asked for, of a group as of the whole.
    if not given or (len(given) == 1 and given[0] in _GROUPS):
        given.append("--help")
    try:
        code = app(args=given, prog_name="vfx-swap", standalone_mode=False)
    except typer.TyperException as error:  # an option or a command that is not there, a value that does not parse
        context = getattr(error, "ctx", None)
        command = getattr(context, "command_path", "vfx-swap")
        message = getattr(error, "format_message", error.__str__)().rstrip(".")
        console = Console(json="--json" in given, out=sys.stdout, err=sys.stderr)
        return report_error(console, UsageError(message, mend=f"See: {command} --help"))
    except (KeyboardInterrupt, typer.Abort):
        return STOPPED_EXIT
    return code if isinstance(code, int) else 0
