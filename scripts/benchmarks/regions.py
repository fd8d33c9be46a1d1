"""A trained parser against the true regions of people it never saw, beside the default parser on the same pictures.

    scripts/doubles --crowd 40 --stills 6 --size 0.5 --regions --dressed --out build/regions
    scripts/bench regions --people build/regions/crowd --parser FILE --only crowd33,crowd34 [--out DIR] [--json]

Every still goes through what `vfx-swap parse` does, once with each parser: faces are found, what is in front is looked
for, regions are laid on the plate. Judged is the FFHQ crop of the face, at the still's own pixels, by the region that
covers most of each: intersection over union of each region over all stills, and their mean over the regions that the
truth shows. Writes a sheet: picture, truth, trained, default.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from scripts.benchmarks.parse import COLOURS
from vfx_swap.colour.ocio import ColourConfig, load_config
from vfx_swap.geometry.warps import cut_crop
from vfx_swap.models.bisenet.parser import BiSeNetParser
from vfx_swap.models.default import FaceModels, load_face_models
from vfx_swap.models.parsing.regions import REGIONS
from vfx_swap.models.training.parser import open_parser
from vfx_swap.pipeline.analyse import AnalyseSettings, display_for
from vfx_swap.pipeline.progress import never_cancelled, no_progress
from vfx_swap.pipeline.regions import Parsing, open_parsing, parse_frame
from vfx_swap.pipeline.shot_plate import open_shot_plate
from vfx_swap.pipeline.shot_tracks import analyse_plate
from vfx_swap.pipeline.training_regions import cut_regions, read_regions
from vfx_swap.types import Frame, Warp

__all__ = ["Judged", "confusion", "ious", "main"]

Labels = NDArray[np.uint8]
PARSERS = ("trained", "default")
SHOWN = 6
COUNT = len(REGIONS)


@dataclass(eq=False)
class Judged:
    """Pixels of every still, counted."""

    counts: dict[str, NDArray[np.int64]] = field(default_factory=lambda: {one: confusion([], []) for one in PARSERS})
    """Parser -> (19, 19): truth down, parser across."""
    stills: int = 0
    unseen: list[str] = field(default_factory=list)
    """Stills in which no face was found: no parser is to blame, none is judged."""
    rows: list[NDArray[np.uint8]] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench regions", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=Path, required=True, help="folder of people, with stills and their regions")
    parser.add_argument("--parser", type=Path, required=True, help="checkpoint of train parser")
    parser.add_argument("--only", default="", help="names, joined by commas; empty: all")
    parser.add_argument("--out", type=Path, default=Path("build/regions-bench"), help="folder for the sheet")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    given = parser.parse_args(arguments)
    names = [name for name in given.only.split(",") if name] or sorted(one.name for one in given.people.iterdir())
    stills = [path for name in names for path in sorted((given.people / name).glob("*.exr"))]
    if not stills:
        raise SystemExit(f"no still in {given.people}: run scripts/doubles --crowd N --regions")
    network, size = open_parser(given.parser)
    trained = BiSeNetParser(id="trained", network=network, size=size)
    with load_face_models() as models:
        judged = judge(stills, trained=trained, models=models, config=load_config())
    given.out.mkdir(parents=True, exist_ok=True)
    if judged.rows:
        sheet = np.concatenate(_spread(judged.rows), axis=1)
        cv2.imwrite(str(given.out / "regions.png"), np.ascontiguousarray(sheet[..., ::-1]))
    results = {one: ious(judged.counts[one]) for one in PARSERS}
    if given.json:
        print(json.dumps({"stills": judged.stills, "unseen": judged.unseen, "iou": results}))
    else:
        _print(results, judged, sheet=given.out)


def judge(stills: Sequence[Path], *, trained: BiSeNetParser, models: FaceModels, config: ColourConfig) -> Judged:
    """Both parsers on every still."""
    judged = Judged()
    for path in stills:
        plate = open_shot_plate(str(path), config=config)
        tracks = analyse_plate(
            plate, models=models, progress=no_progress, cancelled=never_cancelled, settings=AnalyseSettings()
        )
        frame = plate.read(plate.frames[0])
        faces = [one.faces[frame.number] for one in tracks.tracks if frame.number in one.faces]
        if not faces:
            judged.unseen.append(f"{path.parent.name}/{path.name}")
            continue
        warp = trained.warp_for(max(faces, key=lambda one: one.height))
        default = open_parsing(None, tracks=tracks.tracks)
        truth = read_regions(path.parent / "regions" / path.name, window=frame.data_window).argmax(axis=2)
        found = {
            "trained": _labels(frame, replace(default, parser=trained), config=config),
            "default": _labels(frame, default, config=config),
        }
        inside = _inside(warp, frame)
        for one, labels in found.items():
            judged.counts[one] += confusion(truth[inside], labels[inside])
        judged.stills += 1
        maps = [_cut(labels, warp, frame) for labels in (truth, *found.values())]
        shown = cut_crop(display_for(config)(frame).rgb, data_window=frame.data_window, warp=warp, colour_space="").rgb
        picture = np.round(255.0 * np.clip(shown, 0.0, 1.0)).astype(np.uint8)
        judged.rows.append(np.concatenate([picture, *(_painted(one) for one in maps)]))
    return judged


def confusion(truth: object, found: object) -> NDArray[np.int64]:
    """(19, 19) how many pixels of each region were taken for which."""
    pairs = np.asarray(truth, np.int64).ravel() * COUNT + np.asarray(found, np.int64).ravel()
    return np.bincount(pairs, minlength=COUNT * COUNT).reshape(COUNT, COUNT)


def ious(counts: NDArray[np.int64]) -> dict[str, float]:
    """Intersection over union of every region that the truth shows, and their `mean`."""
    both, shown, said = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    out = {
        name: round(float(both[index] / (shown[index] + said[index] - both[index])), 3)
        for index, name in enumerate(REGIONS)
        if shown[index]
    }
    return out | {"mean": round(float(np.mean(list(out.values()))), 3)} if out else {}


def _labels(frame: Frame, parsing: Parsing, *, config: ColourConfig) -> Labels:
    """(h, w) the region that covers most of each pixel of the plate."""
    whole = np.zeros((COUNT, *frame.rgb.shape[:2]), np.float32)
    for one in parse_frame(frame, parsing, config=config):
        whole[(slice(1, None), *one.window.slices(frame.data_window))] += one.alphas[1:]
    whole[0] = 1.0 - whole[1:].sum(axis=0)
    return np.asarray(whole.argmax(axis=0), np.uint8)


def _inside(warp: Warp, frame: Frame) -> NDArray[np.bool_]:
    """(h, w) the plate's pixels within a crop."""
    side = np.ones((warp.height, warp.width), np.uint8)
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    size = (frame.data_window.width, frame.data_window.height)
    return np.asarray(cv2.warpAffine(side, warp.matrix, size, flags=flags) > 0)


def _cut(labels: Labels, warp: Warp, frame: Frame) -> Labels:
    layers = np.eye(COUNT, dtype=np.float32)[labels]
    return cut_regions(layers, window=frame.data_window, warp=warp)


def _painted(labels: Labels) -> NDArray[np.uint8]:
    colours = np.array([COLOURS.get(name, (0.0, 0.0, 0.0)) for name in REGIONS])
    return np.asarray(np.round(255.0 * colours[labels]), np.uint8)


def _spread(rows: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    return [rows[int(index)] for index in np.linspace(0, len(rows) - 1, min(SHOWN, len(rows))).round()]


def _print(results: Mapping[str, Mapping[str, float]], judged: Judged, *, sheet: Path) -> None:
    table = Table(title=f"regions: intersection over union, {judged.stills} stills")
    for title in ("region", *PARSERS):
        table.add_column(title)
    for name in results["trained"]:
        table.add_row(name, *(f"{results[one][name]:.3f}" for one in PARSERS))
    console = Console()
    console.print(table)
    if judged.unseen:
        console.print(f"no face was found in: {', '.join(judged.unseen)}")
    console.print(f"sheet: {sheet}")


if __name__ == "__main__":
    main()
