"""`vfx-swap simswap SCRIPT ...`: SimSwap's own command lines, literally, with consent asked for as everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vfx_swap.cli.compat import network_options, tell_compat
from vfx_swap.cli.session import DebugOption, JsonOption, running, stop_requests
from vfx_swap.cli.simswap_flags import Script, dead_flags, device_of, script_named
from vfx_swap.errors import UsageError
from vfx_swap.pipeline.today import local_today

if TYPE_CHECKING:
    from vfx_swap.cli.console import Console
    from vfx_swap.models.simswap_compat.open import SimSwapModels
    from vfx_swap.pipeline.simswap_cast import Role

__all__ = ["simswap"]

_Script = Annotated[str, typer.Argument(metavar="SCRIPT", help="Such as test_one_image, with or without .py.")]
_Name = Annotated[str, typer.Option("--name", help="Folder of the generator's checkpoint.")]
_Checkpoints = Annotated[str, typer.Option("--checkpoints_dir", help="Where that folder is.")]
_Epoch = Annotated[str, typer.Option("--which_epoch", help="First part of the checkpoint's name.")]
_Arc = Annotated[Path | None, typer.Option("--Arc_path", metavar="FILE", help="The recogniser's checkpoint.")]
_PicA = Annotated[
    str | None, typer.Option("--pic_a_path", metavar="A", help="Who goes in: a picture, or an .identity.")
]
_PicB = Annotated[str, typer.Option("--pic_b_path", metavar="B", help="The picture that is worked on.")]
_Specific = Annotated[str, typer.Option("--pic_specific_path", metavar="C", help="Who is replaced.")]
_Multi = Annotated[
    str, typer.Option("--multisepcific_dir", metavar="DIR", help="SRC_*: who is replaced; DST_*: who goes in.")
]
_Video = Annotated[str | None, typer.Option("--video_path", metavar="V", help="The movie that is worked on.")]
_Output = Annotated[str, typer.Option("--output_path", metavar="O", help="Folder of the picture, or the movie itself.")]
_Threshold = Annotated[float, typer.Option("--id_thres", min=0.0, help="How like a person is taken for one.")]
_CropSize = Annotated[int | None, typer.Option("--crop_size", help="512, as the scripts have it, or 224.")]
_Mask = Annotated[bool, typer.Option("--use_mask", help="Replace the regions a parser finds, not the box.")]
_Gpus = Annotated[str | None, typer.Option("--gpu_ids", metavar="N", help="GPU; -1: the CPU.")]
_Engine = Annotated[
    str | None, typer.Option("--engine", metavar="CARD", help="The generator's card, whatever the size.")
]
_Consent = Annotated[Path | None, typer.Option("--consent", metavar="FILE", help="Consent record.")]
_Who = Annotated[str | None, typer.Option("--consented-by", metavar="WHO", help="Who vouches for the consent.")]
_Scope = Annotated[str | None, typer.Option("--scope", metavar="TEXT", help="The use allowed, in words.")]
_Expires = Annotated[str | None, typer.Option("--expires", metavar="DATE", help="Last day it holds, as 2027-12-31.")]
_Device = Annotated[str | None, typer.Option("--device", metavar="D", help="cpu, cuda, cuda:N or auto.")]


@dataclass(frozen=True)
class _Asked:
    """What was typed, but for consent."""

    script: Script
    pic_a: str | None
    pic_b: str
    specific: str
    multi: str
    video: str | None
    output: str
    threshold: float
    use_mask: bool
    device: str
    checkpoint: Path
    """Where SimSwap looks for the generator."""
    family: str
    """The generator's card, where no file is there."""
    engine: str | None
    arc_path: Path | None

    @property
    def target(self) -> str:
        """The picture or the movie that is written."""
        return self.output if self.script.result is None else str(Path(self.output) / self.script.result)


