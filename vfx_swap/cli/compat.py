"""`swap --compat simswap`: what the user typed, for SimSwap's own pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vfx_swap.cli.session import MissingFrames, stop_requests
from vfx_swap.pipeline.today import local_today

if TYPE_CHECKING:
    from vfx_swap.cli.console import Console
    from vfx_swap.models.registry import LoadOptions
    from vfx_swap.models.simswap_compat.open import SimSwapModels
    from vfx_swap.pipeline.simswap import CompatReport
    from vfx_swap.pipeline.simswap_cast import Casting, Role
    from vfx_swap.types import Identity

__all__ = ["casting_of", "network_options", "run_compat", "tell_compat"]

GENERATOR = "simswap-224"


def run_compat(
    console: Console,
    *,
    plate: str,
    out: str,
    who: Sequence[dict[str, Any]],
    engine: str | None,
    parser: str | None,
    frames: str,
    missing: MissingFrames,
    device: str,
) -> None:
    """Swap a plate as SimSwap itself does.

    Args:
        console: of the command.
        plate: as typed.
        out: as typed.
        who: the `[[cast]]` tables that the options stand for.
        engine: the generator's card; None: simswap-224.
        parser: `bisenet` masks as `--use_mask` does; None or `none`: all of a crop is replaced.
        frames: range.
        missing: what a missing frame becomes.
        device: where networks run.

    Raises:
        VfxSwapError: as `render_simswap` does, and for consent.
    """
    from vfx_swap.errors import UsageError
    from vfx_swap.io.paths import FramePattern
    from vfx_swap.models.onnx_swap.open import brought_registry
    from vfx_swap.models.simswap_compat.open import open_simswap
    from vfx_swap.pipeline.simswap import render_simswap

    if parser not in (None, "none", "bisenet"):
        raise UsageError(f"SimSwap masks by bisenet, not by {parser!r}", mend="Give --parser bisenet, or none")
    identities = _consenting(who, name=FramePattern.parse(out).name)
    registry = brought_registry()
    casting = casting_of(who)
    models = open_simswap(
        registry.card(engine or GENERATOR, task="swap"),
        registry=registry,
        options=network_options(device),
        mask=parser == "bisenet",
        recogniser=casting in ("specific", "multispecific"),
    )
    roles = _roles(who, identities, models)
    with stop_requests(console) as cancelled, console.progress() as progress:
        report = render_simswap(
            plate,
            out,
            roles=roles,
            casting=casting,
            models=models,
            frames=frames,
            missing=missing,
            progress=progress,
            cancelled=cancelled,
        )
    tell_compat(console, report)


def _consenting(who: Sequence[dict[str, Any]], *, name: str) -> dict[str, Identity]:
    """Path -> identity, every one allowed in this today."""
    from vfx_swap.pipeline.consent import check_consent
    from vfx_swap.pipeline.identity_file import load_identity
    from vfx_swap.pipeline.usage import refusals_on_record

    identities = {one["identity"]: load_identity(one["identity"]) for one in who}
    for path, identity in identities.items():
        with refusals_on_record(partial(tuple, [identity]), shot=name):
            check_consent(identity, today=local_today(), shot_name=name, pack=path)
    return identities


def _roles(who: Sequence[dict[str, Any]], identities: Mapping[str, Identity], models: SimSwapModels) -> list[Role]:
    from vfx_swap.pipeline.simswap import photograph_bytes
    from vfx_swap.pipeline.simswap_cast import Role, identity_vector, performer_vector

    roles = []
    for one in who:
        identity, performer = identities[one["identity"]], None
        vector = identity_vector(identity, name=models.vector_name, pack=one["identity"])
        if "performer" in one:
            seen, photo = photograph_bytes(Path(one["performer"])), one["performer"]
            performer = performer_vector(seen, detector=models.detector, embedder=models.embedder, where=photo)
        roles.append(Role(identity, vector, performer))
    return roles


def casting_of(who: Sequence[dict[str, Any]]) -> Casting:
    """SimSwap's word for whom the options mean."""
    if "performer" in who[0]:
        return "specific" if len(who) == 1 else "multispecific"
    return "all" if who[0].get("position") == "all" else "single"


def network_options(device: str) -> LoadOptions:
    """How networks run on a device that was named: there, or not at all.

    Raises:
        UsageError: the name is no device.
        DeviceError: the device is not there.
    """
    from vfx_swap.models.devices import open_kernels
    from vfx_swap.models.registry import LoadOptions

    return LoadOptions(device=open_kernels(device).device)


def tell_compat(console: Console, report: CompatReport) -> None:
    """Tell what was done."""
    console.event(
        "done", output=report.output, rendered=report.frames, without_face=list(report.without_face), log=report.log
    )
    console.say(f"{report.frames} frame{'s' if report.frames != 1 else ''} written to {report.output}")
    if report.without_face:
        console.say(f"{len(report.without_face)} without a face to swap: written as the plate")
    console.say(f"log: {report.log}")
