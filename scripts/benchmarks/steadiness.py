"""How steady a swap is over time: flicker by the plate's own optical flow, and on doubles its error against the truth.

    scripts/bench steadiness [--engines reprojection,...] [--shots demo,talk,...] [--frames N] [--out DIR] [--json]

Renders with every engine that is here (or those named; `tiny` is a network of random weights, made on the spot, for
runs where none was brought) and prints, for each shot: flicker of swap and of plate inside the matte in
stops, their ratio (the aim: at most 1.1), the same of the true swap, and how the error against the true swap changes
from frame to frame, against the plate's own. Writes `steadiness.json`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from scripts.benchmarks._double_cases import DoubleRun
from scripts.benchmarks._doubles import DoubleShot, find_shots
from scripts.benchmarks._shots import build_pack, render_values, with_settings
from scripts.benchmarks._tiny_network import bring_tiny, with_tiny_vectors
from vfx_swap.arrays import FloatArray
from vfx_swap.colour.ocio import LINEAR_REC709, ColourConfig, load_config
from vfx_swap.colour.transfer import apply_matrix
from vfx_swap.io.atomic import atomic_write
from vfx_swap.io.paths import FramePattern
from vfx_swap.io.read import read_picture
from vfx_swap.models.default import FaceModels, load_face_models
from vfx_swap.pipeline.demo_portraits import HOPPER
from vfx_swap.pipeline.demo_shot import make_demo_shot
from vfx_swap.pipeline.engines import engine_ids
from vfx_swap.pipeline.frames import to_frame
from vfx_swap.pipeline.qc_flow import FlowSample, flow_changes
from vfx_swap.pipeline.qc_pixels import log_luminance, matte_window
from vfx_swap.pipeline.shot_frames import matte_of
from vfx_swap.pipeline.tracks_file import load_tracks

__all__ = ["AIM", "SCHEMA", "Pictures", "main", "measure"]

SCHEMA = "vfx_swap/steadiness.1"
AIM = 1.1
LUMA = (0.2126, 0.7152, 0.0722)


@dataclass(frozen=True, eq=False)
class Pictures:
    """One frame: log luminance of the window around one face's matte, (height, width) each."""

    frame: int
    plate: FloatArray
    swap: FloatArray
    matte: FloatArray
    true: FloatArray | None


def main(arguments: Sequence[str] | None = None) -> None:
    """Render, measure, print and write."""
    given = _arguments(arguments)
    out, console = given.out.absolute(), Console(stderr=given.json, width=140)
    shots = find_shots(given.doubles)
    names = [one for one in ("demo", *shots) if given.shots in ("", "all") or one in given.shots.split(",")]
    rows: list[dict[str, Any]] = []
    with load_face_models() as models:
        for engine in given.engines.split(",") if given.engines else engine_ids():
            for name in names:
                row = _shot(engine, name, shots.get(name), given, out=out, models=models)
                rows.append(row)
                if given.json:
                    print(json.dumps(row), flush=True)
                said = (
                    f"{engine} {name}: {row['ratio']:.2f}, worst {row['worst']['ratio']:.2f} at {row['worst']['frame']}"
                )
                said += f", lost into {', '.join(map(str, row['lost']))}" if row["lost"] else ""
                console.print(said, style="dim")
    with atomic_write(out / "steadiness.json") as temporary:
        told = {"schema": SCHEMA, "settings": given.set, "rows": rows}
        temporary.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    console.print(_table(rows))
    console.print(f"numbers: {out / 'steadiness.json'}", soft_wrap=True)


def measure(looks: Sequence[Pictures], *, face_height_pixels: float) -> dict[str, Any]:
    """Flicker of swap and plate over neighbouring frames; with truth, of the true swap and of the errors.

    Args:
        looks: frames in order, all of the same window.
        face_height_pixels: of the face.

    Returns:
        Numbers in stops; `ratio` is swap over plate, `per_frame` the same by frame, `worst` the largest of them, `lost`
        the frames into which the plate's flow loses the face (`qc_flow.FOLLOWED`), which count in nothing.
    """
    found: dict[str, list[float]] = {"swap": [], "plate": [], "true": [], "error": [], "plate_error": []}
    per_frame, lost = [], []
    for a, b in pairwise(looks):
        if b.frame != a.frame + 1:
            continue
        first, second = (FlowSample(one.frame, one.plate, one.swap, one.matte) for one in (a, b))
        changes = flow_changes(first, second, face_height_pixels=face_height_pixels)
        if changes is None:
            lost.append(b.frame)
            continue
        found["swap"].append(changes[0])
        found["plate"].append(changes[1])
        per_frame.append({"frame": b.frame, "ratio": changes[0] / max(changes[1], 1e-9)})
        if a.true is not None and b.true is not None:
            pair = [FlowSample(one.frame, one.plate, one.true, one.matte) for one in (a, b) if one.true is not None]
            true = flow_changes(pair[0], pair[1], face_height_pixels=face_height_pixels)
            found["true"].append(0.0 if true is None else true[0])
            found["error"].append(_moved_error(a, b, a.swap - a.true, b.swap - b.true, face_height_pixels))
            found["plate_error"].append(_moved_error(a, b, a.plate - a.true, b.plate - b.true, face_height_pixels))
    means = {key: float(np.mean(values)) for key, values in found.items() if values}
    worst = max(per_frame, key=lambda one: one["ratio"], default={"frame": 0, "ratio": 0.0})
    if not means:
        raise SystemExit("no two neighbouring frames that flow follows")
    told = {**means, "ratio": means["swap"] / means["plate"], "worst": worst, "lost": lost, "per_frame": per_frame}
    if "true" in means:
        told["true_ratio"] = means["true"] / means["plate"]
        told["error_ratio"] = means["error"] / means["plate_error"]
    return told


