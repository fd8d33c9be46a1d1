"""How well regions of a face are found: a parser against the true mattes and landmarks of doubles' shots.

    scripts/bench parse [--doubles DIR] [--shots turn,talk] [--engine CARD] [--step N] [--out DIR] [--json]

Prints soft intersection over union (sum of the lesser over sum of the greater alpha), mean and worst frame: `face`
(skin and features together) with the true face, `hair` with true hair and caps within the face's outline, `spectacles`,
and each feature with its outline drawn from the true landmarks, which holds the landmarker to account as well;
`face_missed` and `face_too_much` are shares of the true face. Writes a sheet of crops a shot: the plate, and its
regions, in the worst frames.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from scripts.benchmarks._doubles import DoubleShot, TrueFrame, find_shots
from vfx_swap.arrays import FloatArray
from vfx_swap.colour.ocio import ColourConfig, load_config
from vfx_swap.geometry.mesh import LOOPS
from vfx_swap.models.default import FaceModels, load_face_models
from vfx_swap.models.parsing.regions import REGIONS, region_index
from vfx_swap.pipeline.analyse import AnalyseSettings, display_for
from vfx_swap.pipeline.progress import never_cancelled, no_progress
from vfx_swap.pipeline.qc_truth import face_region
from vfx_swap.pipeline.regions import open_parsing, parse_frame
from vfx_swap.pipeline.shot_plate import open_shot_plate
from vfx_swap.pipeline.shot_tracks import analyse_plate
from vfx_swap.types import Frame

__all__ = ["main", "soft_iou"]

FACE = ("skin", "l_brow", "r_brow", "l_eye", "r_eye", "nose", "mouth", "u_lip", "l_lip")
OUTLINES: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("l_eye", "r_eye"): ("eye_image_left", "eye_image_right"),
    ("l_brow", "r_brow"): ("brow_image_left", "brow_image_right"),
    ("mouth", "u_lip", "l_lip"): ("lips",),
}
"""Regions -> loops of landmarks that together bound what they are."""
NEAR = 0.25
"""Of face height: how far around the true face regions are judged; neck and ears lie beyond their own matte."""
SHOWN, CROP = 6, 520
COLOURS = {
    "skin": (1.0, 0.8, 0.67), "l_brow": (0.5, 0.25, 0.0), "r_brow": (0.65, 0.35, 0.0), "l_eye": (0.0, 0.5, 1.0),
    "r_eye": (0.0, 0.8, 1.0), "eye_g": (1.0, 0.0, 1.0), "nose": (1.0, 0.65, 0.25), "mouth": (0.6, 0.0, 0.1),
    "u_lip": (1.0, 0.0, 0.3), "l_lip": (1.0, 0.35, 0.5), "hair": (0.0, 0.8, 0.0), "l_ear": (0.4, 0.4, 1.0),
    "r_ear": (0.6, 0.6, 1.0), "neck": (0.6, 0.5, 0.4), "hat": (1.0, 1.0, 0.0), "cloth": (0.3, 0.5, 0.5),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Row:
    """One frame with one face or more."""

    frame: int
    scores: Mapping[str, float]
    crop: FloatArray


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench parse", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--doubles", type=Path, default=Path("build/doubles"), help="where scripts/doubles renders")
    parser.add_argument("--shots", default="", help="names, joined by commas; empty: all")
    parser.add_argument("--engine", default=None, help="a parser's card; else the default")
    parser.add_argument("--step", type=int, default=1, help="measure every n-th frame")
    parser.add_argument("--out", type=Path, default=Path("build/parse"), help="folder for the sheets")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    given = parser.parse_args(arguments)
    shots = find_shots(given.doubles)
    wanted = [shots[name] for name in given.shots.split(",") if name] or list(shots.values())
    if not wanted:
        raise SystemExit(f"no shot in {given.doubles}: run scripts/doubles")
    given.out.mkdir(parents=True, exist_ok=True)
    results = {}
    with load_face_models() as models:
        for shot in wanted:
            started = time.perf_counter()
            rows = measure(shot, engine=given.engine, step=given.step, models=models, config=load_config())
            results[shot.name] = told(rows, seconds=time.perf_counter() - started)
            sheet(rows, given.out / f"{shot.name}.png")
    if given.json:
        print(json.dumps(results))
    else:
        _print(results, sheets=given.out)


def soft_iou(found: FloatArray, true: FloatArray) -> float | None:
    """Sum of the lesser alpha over sum of the greater; None where the truth has less than ten pixels."""
    if float(true.sum()) < 10.0:
        return None
    return float(np.minimum(found, true).sum() / np.maximum(found, true).sum())


def measure(shot: DoubleShot, *, engine: str | None, step: int, models: FaceModels, config: ColourConfig) -> list[Row]:
    """Every n-th frame of a shot."""
    plate = open_shot_plate(shot.plate, colour_space=shot.colour_space, config=config)
    tracks = analyse_plate(
        plate, models=models, progress=no_progress, cancelled=never_cancelled, settings=AnalyseSettings()
    )
    parsing, display = open_parsing(engine, tracks=tracks.tracks), display_for(config)
    rows = []
    for number in shot.frames[::step]:
        frame = plate.read(number)
        whole = np.zeros((len(REGIONS), *frame.rgb.shape[:2]), np.float32)
        for one in parse_frame(frame, parsing, config=config):
            whole[(slice(1, None), *one.window.slices(frame.data_window))] += one.alphas[1:]
        truth = shot.truth(number)
        rows.append(Row(number, scores_of(whole, truth), _crop(display(frame).rgb, whole, truth, frame)))
    return rows


def scores_of(whole: FloatArray, truth: TrueFrame) -> dict[str, float]:
    """Every score of a frame; what the frame does not show is left out."""
    shape = (whole.shape[1], whole.shape[2])

    def found(names: Sequence[str]) -> FloatArray:
        return np.asarray(sum(whole[region_index(name)] for name in names), np.float32)

    visible = np.clip(np.sum([face.visible for face in truth.faces], axis=0), 0.0, 1.0).astype(np.float32)
    inside = np.maximum.reduce([face_region(face.points, shape=shape, inset=0.0, mouth=True) for face in truth.faces])
    height = max(face.height for face in truth.faces)
    side = 2 * round(NEAR * height) + 1
    near = cv2.dilate(inside, np.ones((side, side), np.uint8))
    face, true = found(FACE) * near, visible * near
    scores: dict[str, float | None] = {
        "face": soft_iou(face, true),
        "face_missed": float((true - np.minimum(face, true)).sum() / true.sum()),
        "face_too_much": float((face - np.minimum(face, true)).sum() / true.sum()),
    }
    for names, loops in OUTLINES.items():
        drawn = np.zeros(shape, np.uint8)
        for one in truth.faces:
            for loop in loops:
                cv2.fillPoly(drawn, [np.round(one.points[list(LOOPS[loop])] * 16).astype(np.int32)], 1, shift=4)
        scores[names[-1].replace("r_", "").replace("l_", "")] = soft_iou(found(names), drawn * visible)
    covers = [truth.occluders[part] for part in ("hair", "cap") if part in truth.occluders]
    if covers:
        scores["hair"] = soft_iou(found(("hair", "hat")) * inside, np.maximum.reduce(covers) * inside)
    if "spectacles" in truth.occluders:
        scores["spectacles"] = soft_iou(found(("eye_g",)) * inside, truth.occluders["spectacles"] * inside)
    return {name: value for name, value in scores.items() if value is not None}


def told(rows: Sequence[Row], *, seconds: float) -> dict[str, object]:
    """Numbers of a shot."""
    out: dict[str, object] = {}
    for name in dict.fromkeys(name for row in rows for name in row.scores):
        values = {row.frame: row.scores[name] for row in rows if name in row.scores}
        worst = (max if name.startswith("face_") else min)(values, key=lambda frame: values[frame])
        out[name] = {"mean": round(float(np.mean(list(values.values()))), 3), "worst": round(values[worst], 3)}
        out[name] |= {"frame": worst, "frames": len(values)}  # type: ignore[operator]
    out["seconds_a_frame"] = round(seconds / max(len(rows), 1), 2)
    return out


def _crop(shown: FloatArray, whole: FloatArray, truth: TrueFrame, frame: Frame) -> FloatArray:
    """Plate above, regions over it below."""
    points = np.concatenate([face.points for face in truth.faces]) - (frame.data_window.x, frame.data_window.y)
    low, high = points.min(axis=0), points.max(axis=0)
    middle, reach = (low + high) / 2, 0.75 * float((high - low).max())
    tinted = 0.35 * shown
    for name, colour in COLOURS.items():
        tinted += 0.65 * whole[region_index(name)][..., None] * np.float32(1.0) * np.asarray(colour, np.float32)
    scale = CROP / (2.0 * reach)
    matrix = np.array([[scale, 0.0, CROP / 2 - scale * middle[0]], [0.0, scale, CROP / 2 - scale * middle[1]]])
    both = [cv2.warpAffine(one, matrix, (CROP, CROP), flags=cv2.INTER_CUBIC) for one in (shown, tinted)]
    return np.asarray(np.concatenate(both, axis=0), dtype=np.float32)


def sheet(rows: Sequence[Row], path: Path) -> None:
    """The worst frames, in order."""
    worst = sorted(rows, key=lambda row: row.scores.get("face", 1.0))[:SHOWN]
    if worst:
        picture = np.concatenate([row.crop for row in sorted(worst, key=lambda row: row.frame)], axis=1)
        cv2.imwrite(str(path), np.round(255.0 * np.clip(picture[..., ::-1], 0.0, 1.0)).astype(np.uint8))


def _print(results: Mapping[str, Mapping[str, object]], *, sheets: Path) -> None:
    table = Table(title="regions: soft intersection over union with the truth")
    for title in ("shot", "region", "mean", "worst", "in frame"):
        table.add_column(title)
    for shot, values in results.items():
        for name, value in values.items():
            if isinstance(value, dict):
                table.add_row(shot, name, f"{value['mean']:.3f}", f"{value['worst']:.3f}", str(value["frame"]))
        table.add_row(shot, "seconds a frame", f"{values['seconds_a_frame']}", "", "")
    console = Console()
    console.print(table)
    console.print(f"sheets: {sheets}")


if __name__ == "__main__":
    main()
