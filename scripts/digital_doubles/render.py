"""Draws a stage's frames into a shot's folder; a frame that lies there from the same numbers is not drawn again."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from scripts.digital_doubles.blender import run_blender
from scripts.digital_doubles.finish import beauty, grain, true_swap, truth_layers
from scripts.digital_doubles.pictures import read_channels, write_exr
from scripts.digital_doubles.regions import region_layers
from scripts.digital_doubles.stage import Stage
from scripts.digital_doubles.truth import face_box, face_truth

__all__ = ["FINISH", "Plan", "draw", "write_text"]

FINISH = 1
"""Raised when `finish` makes other bits of the same passes."""
SPACE = "lin_rec709"


@dataclass(frozen=True, eq=False)
class Plan:
    """What is to be drawn where."""

    stage: Stage
    folder: Path
    frames: Sequence[tuple[str, float]]
    """Label (`1001`) and time of each."""
    true: bool
    """Whether the true swap and the truth are wanted."""
    plate_name: str = "plate.{}.exr"
    """File name for a label."""
    grain: float = 0.7
    reach: float = 20.0
    """Pixels about the face that a worn face may change."""


def write_text(path: Path, text: str) -> None:
    """A small file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def draw(
    *,
    plan: Plan,
    venv: Path,
    seconds_per_picture: float,
    tell: Callable[[str], None],
) -> int:
    """Draws what is missing; returns how many frames were drawn.

    Raises:
        BlenderError: Blender failed; frames finished before stay.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
    stamps = _Stamps(plan.folder / "digests.json")
    with tempfile.TemporaryDirectory(prefix="doubles-") as made:
        work = Path(made)
        job = plan.stage.job(work)
        todo: dict[str, tuple[str, float, str]] = {}
        for label, time in plan.frames:
            digest = job.picture(name=f"plate-{label}", time=time, worn=False)
            if plan.true:
                box = face_box(stage=plan.stage, time=time, margin=int(2 * plan.reach) + 8)
                digest += job.picture(name=f"true-{label}", time=time, worn=True, box=box)
            digest = f"{FINISH}-{plan.grain:g}-{plan.reach:g}-{digest}"
            if not stamps.has(label, digest, _files(plan, label)):
                todo[label] = (label, time, digest)
        if not todo:
            return 0
        names = [f"{kind}-{label}" for label in todo for kind in (("plate", "true") if plan.true else ("plate",))]
        job.save(names)
        last = "true" if plan.true else "plate"

        def wrote(name: str) -> None:
            kind, _, label = name.partition("-")
            if kind == last:
                _, time, digest = todo[label]
                _finish(plan, work, label, time)
                stamps.put(label, digest)
                tell(f"{plan.folder.name}: frame {label}")

        run_blender(venv=venv, folder=work, expected=names, seconds_per_picture=seconds_per_picture, wrote=wrote)
        shutil.rmtree(work / "blender-user", ignore_errors=True)
    return len(todo)


def _files(plan: Plan, label: str) -> list[Path]:
    names = [plan.plate_name.format(label)] + ([f"true.{label}.exr", f"truth.{label}.exr"] if plan.true else [])
    regions = [f"regions/{plan.plate_name.format(label)}"] if plan.stage.regions else []
    return [plan.folder / name for name in names + regions]


def _finish(plan: Plan, work: Path, label: str, time: float) -> None:
    """Plate, true swap and truth of a frame, from the raw passes."""
    passes = read_channels(work / f"plate-{label}.exr")
    plate = beauty(passes)
    noise = grain(picture=plate, seed=plan.stage.seed, frame=round(time * 100), amount=plan.grain)
    files = _files(plan, label)
    said = {"oiio:ColorSpace": SPACE}
    write_exr(path=files[0], pixels=plate + noise, half=True, attributes=said)
    if plan.true:
        worn_passes = read_channels(work / f"true-{label}.exr")
        mattes = plan.stage.mattes()
        faces = [m for m in mattes if m.startswith("face")]
        near = [layers[f"ViewLayer.{m}.X"] for layers in (passes, worn_passes) for m in faces]
        swapped = true_swap(plate=plate, worn=beauty(worn_passes), mattes=near, reach=plan.reach)
        write_exr(path=files[1], pixels=swapped + noise, half=True, attributes=said)
        names, layers = truth_layers(passes=passes, mattes=mattes, camera=np.asarray(plan.stage.view(time).pose))
        write_exr(path=files[2], pixels=layers, half=False, names=names)
    if plan.stage.regions:
        names, layers = region_layers(passes)
        # With the picture itself, as `vfx-swap parse` writes them: a file that every reader of plates takes.
        both = np.concatenate([plate + noise, layers], axis=2)
        write_exr(path=files[-1], pixels=both, half=True, names=[*"RGB", *names], attributes=said)
    for kind in ("plate", "true"):
        (work / f"{kind}-{label}.exr").unlink(missing_ok=True)


def shot_truth(plan: Plan) -> dict[str, Any]:
    """What truth.json says of a shot: by label, its faces and lights."""
    found: dict[str, Any] = {}
    for label, time in plan.frames:
        faces = [face_truth(stage=plan.stage, number=n, time=time) for n in range(len(plan.stage.actors))]
        found[label] = {"faces": faces, "lights": [vars(light) for light in plan.stage.lights(time)]}
    return found


class _Stamps:
    """Which numbers each finished frame was made of."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found: dict[str, str] = json.loads(path.read_text()) if path.is_file() else {}

    def has(self, label: str, digest: str, files: list[Path]) -> bool:
        return self.found.get(label) == digest and all(file.is_file() for file in files)

    def put(self, label: str, digest: str) -> None:
        self.found[label] = digest
        write_text(self.path, json.dumps(self.found, indent=1, sort_keys=True))