def _moved_error(a: Pictures, b: Pictures, first: FloatArray, second: FloatArray, height: float) -> float:
    """How an error changes from frame to frame, moved by the plate's flow."""
    samples = [FlowSample(one.frame, one.plate, error, one.matte) for one, error in ((a, first), (b, second))]
    found = flow_changes(samples[0], samples[1], face_height_pixels=height)
    return 0.0 if found is None else found[0]


def _shot(
    engine: str, name: str, double: DoubleShot | None, given: argparse.Namespace, *, out: Path, models: FaceModels
) -> dict[str, Any]:
    config = load_config()
    folder = out / engine / name
    settings = [f'engine="{engine}"', *given.set]
    if engine == "tiny":
        settings[0] = f'engine="{bring_tiny(out / "weights")}"'
    output = str(folder / f"{name}_swap.####.exr")
    if double is None:
        demo = make_demo_shot(out / "plates" / "demo", frames=given.frames or 24)
        pack = build_pack(HOPPER, out / "identities", models=models, config=config)
        values: dict[str, Any] = {
            "name": name,
            "plate": demo.pattern,
            "output": output,
            "colour_space": "ACEScg",
            "cast": [{"position": "largest", "identity": str(pack.path)}],
            "write": {"layers": ["matte"]},
        }
        frames, true = demo.frames, None
    else:
        run = DoubleRun(given.doubles, out, models, config, False, say=lambda _: None)
        values = run._values(double, run.packs([double]), output)  # noqa: SLF001  # its sibling's
        frames, true = double.frames[: given.frames or None], double.true
    if engine == "tiny":
        with_tiny_vectors([Path(one["identity"]) for one in values["cast"]])
    values["frames"] = f"{frames[0]}-{frames[-1]}"
    render_values(with_settings(values, settings), models=models, overwrite=False)
    tracks = load_tracks(folder / f"{name}.tracks.json")
    heights = [face.height for track in tracks.tracks for face in track.faces.values()]
    looks = list(_looks(values["plate"], output, true, frames, config=config, space=values["colour_space"]))
    return {"engine": engine, "shot": name, **measure(looks, face_height_pixels=float(np.median(heights)))}


def _looks(
    plate: str, swap: str, true: str | None, frames: Sequence[int], *, config: ColourConfig, space: str
) -> Iterator[Pictures]:
    """The frames, cut to the window that all mattes share."""
    patterns = [FramePattern.parse(text) for text in (plate, swap, true) if text is not None]
    mattes = {number: matte_of(read_picture(patterns[1].path(number))) for number in frames}
    some = [one for one in mattes.values() if one is not None]
    window = matte_window(np.maximum.reduce(some), margin=24)
    if window is None:
        raise SystemExit(f"{swap}: no face was swapped")
    for number in frames:
        shown = []
        for pattern in patterns:
            frame = to_frame(read_picture(pattern.path(number)), number=number, config=config, colour_space=space)
            matrix = config.matrix(source=frame.colour_space, destination=LINEAR_REC709)
            rgb = np.ascontiguousarray(np.nan_to_num(frame.rgb[window], posinf=65504.0, neginf=0.0))
            shown.append(log_luminance(apply_matrix(rgb, matrix), weights=LUMA))
        matte = mattes[number]
        cut = np.zeros_like(shown[0]) if matte is None else np.ascontiguousarray(matte[window])
        yield Pictures(number, shown[0], shown[1], cut, shown[2] if len(shown) > 2 else None)


def _table(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(title=f"flicker inside the matte by the plate's flow (aim: at most {AIM} of the plate's own)")
    for heading in ("engine", "shot", "swap, stops", "plate", "ratio", "true swap", "worst", "error over time"):
        table.add_column(heading, justify="left" if heading in ("engine", "shot") else "right")
    for row in rows:
        style = "" if row["ratio"] <= AIM else "red"
        true = f"{row['true_ratio']:.2f}" if "true_ratio" in row else ""
        error = f"{row['error_ratio']:.2f}" if "error_ratio" in row else ""
        worst = f"{row['worst']['ratio']:.2f} at {row['worst']['frame']}"
        numbers = f"{row['swap']:.4f}", f"{row['plate']:.4f}", f"{row['ratio']:.2f}"
        table.add_row(row["engine"], row["shot"], *numbers, true, worst, error, style=style)
    return table


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench steadiness", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("build/steadiness"), help="folder for plates and swaps")
    parser.add_argument("--doubles", type=Path, default=Path("build/doubles"), help="what scripts/doubles made")
    parser.add_argument("--shots", default="", help="`demo` and names of doubles' shots, with commas; empty: all")
    parser.add_argument("--engines", default="", help="with commas; empty: every engine that is here")
    parser.add_argument("--frames", type=int, default=0, help="at most so many of a shot; 0: all")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the shot file")
    parser.add_argument("--json", action="store_true", help="one JSON object a shot on stdout")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
