"""`vfx-swap doctor`: what this machine has, what is missing, and the command that mends it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from vfx_swap.cli.session import DebugOption, JsonOption, running

if TYPE_CHECKING:
    from vfx_swap.cli.checks import Check

__all__ = ["doctor"]

CANNOT_RUN_EXIT = 4


def doctor(*, json: JsonOption = False, debug: DebugOption = False) -> None:
    """Look at this machine: Python, libraries, devices, models, colour, disk, hosts; say what is missing.

    Exits with 0 when the default stack can run here, with 4 when it cannot.
    """
    with running(json=json, debug=debug) as console:
        broken = 0
        for check in _checks():
            broken += check.state == "broken"
            console.event("check", name=check.name, state=check.state, text=check.text, mend=check.mend)
            console.say(f"{check.state:8} {check.name}: {check.text}")
            if check.mend is not None:
                console.say(f"{'':8}   to mend: {check.mend}")
        console.event("done", can_run=broken == 0, broken=broken)
        if broken:
            console.say(f"\nThe default stack cannot run here: {broken} thing{'s' if broken != 1 else ''} to mend.")
            raise typer.Exit(CANNOT_RUN_EXIT)
        console.say("\nThe default stack can run here.")


def _checks() -> list[Check]:
    from vfx_swap.cli import checks

    return [
        checks.check_python(),
        checks.check_machine(),
        checks.check_system_libraries(),
        *checks.check_owners(),
        *checks.check_modules(),
        checks.check_devices(),
        *_check_models(),
        _check_colour(),
        *checks.check_disk([Path.cwd(), Path(tempfile.gettempdir())]),
        checks.check_hosts(),
    ]


def _check_models() -> list[Check]:
    from vfx_swap.cli.checks import Check
    from vfx_swap.errors import VfxSwapError
    from vfx_swap.models.registry import load_registry
    from vfx_swap.models.weights import card_states, model_folders

    try:
        cards = load_registry().cards.values()
    except VfxSwapError as error:
        return [Check("models", "broken", str(error), error.mend)]
    found = []
    here = [card for card in cards if not card.is_family]  # of a family nothing is missing: it is the user's to bring
    for state in card_states(here, folders=model_folders()):
        name = f"model {state.card.id}"
        if state.state in ("found", "no files"):
            found.append(Check(name, "ok", f"{state.card.task}, {state.card.licence}"))
        else:
            reason = state.reason or state.state
            found.append(Check(name, "broken" if state.card.default else "note", reason))
    named = [Path(text).expanduser() for text in os.environ.get("VFX_SWAP_MODELS", "").split(os.pathsep) if text]
    for folder in named:
        if not folder.is_dir():
            mend = "Correct VFX_SWAP_MODELS, or make the folder"
            found.append(Check("model folder", "warning", f"{str(folder)!r} of VFX_SWAP_MODELS is no folder", mend))
    return found


def _check_colour() -> Check:
    from vfx_swap.cli.checks import Check
    from vfx_swap.errors import VfxSwapError

    try:
        from vfx_swap.colour.ocio import load_config

        config = load_config()
    except VfxSwapError as error:
        return Check("colour", "broken", error.what, error.mend or "Unset OCIO, or point it at a config that loads")
    except ImportError as error:
        return Check("colour", "broken", f"OpenColorIO does not load: {error}", "scripts/setup")
    return Check("colour", "ok", f"OCIO config {config.source}")
