"""How whole what lies in front of a face stays: against the true mattes of doubles' shots, analyse pass alone.

    scripts/bench holdouts [--doubles DIR] [--shots hand,spectacles] [--out DIR] [--json]

Prints, for each occluder of each shot, intersection over union with its true matte inside the face (`holdout_iou`),
mean and worst frame, the share of the visible face that is held out by mistake, and how much what is held out changes
from frame to frame along the plate's motion (`qc_mattes`); writes a sheet of crops a shot: the plate, and what is held
out over it, in the worst frames.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from scripts.benchmarks._doubles import DoubleShot, TrueFrame, find_shots
from vfx_swap.arrays import FloatArray
from vfx_swap.colour.ocio import ColourConfig, load_config
from vfx_swap.models.default import FaceModels, load_face_models
from vfx_swap.pipeline.analyse import AnalyseSettings, display_for
from vfx_swap.pipeline.holdout import front_in_plate
from vfx_swap.pipeline.progress import never_cancelled, no_progress
from vfx_swap.pipeline.qc_mattes import MatteSample, matte_steadiness
from vfx_swap.pipeline.qc_pixels import log_luminance
from vfx_swap.pipeline.qc_truth import face_region, holdout_iou, left_to_plate
from vfx_swap.pipeline.shot_plate import open_shot_plate
from vfx_swap.pipeline.shot_tracks import analyse_plate
from vfx_swap.types import Face

__all__ = ["main"]

FOUND_HERE = ("spectacles", "hand", "microphone")
"""What the analyse pass finds; hair and caps are the swapper's, see `scripts/bench quality`."""
LUMA = (0.2126, 0.7152, 0.0722)
"""ITU-R BT.709-6, table 3: doubles are linear Rec.709."""
NEAR = 0.04
"""Of face height: how far around an occluder its matte is judged."""
SHOWN = 8
"""Frames of a sheet."""
CROP = 420
"""Side of one picture of it."""


@dataclass(frozen=True, eq=False)
class Row:
    """One face in one frame."""

    frame: int
    iou: dict[str, float]
    by_mistake: float | None
    crop: FloatArray
    performer: str
    sample: MatteSample


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench holdouts", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--doubles", type=Path, default=Path("build/doubles"), help="where scripts/doubles renders")
    parser.add_argument("--shots", default="", help="names, joined by commas; empty: those with something in front")
    parser.add_argument("--out", type=Path, default=Path("build/holdouts"), help="folder for the sheets")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    given = parser.parse_args(arguments)
    shots = find_shots(given.doubles)
    names = [name for name in given.shots.split(",") if name]
    wanted = [shots[name] for name in names] if names else [one for one in shots.values() if one.occluders]
    if not wanted:
        raise SystemExit(f"no shot in {given.doubles} has anything in front of a face: run scripts/doubles")
    given.out.mkdir(parents=True, exist_ok=True)
    results = {}
    with load_face_models() as models:
        for shot in wanted:
            started = time.perf_counter()
            rows = _measure(shot, models=models, config=load_config())
            results[shot.name] = _told(rows, seconds=time.perf_counter() - started)
            _sheet(rows, given.out / f"{shot.name}.png")
    if given.json:
        print(json.dumps(results))
    else:
        _print(results, sheets=given.out)


def _measure(shot: DoubleShot, *, models: FaceModels, config: ColourConfig) -> list[Row]:
    plate = open_shot_plate(shot.plate, colour_space=shot.colour_space, config=config)
    tracks = analyse_plate(
        plate, models=models, progress=no_progress, cancelled=never_cancelled, settings=AnalyseSettings()
    )
    display = display_for(config)
    rows = []
    for number in shot.frames:
        frame = plate.read(number)
        truth = shot.truth(number)
        shown = display(frame).rgb
        for true in truth.faces:
            face = _nearest([track.faces[number] for track in tracks.tracks if number in track.faces], true.points)
            front = None if face is None else face.front
            kept = front_in_plate(front, words=("hand", "glasses"), rgb=frame.rgb, window=frame.data_window)
            kept = np.zeros(shown.shape[:2], np.float32) if kept is None else kept
            region = face_region(true.points, shape=kept.shape)
            iou = {}
            for part in FOUND_HERE:
                if part not in truth.occluders:
                    continue
                others = [matte for name, matte in truth.occluders.items() if name != part]
                score = holdout_iou(
                    1.0 - kept,
                    truth.occluders[part],
                    region=region,
                    near_pixels=NEAR * true.height,
                    others=np.maximum.reduce(others) if others else None,
                )
                if score is not None:
                    iou[part] = score
            mistake = left_to_plate(1.0 - kept, true.visible, region=region)
            sample = _sample(number, log_luminance(frame.rgb, weights=LUMA), kept, truth, region)
            crop = _crop(shown, kept, region, true.points)
            rows.append(Row(number, iou, mistake, crop, true.performer, sample))
    return rows


