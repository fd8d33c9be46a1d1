"""`vfx-swap train`: prepare crops, train a recogniser, a parser, a generator."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vfx_swap.cli.session import DebugOption, JsonOption, running, stop_requests

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import torch

    from vfx_swap.cli.console import Console
    from vfx_swap.models.arcface.network import ArcFace
    from vfx_swap.models.training.backbone import TrunkBackbone
    from vfx_swap.models.training.board import Board
    from vfx_swap.models.training.checkpoints import StartWeights
    from vfx_swap.models.training.crops import Crops
    from vfx_swap.models.training.run import Trainer
    from vfx_swap.pipeline.training_crops import Prepared

__all__ = ["train_app"]

PROJECTED = "projected without --backbone: random features judge, which know less than trained ones"
SHEET = "samples-{:07}.png"
"""A checkpoint's sheet, by its step."""
train_app = typer.Typer(help="Train networks on your own pictures, where the consent on record allows it.")

_Crops = Annotated[Path, typer.Argument(metavar="CROPS", help="Folder that `train prepare` wrote.")]
_Out = Annotated[Path, typer.Option(metavar="DIR", help="Folder for checkpoints, log and sample sheets.")]
_Steps = Annotated[int, typer.Option(metavar="N", help="Steps in all, those before a resume counted.")]
_Only = Annotated[list[str] | None, typer.Option("--only", metavar="NAME", help="Only this identity; repeat.")]
_Resume = Annotated[bool, typer.Option("--resume", help="Go on from the folder, to the bit on CPU.")]
_Save = Annotated[int, typer.Option(metavar="N", help="Steps from checkpoint to checkpoint.")]
_Log = Annotated[int, typer.Option(metavar="N", help="Steps to a line of the log.")]
_Seed = Annotated[int, typer.Option(metavar="N", help="Decides weights, pairs and augmentation.")]
_DeviceName = Annotated[str, typer.Option(metavar="D", help="cpu, cuda or cuda:N.")]
_Threads = Annotated[int, typer.Option(metavar="N", help="Threads on the CPU; resume with as many.")]
_Weight = Annotated[float | None, typer.Option(metavar="F", help="Weight of this loss; else the recipe's.")]
_Backbone = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Of the projected judge: a ResNet-18's weights, or a trained parser."),
]
_Shake = Annotated[float, typer.Option(metavar="F", help="Shake swaps before the recogniser sees them.")]
_Tell = Annotated[bool, typer.Option("--tell", help="Tell the patch judge whose face it should be.")]
_Keep = Annotated[bool, typer.Option("--keep", help="Every checkpoint's generator too, by its step.")]
_Also = Annotated[
    list[Path] | None, typer.Option(metavar="FILE", help="Another recogniser to judge swaps; may be repeated.")
]
_Start = Annotated[
    str | None, typer.Option("--from", metavar="FILE|ID", help="Weights to start from; their sizes are taken.")
]
_Board = Annotated[bool, typer.Option("--tensorboard", help="Curves and sheets for TensorBoard too.")]
_Augment = Annotated[float, typer.Option(metavar="F", help="0: none; 1: mirrored, graded by 8 %.")]


