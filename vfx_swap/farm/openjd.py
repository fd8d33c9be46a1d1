"""A shot as an Open Job Description job bundle: a template, its parameters, and what it reads and writes, as JSON.

Template schema `jobtemplate-2023-09` with the extension TASK_CHUNKING; a bundle's other two files are those that AWS
Deadline Cloud reads (its documentation: "Job bundles"). Two steps: tracks, once, on any machine; then frames in chunks,
in sessions that keep a worker warm. A third and a fourth, where they are asked for, measure the whole shot and sign it.
No shell is asked for, so no path needs quoting.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vfx_swap.errors import OutputError, UsageError
from vfx_swap.io.atomic import atomic_write
from vfx_swap.io.paths import FramePattern
from vfx_swap.pipeline.render_log import output_trouble
from vfx_swap.settings import Shot

__all__ = ["Submission", "asset_references", "int_range", "job_template", "parameter_values", "write_bundle"]

LONGEST_NAME = 128
"""Of a job, by the specification."""
NOTIFY_SECONDS = 120
"""Between SIGTERM, after which a frame is finished, and SIGKILL."""
IDLE_SECONDS = 3600
SOCKET = "{{Session.WorkingDirectory}}/vfx-swap.sock"


@dataclass(frozen=True)
class Submission:
    """What is asked of a farm."""

    shot_file: Path
    """Absolute."""
    shot: Shot
    frames: tuple[int, ...]
    chunk: int = 10
    """Frames a task."""
    device: str = "cpu"
    """`cpu`, `cuda` or `auto`."""
    gpus: int = 0
    """That a machine must have for a chunk."""
    gpu_memory_mib: int | None = None
    program: str = "vfx-swap"
    """The command on the farm's machines."""
    qc: bool = False
    """Whether a last step measures the shot; the job fails where it fails its limits."""
    sign: bool = False
    """Whether a last step signs the frames: what fails its limits is not signed."""

    @property
    def report(self) -> Path:
        """The page that the last step writes, beside the frames."""
        return FramePattern.parse(self.shot.output).folder / f"{self.shot.name}.qc.html"

    def __post_init__(self) -> None:
        if self.device not in ("cpu", "cuda", "auto"):
            mend = "Which GPU a task gets is the farm's to say: --device cuda"
            raise UsageError(f"on a farm the device is cpu, cuda or auto, got {self.device!r}", mend=mend)
        if self.gpu_memory_mib is not None and not self.gpus:
            raise UsageError("memory of a GPU is asked for, and no GPU", mend="Give --gpus 1 with it")


def job_template(job: Submission) -> dict[str, Any]:
    """The template, as JSON has it."""
    return {
        "specificationVersion": "jobtemplate-2023-09",
        "extensions": ["TASK_CHUNKING"],
        "name": f"{job.shot.name} vfx-swap"[:LONGEST_NAME].replace("{{", "(("),
        "description": "Face replacement of one shot, in chunks of frames. Run again, it does what is left.",
        "parameterDefinitions": [
            {
                "name": "ShotFile",
                "type": "PATH",
                "objectType": "FILE",
                "dataFlow": "IN",
                "description": "The shot file.",
            },
            {"name": "Frames", "type": "STRING", "default": int_range(job.frames), "description": "As 1001-1010,1020."},
            {"name": "ChunkSize", "type": "INT", "default": job.chunk, "minValue": 1, "description": "Frames a task."},
            {"name": "Device", "type": "STRING", "default": job.device, "allowedValues": ["cpu", "cuda", "auto"]},
            {"name": "Program", "type": "STRING", "default": job.program, "description": "The vfx-swap command."},
        ],
        "steps": [
            _tracks_step(),
            _render_step(job),
            *([_qc_step(job)] if job.qc else []),
            *([_sign_step(job)] if job.sign else []),
        ],
    }


def _tracks_step() -> dict[str, Any]:
    arguments = ["render", "{{Param.ShotFile}}", "--tracks-only", "--openjd"]
    return {
        "name": "Tracks",
        "description": "Consent is checked, faces are found and followed in the whole shot; needs no GPU.",
        "script": {"actions": {"onRun": _action(arguments)}},
    }


