"""`vfx-swap submit`: a shot as a job for a farm that has a scheduler of its own."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vfx_swap.cli.session import DebugOption, DeviceOption, JsonOption, running
from vfx_swap.errors import UsageError
from vfx_swap.pipeline.today import local_today

if TYPE_CHECKING:
    from vfx_swap.settings import Shot

__all__ = ["submit", "write_jobs"]


def submit(
    *,
    shot: Annotated[Path, typer.Argument(metavar="SHOT.toml", help="The shot file.")],
    openjd: Annotated[
        Path | None, typer.Option("--openjd", metavar="DIR", help="Write an Open Job Description job bundle.")
    ] = None,
    opencue: Annotated[
        Path | None, typer.Option("--opencue", metavar="FILE", help="Write an OpenCue job specification.")
    ] = None,
    frames: Annotated[str | None, typer.Option(metavar="RANGE", help="Only these of the shot's frames.")] = None,
    chunk: Annotated[int, typer.Option(metavar="N", min=1, help="Frames a task.")] = 10,
    gpus: Annotated[int | None, typer.Option(metavar="N", min=0, help="GPUs that a machine must have.")] = None,
    gpu_memory: Annotated[
        int | None, typer.Option(metavar="MIB", min=1, help="Memory that a GPU must have, in MiB.")
    ] = None,
    qc: Annotated[
        bool, typer.Option("--qc", help="Measure the shot in a last step; the job fails where it fails.")
    ] = False,
    sign: Annotated[
        bool, typer.Option("--sign", help="Sign the frames (C2PA) in a last step, by the facility file of its machine.")
    ] = False,
    program: Annotated[
        str, typer.Option(metavar="PATH", help="The vfx-swap command on the farm's machines.")
    ] = "vfx-swap",
    show: Annotated[str, typer.Option(metavar="NAME", help="With --opencue: the show to book on.")] = "testing",
    device: DeviceOption = "cpu",
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Write a farm job: tracks once, then frames in chunks. Nothing is sent anywhere.

    Shot file, plate and consent are checked now, and consent again on the farm, in every task.
    """
    with running(json=json, debug=debug) as console:
        written, numbers = write_jobs(
            shot, openjd=openjd, opencue=opencue, frames=frames, chunk=chunk, device=device, gpus=gpus,
            gpu_memory_mib=gpu_memory, program=program, show=show, qc=qc, sign=sign,
        )  # fmt: skip
        tasks = -(-len(numbers) // chunk)
        console.event("done", written=[str(path) for path in written], frames=len(numbers), tasks=tasks)
        for path in written:
            console.say(f"{len(numbers)} frames in at least {tasks} tasks of {chunk}: {path}")


def write_jobs(
    shot: Path,
    *,
    openjd: Path | None = None,
    opencue: Path | None = None,
    frames: str | None = None,
    chunk: int = 10,
    device: str = "cpu",
    gpus: int | None = None,
    gpu_memory_mib: int | None = None,
    program: str = "vfx-swap",
    show: str = "testing",
    qc: bool = False,
    sign: bool = False,
) -> tuple[list[Path], tuple[int, ...]]:
    """The jobs of a shot file that are asked for; what was written, and the frames they render.

    Args:
        shot: the shot file.
        openjd: folder of the job bundle.
        opencue: file of the job specification.
        frames: only these.
        chunk: frames a task.
        device: where frames are swapped.
        gpus: that a machine must have; None: as many as the device asks for.
        gpu_memory_mib: that a GPU must have.
        program: the command on the farm's machines.
        show: of OpenCue.
        qc: whether a last step measures the shot.
        sign: whether a last step signs the frames, after `qc` where both are asked for.

    Raises:
        UsageError: no farm is named.
        VfxSwapError: the shot is not fit, or not allowed.
    """
    from vfx_swap.farm.opencue import write_specification
    from vfx_swap.farm.openjd import Submission, write_bundle

    if openjd is None and opencue is None:
        raise UsageError("for which farm?", mend="Give --openjd DIR or --opencue FILE")
    settings, numbers = _checked(shot, frames, sign=sign)
    job = Submission(
        shot_file=shot.absolute(), shot=settings, frames=numbers, chunk=chunk, device=device,
        gpus=int(device == "cuda") if gpus is None else gpus, gpu_memory_mib=gpu_memory_mib, program=program,
        qc=qc, sign=sign,
    )  # fmt: skip
    written = []
    if opencue is not None:
        write_specification(opencue, job, show=show, user=getpass.getuser())
        written.append(opencue)
    if openjd is not None:
        written.append(write_bundle(openjd, job))
    return written, numbers


def _checked(path: Path, frames: str | None, *, sign: bool) -> tuple[Shot, tuple[int, ...]]:
    """The shot, fit and allowed, and the frames to render."""
    from vfx_swap.colour.ocio import load_config
    from vfx_swap.io.ranges import parse_frames
    from vfx_swap.pipeline.prepare import check_cast, frames_for_chunks
    from vfx_swap.pipeline.provenance_shot import require_signable
    from vfx_swap.pipeline.validate import open_shot

    config = load_config()
    shot = open_shot(path, config=config)
    if sign:
        require_signable(shot)
    check_cast(shot, today=local_today())
    wanted = None if frames is None else parse_frames(frames)
    return shot, frames_for_chunks(shot, config=config, wanted=wanted)