def _sample(number: int, plate: FloatArray, kept: FloatArray, truth: TrueFrame, region: FloatArray) -> MatteSample:
    """What steadiness is measured of: all that the analyse pass finds, against all that is there of it."""
    there = [truth.occluders[part] for part in FOUND_HERE if part in truth.occluders]
    true = np.maximum.reduce(there) if there else np.zeros_like(kept)
    # Hair and caps are not looked for here: what is under them is nobody's.
    others = [matte for part, matte in truth.occluders.items() if part not in FOUND_HERE]
    clear = np.maximum(1.0 - np.maximum.reduce(others), true) if others else np.ones_like(kept)
    return MatteSample(number, plate, kept, true, np.asarray(region * clear, dtype=np.float32))


def _nearest(faces: Sequence[Face], points: FloatArray) -> Face | None:
    """The tracked face that is the true one."""
    middle = points.mean(axis=0)
    return min(faces, key=lambda face: float(np.linalg.norm(face.points[:, :2].mean(axis=0) - middle)), default=None)


def _crop(shown: FloatArray, kept: FloatArray, region: FloatArray, points: FloatArray) -> FloatArray:
    """Plate above, what is held out inside the face over it below."""
    low, high = points.min(axis=0), points.max(axis=0)
    middle, reach = (low + high) / 2, 0.6 * float((high - low).max())
    tinted = shown.copy()
    over = kept * region
    tinted[..., 0] *= 1.0 - 0.6 * over
    tinted[..., 1] += (1.0 - tinted[..., 1]) * 0.6 * over
    scale = CROP / (2.0 * reach)
    matrix = np.array([[scale, 0.0, CROP / 2 - scale * middle[0]], [0.0, scale, CROP / 2 - scale * middle[1]]])
    both = [cv2.warpAffine(one, matrix, (CROP, CROP), flags=cv2.INTER_CUBIC) for one in (shown, tinted)]
    return np.asarray(np.concatenate(both, axis=0), dtype=np.float32)


def _told(rows: Sequence[Row], *, seconds: float) -> dict[str, object]:
    """Numbers of a shot."""
    parts = sorted({part for row in rows for part in row.iou})
    told: dict[str, object] = {}
    for part in parts:
        scores = {row.frame: round(row.iou[part], 3) for row in rows if part in row.iou}
        values = list(scores.values())
        told[part] = {"mean": round(float(np.mean(values)), 3), "worst": min(values), "frames": scores}
    mistakes = [row.by_mistake for row in rows if row.by_mistake is not None]
    told["held_out_by_mistake"] = round(float(np.mean(mistakes)), 4) if mistakes else None
    for performer in sorted({row.performer for row in rows}):
        found = matte_steadiness([row.sample for row in rows if row.performer == performer])
        if found is not None:
            told[f"change of {performer}"] = {key: round(value, 3) for key, value in asdict(found).items()}
    told["seconds_a_frame"] = round(seconds / max(len(rows), 1), 2)
    return told


def _sheet(rows: Sequence[Row], path: Path) -> None:
    worst = sorted(rows, key=lambda row: min(row.iou.values(), default=1.0))[:SHOWN]
    if worst:
        picture = np.concatenate([row.crop for row in sorted(worst, key=lambda row: row.frame)], axis=1)
        cv2.imwrite(str(path), np.round(255.0 * np.clip(picture[..., ::-1], 0.0, 1.0)).astype(np.uint8))


def _print(results: dict[str, dict[str, object]], *, sheets: Path) -> None:
    table = Table(title="holdouts: intersection over union with the true matte, inside the face")
    for title in ("shot", "occluder", "mean", "worst", "frames"):
        table.add_column(title)
    for shot, told in results.items():
        for part, value in told.items():
            if isinstance(value, dict) and part.startswith("change of "):
                each = f"true {value['true_change']:.3f}, boil {value['boil']:.3f}, worst {value['worst_boil']:.3f}"
                table.add_row(shot, part, f"{value['found_change']:.3f}", "", each)
            elif isinstance(value, dict):
                each = " ".join(f"{frame}:{score:.2f}" for frame, score in value["frames"].items())
                table.add_row(shot, part, f"{value['mean']:.3f}", f"{value['worst']:.3f}", each)
        table.add_row(shot, "by mistake", f"{told['held_out_by_mistake']}", "", f"{told['seconds_a_frame']} s a frame")
    console = Console()
    console.print(table)
    console.print(f"sheets: {sheets}")


if __name__ == "__main__":
    main()
