"""A shot as an OpenCue job: the specification that pyoutline serialises, which `cueadmin` or pycue launches.

pyoutline and Cuebot are not asked for here: the commands are plain `vfx-swap`, and Cuebot puts each chunk's frames in
the place of `#FRAMESPEC#` (OpenCue, `DispatchSupportService.java`).
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

from vfx_swap.errors import CannotRunError, UsageError
from vfx_swap.farm.openjd import Submission, int_range
from vfx_swap.io.atomic import atomic_write

__all__ = ["job_specification", "write_specification"]

MEND = "Install it with scripts/setup --farm"
SERVICE = "vfx-swap"
MARK = re.compile(r"#(ZFRAME|IFRAME|FRAME_START|FRAME_END|FRAME_CHUNK|LAYER|JOB|FRAMESPEC|FRAME)#")
"""What Cuebot replaces in a command."""


def job_specification(job: Submission, *, show: str, user: str) -> str:
    """The XML of the job.

    Args:
        job: what is asked for.
        show: the show that it is booked on.
        user: whose job it is.

    Raises:
        CannotRunError: pyoutline is not installed.
        UsageError: a path that Cuebot would change.
    """
    try:
        import outline.backend.cue
        import outline.cuerun
        from outline.modules import shell
    except ImportError as error:
        raise CannotRunError("pyoutline is not installed", mend=MEND) from error
    made = outline.Outline(name=_word(job.shot.name), shot=_word(job.shot.name), show=show, user=user)
    tracks = shell.Shell("tracks", command=_command(job, ["--tracks-only"]), range="1", service=SERVICE)
    needs: dict[str, Any] = {"gpus": job.gpus} if job.gpus else {}
    if job.gpu_memory_mib is not None:
        needs["gpu_memory"] = f"{job.gpu_memory_mib}m"
    chunk = ["--frames", "#FRAMESPEC#", "--device", job.device]
    frames = int_range(job.frames)
    render = shell.Shell(
        "render", command=_command(job, chunk), range=frames, chunk=job.chunk, service=SERVICE, **needs
    )
    render.depend_all(tracks)
    layers = [tracks, render]
    if job.qc:
        # No frame mark: once, after every frame.
        measure = _command(job, ["--frames", frames, "--out", str(job.report)], verb=("qc",))
        layers.append(shell.Shell("qc", command=measure, range="1", service=SERVICE))
        layers[-1].depend_all(render)
    if job.sign:
        sign = _command(job, ["--overwrite"], verb=("provenance", "sign"))
        layers.append(shell.Shell("sign", command=sign, range="1", service=SERVICE))
        layers[-1].depend_all(layers[-2])
    for layer in layers:
        made.add_layer(layer)
    launcher = outline.cuerun.OutlineLauncher(made, user=user, show=show, shot=_word(job.shot.name))
    text: str = outline.backend.cue.serialize_simple(launcher)
    return text


def write_specification(path: Path, job: Submission, *, show: str, user: str) -> None:
    """Write the XML.

    Raises:
        OutputError: it cannot be written; others as `job_specification`.
    """
    text = job_specification(job, show=show, user=user)
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _command(job: Submission, options: list[str], *, verb: tuple[str, ...] = ("render",)) -> list[str]:
    """A layer's command: what is to be done with the shot file, and how. RQD hands it to a shell."""
    for path in (str(job.shot_file), *([str(job.report)] if job.qc else [])):
        if MARK.search(path):
            raise UsageError("OpenCue would take a part of this path for a frame", where=path, mend="Rename it")
    words = [job.program, *verb, str(job.shot_file), *options, "--json"]
    return [word if word == "#FRAMESPEC#" else shlex.quote(word) for word in words]


def _word(name: str) -> str:
    """A name as OpenCue takes it: letters, digits, dots, dashes and underscores."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name)