def _render_step(job: Submission) -> dict[str, Any]:
    arguments = ["render", "{{Param.ShotFile}}", "--frames", "{{Task.Param.Frame}}", "--device", "{{Param.Device}}"]
    chunks = {"defaultTaskCount": "{{Param.ChunkSize}}", "rangeConstraint": "CONTIGUOUS"}
    frame = {"name": "Frame", "type": "CHUNK[INT]", "range": "{{Param.Frames}}", "chunks": chunks}
    step: dict[str, Any] = {
        "name": "Render",
        "dependencies": [{"dependsOn": "Tracks"}],
        "parameterSpace": {"taskParameterDefinitions": [frame]},
        "stepEnvironments": [_warm_environment()],
        "script": {"actions": {"onRun": _action([*arguments, "--socket", SOCKET, "--openjd"])}},
    }
    if job.gpus:
        amounts = [{"name": "amount.worker.gpu", "min": job.gpus}]
        if job.gpu_memory_mib is not None:
            amounts.append({"name": "amount.worker.gpu.memory", "min": job.gpu_memory_mib})
        step["hostRequirements"] = {"amounts": amounts}
    return step


def _qc_step(job: Submission) -> dict[str, Any]:
    arguments = ["qc", "{{Param.ShotFile}}", "--frames", "{{Param.Frames}}", "--out", str(job.report)]
    return {
        "name": "Qc",
        "description": "The shot is measured against its plate; fails where it fails the limits of the shot file.",
        "dependencies": [{"dependsOn": "Render"}],
        "script": {"actions": {"onRun": _action(arguments, worker=False)}},
    }


def _sign_step(job: Submission) -> dict[str, Any]:
    arguments = ["provenance", "sign", "{{Param.ShotFile}}", "--overwrite"]
    return {
        "name": "Sign",
        "description": "The frames are signed as C2PA asks, by the facility file of the machine that this runs on.",
        "dependencies": [{"dependsOn": "Qc" if job.qc else "Render"}],
        "script": {"actions": {"onRun": _action(arguments, worker=False)}},
    }


def _warm_environment() -> dict[str, Any]:
    """One worker a session: chunks after the first find its networks, and its GPU, ready."""
    start = ["start", "--socket", SOCKET, "--idle", str(IDLE_SECONDS)]
    return {
        "name": "WarmWorker",
        "description": "A worker that stays between tasks; without it a task renders by itself, slower.",
        "script": {"actions": {"onEnter": _action(start), "onExit": _action(["stop", "--socket", SOCKET])}},
    }


def _action(arguments: list[str], *, worker: bool = True) -> dict[str, Any]:
    return {
        "command": "{{Param.Program}}",
        "args": [*(["worker"] if worker else []), *arguments],
        "cancelation": {"mode": "NOTIFY_THEN_TERMINATE", "notifyPeriodInSeconds": NOTIFY_SECONDS},
    }


def parameter_values(job: Submission) -> dict[str, Any]:
    """What the template's parameters are in this job; the others keep their defaults."""
    return {"parameterValues": [{"name": "ShotFile", "value": str(job.shot_file)}]}


def asset_references(job: Submission) -> dict[str, Any]:
    """What the job reads and writes: for farms without shared storage, and for people."""
    shot = job.shot
    plate, output = FramePattern.parse(shot.plate), FramePattern.parse(shot.output)
    files = [str(job.shot_file), *(cast.identity for cast in shot.cast)]
    files += [cast.performer for cast in shot.cast if cast.performer is not None]
    files += [] if shot.lighting.environment is None else [shot.lighting.environment]
    folders = []
    for text in (shot.matte.holdout_matte, shot.matte.garbage_matte):
        if text is not None:
            drawn = FramePattern.parse(text)
            folders += [str(drawn.folder)] if drawn.kind == "sequence" else []
            files += [] if drawn.kind == "sequence" else [text]
    if plate.kind == "sequence":
        folders.append(str(plate.folder))
    else:
        files.append(shot.plate)
    return {
        "assetReferences": {
            "inputs": {"filenames": sorted(set(files)), "directories": sorted(set(folders))},
            "outputs": {"directories": [str(output.folder)]},
            "referencedPaths": [],
        }
    }


def write_bundle(folder: Path, job: Submission) -> Path:
    """Write the bundle; files of an older one are replaced.

    Returns:
        The template.

    Raises:
        OutputError: the folder or a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        trouble: OutputError = output_trouble(error, where=folder, doing="making the job bundle")
        raise trouble from error
    for name, document in (
        ("parameter_values.json", parameter_values(job)),
        ("asset_references.json", asset_references(job)),
        ("template.json", job_template(job)),
    ):
        with atomic_write(folder / name) as temporary:
            temporary.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return folder / "template.json"


def int_range(frames: tuple[int, ...]) -> str:
    """Frames as the specification's integer range expression: runs `A-B` and single numbers, joined by commas."""
    runs: list[list[int]] = []
    for frame in sorted(set(frames)):
        if runs and frame == runs[-1][1] + 1:
            runs[-1][1] = frame
        else:
            runs.append([frame, frame])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