@train_app.command("prepare")
def prepare(
    *,
    root: Annotated[
        Path | None, typer.Argument(metavar="FOLDER", help="A folder of pictures for each identity.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of crops that is written.")],
    shot: Annotated[
        Path | None, typer.Option(metavar="SHOT.toml", help="Instead of FOLDER: this shot's performers and identities.")
    ] = None,
    most: Annotated[int, typer.Option(metavar="N", help="With --shot: crops of a performer at most.")] = 200,
    size: Annotated[int, typer.Option(metavar="PX", help="Side of a crop.")] = 224,
    template: Annotated[str, typer.Option(metavar="NAME", help="Where the face lies in it.")] = "arcface_112_v1",
    consent: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Record for those who have none beside their pictures.")
    ] = None,
    model: Annotated[str, typer.Option(metavar="NAME", help="What is trained, where a record names models.")] = "",
    regions: Annotated[
        bool, typer.Option("--regions", help="Take regions/NAME.exr beside each picture along.")
    ] = False,
    threads: Annotated[int, typer.Option(metavar="N", help="Threads of a model.")] = 2,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Align pictures, or a shot's faces, to crops; everyone's record must allow training."""
    with running(json=json, debug=debug) as console:
        from vfx_swap.colour.ocio import load_config
        from vfx_swap.errors import UsageError
        from vfx_swap.models.default import load_face_models
        from vfx_swap.pipeline.today import local_today
        from vfx_swap.pipeline.training_crops import prepare_crops

        if shot is not None and root is None and not regions:
            made = _of_shot(
                console, shot, out, today=local_today(), size=size, template=template, model=model, consent=consent,
                most=most,
            )  # fmt: skip
        elif root is not None and shot is None:
            with load_face_models(threads=threads) as models:
                made = prepare_crops(
                    root, out, models=models, config=load_config(), today=local_today(), size=size, template=template,
                    model=model, consent=consent, regions=regions, say=console.note,
                )  # fmt: skip
        else:
            raise UsageError("either FOLDER, with --regions where they are known, or --shot is prepared")
        for line in made.skipped:
            console.note(f"left out: {line}")
        told = {"crops": made.crops, "identities": made.identities, "answers": made.answers}
        console.event("done", **told, skipped=len(made.skipped))
        known = f", {made.answers} true swaps" if made.answers else ""
        console.say(f"{out}: {made.crops} crops of {made.identities} identities{known}; "
                    f"{len(made.skipped)} pictures left out")  # fmt: skip


@train_app.command("recogniser")
def recogniser(
    *,
    crops: _Crops,
    out: _Out,
    steps: _Steps = 20000,
    only: _Only = None,
    width: Annotated[int, typer.Option(metavar="N", help="Channels of the first stage.")] = 64,
    blocks: Annotated[str, typer.Option(metavar="A,B,C,D", help="Blocks of the four stages.")] = "3,4,23,3",
    latent: Annotated[int, typer.Option(metavar="N", help="Length of the vector.")] = 512,
    size: Annotated[int, typer.Option(metavar="PX", help="Side of what it sees.")] = 112,
    batch: Annotated[int, typer.Option(metavar="N", help="Crops to a step.")] = 32,
    rate: Annotated[float, typer.Option(metavar="F", help="Of Adam.")] = 1e-3,
    augment: _Augment = 1.0,
    retone: Annotated[float, typer.Option(metavar="F", help="Share of pictures in other tones; 0.8.")] = 0.0,
    robust: Annotated[float, typer.Option(metavar="F", help="Move pictures against it by so much; 0.01.")] = 0.0,
    seed: _Seed = 0,
    resume: _Resume = False,
    save_every: _Save = 1000,
    log_every: _Log = 50,
    tensorboard: _Board = False,
    device: _DeviceName = "cpu",
    threads: _Threads = 2,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Train a recogniser, ArcFace's loss over the identities of the crops."""
    with running(json=json, debug=debug, resume=f"Go on with --resume: {out}") as console:
        place = _place(device, threads)
        from vfx_swap.models.training.recogniser import RecogniserSettings, RecogniserTrainer

        settings = RecogniserSettings(
            width=width, blocks=_four(blocks), latent=latent, size=size, batch=batch, rate=rate, augment=augment,
            retone=retone, robust=robust, seed=seed,
        )  # fmt: skip
        trainer = RecogniserTrainer(settings, _allowed(crops, only), device=place)
        how: dict[str, Any] = {"steps": steps, "resume": resume, "save_every": save_every, "log_every": log_every}
        _run(console, trainer, out, board=_board(out, wanted=tensorboard), **how)