def simswap(
    context: typer.Context,
    *,
    script: _Script,
    name: _Name = "people",
    checkpoints_dir: _Checkpoints = "./checkpoints",
    which_epoch: _Epoch = "latest",
    arc_path: _Arc = None,
    pic_a_path: _PicA = None,
    pic_b_path: _PicB = "./demo_file/multi_people.jpg",
    pic_specific_path: _Specific = "./crop_224/zrf.jpg",
    multisepcific_dir: _Multi = "./demo_file/multispecific",
    video_path: _Video = None,
    output_path: _Output = "./output/",
    id_thres: _Threshold = 0.03,
    crop_size: _CropSize = None,
    use_mask: _Mask = False,
    gpu_ids: _Gpus = None,
    engine: _Engine = None,
    consent: _Consent = None,
    consented_by: _Who = None,
    scope: _Scope = None,
    expires: _Expires = None,
    device: _Device = None,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """What SimSwap's nine scripts do, with their own flags and the file names that they write.

    A picture as --pic_a_path needs consent: --consent, or --consented-by with --scope and --expires.
    """
    with running(json=json, debug=debug) as console:
        chosen = script_named(script)
        _tell_dead(console, context)
        # As in SimSwap: 512, which is the default but for aligned crops, has a name and an epoch of its own.
        own = crop_size != 512 and (chosen.aligned or crop_size is not None)
        folder, epoch = (name, which_epoch) if own else ("512", "550000")
        checkpoint = Path(checkpoints_dir) / folder / f"{epoch}_net_G.pth"
        asked = _Asked(
            chosen, pic_a_path, pic_b_path, pic_specific_path, multisepcific_dir, video_path, output_path, id_thres,
            use_mask, device_of(gpu_ids, device), checkpoint, "simswap-512" if folder == "512" else "simswap-224",
            engine, arc_path,
        )  # fmt: skip
        _run(console, asked, {"file": consent, "who": consented_by, "scope": scope, "expires": expires})


def _tell_dead(console: Console, context: typer.Context) -> None:
    known = [option for one in context.command.params for option in one.opts]
    for flag in dead_flags(context.args, known=known):
        console.event("note", message=f"{flag} changes nothing here")
        console.note(f"note: {flag} changes nothing here")


def _run(console: Console, asked: _Asked, consent: Mapping[str, Any]) -> None:
    """Do what a script does."""
    from vfx_swap.models.onnx_swap.open import brought_registry
    from vfx_swap.models.simswap_compat.open import open_simswap
    from vfx_swap.pipeline.simswap_people import check_people, check_recogniser, generator_card, people_of, roles_of

    script = asked.script
    if script.result is None and asked.video is None:
        raise UsageError("the movie is not said", mend="Give --video_path V")
    people = people_of(casting=script.casting, pic_a=asked.pic_a, specific=asked.specific, multi=asked.multi)
    # Consent first: before a picture of anybody is opened.
    identities = check_people(people, today=local_today(), name=Path(asked.target).stem, **consent)
    registry = brought_registry()
    card = generator_card(registry, checkpoint=asked.checkpoint, family=asked.family, engine=asked.engine)
    check_recogniser(registry, card, asked.arc_path)
    options = network_options(asked.device)
    mask = asked.use_mask and not script.aligned
    models = open_simswap(card, registry=registry, options=options, mask=mask, recogniser=True)
    roles = roles_of(people, identities, models=models, aligned=script.aligned)
    _swap(console, asked, roles, models)


def _swap(console: Console, asked: _Asked, roles: Sequence[Role], models: SimSwapModels) -> None:
    from vfx_swap.pipeline.simswap import render_simswap
    from vfx_swap.pipeline.simswap_people import swap_aligned

    if asked.script.aligned:
        swap_aligned(Path(asked.pic_b), Path(asked.target), role=roles[0], models=models)
        console.event("done", output=asked.target, rendered=1)
        console.say(f"written: {asked.target}")
        return
    with stop_requests(console) as cancelled, console.progress() as progress:
        report = render_simswap(
            asked.pic_b if asked.script.result is not None else str(asked.video),
            asked.target,
            roles=roles,
            casting=asked.script.casting,
            models=models,
            threshold=asked.threshold,
            progress=progress,
            cancelled=cancelled,
        )
    tell_compat(console, report)