@train_app.command("parser")
def parser(
    *,
    crops: _Crops,
    out: _Out,
    steps: _Steps = 80000,
    only: _Only = None,
    width: Annotated[int, typer.Option(metavar="N", help="Channels of the first stage.")] = 64,
    batch: Annotated[int, typer.Option(metavar="N", help="Crops to a step.")] = 16,
    rate: Annotated[
        float, typer.Option(metavar="F", help="Of SGD, at the start; it falls to 0 over the steps.")
    ] = 1e-2,
    augment: Annotated[
        float, typer.Option(metavar="F", help="0: none; 1: mirrored, turned, scaled, shifted and graded.")
    ] = 1.0,
    seed: _Seed = 0,
    resume: _Resume = False,
    save_every: _Save = 1000,
    log_every: _Log = 50,
    tensorboard: _Board = False,
    device: _DeviceName = "cpu",
    threads: _Threads = 2,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Train a face parser, BiSeNet, on crops whose regions are known (`train prepare --regions`)."""
    with running(json=json, debug=debug, resume=f"Go on with --resume: {out}") as console:
        place = _place(device, threads)
        from vfx_swap.models.training.parser import ParserSettings, ParserTrainer

        settings = ParserSettings(steps=steps, width=width, batch=batch, rate=rate, augment=augment, seed=seed)
        trainer = ParserTrainer(settings, _allowed(crops, only), device=place)
        how: dict[str, Any] = {"steps": steps, "resume": resume, "save_every": save_every, "log_every": log_every}
        _run(console, trainer, out, board=_board(out, wanted=tensorboard), **how)


@train_app.command("generator")
def generator(
    *,
    crops: _Crops,
    out: _Out,
    recogniser: Annotated[Path, typer.Option(metavar="FILE", help="Safetensors of the recogniser; it stays as it is.")],
    also: _Also = None,
    start: _Start = None,
    recipe: Annotated[str, typer.Option(metavar="NAME", help="paper or projected.")] = "paper",
    backbone: _Backbone = None,
    steps: _Steps = 500000,
    only: _Only = None,
    width: Annotated[int, typer.Option(metavar="N", help="Channels of the first layer.")] = 64,
    blocks: Annotated[int, typer.Option(metavar="N", help="Identity blocks.")] = 9,
    batch: Annotated[int, typer.Option(metavar="N", help="Pairs to a batch.")] = 8,
    accumulate: Annotated[int, typer.Option(metavar="N", help="Batches to a step.")] = 1,
    rate: Annotated[float | None, typer.Option(metavar="F", help="Of Adam; else the recipe's.")] = None,
    identity: _Weight = None,
    reconstruction: _Weight = None,
    answers: _Weight = None,
    features: _Weight = None,
    penalty: _Weight = None,
    shake: _Shake = 0.0,
    tell: _Tell = False,
    average: Annotated[float, typer.Option(metavar="F", help="Decay of the moving average.")] = 0.999,
    half: Annotated[bool, typer.Option("--half", help="Half precision; CUDA only.")] = False,
    keep: _Keep = False,
    augment: _Augment = 1.0,
    seed: _Seed = 0,
    resume: _Resume = False,
    save_every: _Save = 1000,
    log_every: _Log = 50,
    tensorboard: _Board = False,
    device: _DeviceName = "cpu",
    threads: _Threads = 2,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Train a generator on pairs of the crops, same and different identities in turns."""
    with running(json=json, debug=debug, resume=f"Go on with --resume: {out}") as console:
        place = _place(device, threads)
        from vfx_swap.models.training.generator import GeneratorSettings, GeneratorTrainer
        from vfx_swap.models.training.sheet import sample_sheet

        judge = _backbone(console, backbone, recipe=recipe)
        begun, width, blocks = _sizes(start, width=width, blocks=blocks)
        settings = GeneratorSettings(
            recipe=recipe, width=width, blocks=blocks, batch=batch, accumulate=accumulate, rate=rate, average=average,
            augment=augment, seed=seed, half=half, identity=identity, reconstruction=reconstruction, answers=answers,
            features=features, penalty=penalty, shake=shake, tell=tell,
        )  # fmt: skip
        held, (face, *others) = _allowed(crops, only), _recognisers(recogniser, *(also or ()))
        trainer = GeneratorTrainer(settings, held, face, device=place, also=others, start=begun, backbone=judge)
        how: dict[str, Any] = {"steps": steps, "resume": resume, "save_every": save_every, "log_every": log_every}

        def saved(step: int) -> None:
            if keep:
                trainer.write_generator(out / f"generator-{step:07}.safetensors", step=step)
            sample_sheet(out / SHEET.format(step), held, swapped=trainer.swapped)

        _run(console, trainer, out, board=_board(out, wanted=tensorboard), saved=saved, **how)


def _of_shot(console: Console, path: Path, out: Path, **given: Any) -> Prepared:
    """Crops of a shot's performers and identities."""
    from vfx_swap.colour.ocio import load_config
    from vfx_swap.pipeline.training_shot import prepare_shot
    from vfx_swap.pipeline.validate import open_shot

    shot = open_shot(path, config=load_config())
    with stop_requests(console) as cancelled, console.progress() as progress:
        return prepare_shot(shot, out, **given, progress=progress, cancelled=cancelled, say=console.note)


def _backbone(console: Console, path: Path | None, *, recipe: str) -> TrunkBackbone | None:
    """The projected judge's backbone, where one is given.

    Raises:
        UsageError: the recipe has no use for it.
        MissingInputError, ModelMismatchError: it is not there, or no ResNet-18.
    """
    from vfx_swap.errors import UsageError

    if path is None:
        if recipe == "projected":
            console.note(PROJECTED)
        return None
    if recipe != "projected":
        raise UsageError(f"recipe {recipe!r} has no backbone", mend="Say --recipe projected, or leave --backbone out")
    from vfx_swap.models.training.backbone import open_backbone

    return open_backbone(path)


def _recognisers(*paths: Path) -> list[ArcFace]:
    from vfx_swap.models.training.checkpoints import open_recogniser

    return [open_recogniser(path) for path in paths]


def _sizes(start: str | None, *, width: int, blocks: int) -> tuple[StartWeights | None, int, int]:
    """Weights to start from, and their sizes in place of those given."""
    if start is None:
        return None, width, blocks
    begun = _start(start)
    return begun, begun.width, begun.blocks


def _start(name: str) -> StartWeights:
    """Weights to start from: a file, or what a card keeps.

    Raises:
        MissingInputError: there is no such file, and no such card.
        ModelMismatchError: they are no generator's.
    """
    from vfx_swap.models.registry import load_registry
    from vfx_swap.models.training.checkpoints import read_start
    from vfx_swap.models.weights import model_folders, verified_files

    path = Path(name)
    card = None if path.exists() else load_registry().cards.get(name)
    if card is not None and card.weights is not None:
        path = next(iter(verified_files(card, folders=model_folders()).values()), path)
    return read_start(path)


def _board(folder: Path, *, wanted: bool) -> Board | None:
    if not wanted:
        return None
    from vfx_swap.models.training.board import Board

    return Board(folder)


def _run(
    console: Console,
    trainer: Trainer,
    out: Path,
    *,
    board: Board | None,
    saved: Callable[[int], None] = lambda _step: None,
    **how: Any,
) -> None:
    from vfx_swap.models.training.run import LOG, train

    def told(step: int, terms: Mapping[str, float]) -> None:
        console.event("step", step=step, **terms)
        console.say(f"step {step}: " + ", ".join(f"{name} {value:.4f}" for name, value in terms.items()))
        if board is not None:
            board.terms(step, terms)

    def kept(step: int) -> None:
        saved(step)
        if board is not None and (sheet := out / SHEET.format(step)).exists():
            board.sheet(step, sheet)

    try:
        done = train(trainer, folder=out, told=told, saved=kept, **how)
    finally:
        if board is not None:
            board.close()
    console.event("done", steps=done, folder=str(out))
    console.say(f"{out}: {done} steps; the curve is in {LOG}")


def _allowed(folder: Path, only: list[str] | None) -> Crops:
    """The crops, if everyone's consent still holds today."""
    from vfx_swap.models.training.crops import check_usage, read_crops
    from vfx_swap.pipeline.today import local_today
    from vfx_swap.pipeline.usage import record_training

    crops, today = read_crops(folder, identities=only or ()), local_today()
    check_usage(crops, today=today)
    record_training(crops, today=today)
    return crops


def _place(device: str, threads: int) -> torch.device:
    """The device, by its name; never another one than was asked for.

    Raises:
        UsageError: there is no such name.
        DeviceError: torch or the device is not there.
    """
    from vfx_swap.errors import DeviceError, UsageError
    from vfx_swap.models.torch_kernels.device import import_torch

    torch = import_torch()
    kind, _, number = device.partition(":")
    if kind not in ("cpu", "cuda") or (number and (kind == "cpu" or not number.isdigit())) or threads < 1:
        raise UsageError(f"no such device or threads: {device!r}, {threads}", mend="Say cpu, cuda or cuda:N")
    if kind == "cpu":
        torch.set_num_threads(threads)
    elif not torch.cuda.is_available() or int(number or 0) >= torch.cuda.device_count():
        raise DeviceError(f"{device!r} is not there: torch sees {torch.cuda.device_count()} CUDA devices")
    return torch.device(device)


def _four(text: str) -> tuple[int, int, int, int]:
    from vfx_swap.errors import UsageError

    try:
        one, two, three, four = (int(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(f"--blocks {text!r} is not four numbers", mend="Write it like 3,4,23,3") from error
    return one, two, three, four
