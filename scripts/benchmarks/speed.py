"""What a swap costs: rendering against reading and writing the same files with OpenImageIO, in the same run.

Ratios travel between machines, seconds do not. Analyse is measured apart: it runs once per shot.

    scripts/bench speed [--frames N] [--out DIR] [--json]
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path

import OpenImageIO as oiio
from rich.console import Console
from rich.table import Table

from scripts.benchmarks._shots import build_pack, render
from vfx_swap.colour.ocio import load_config
from vfx_swap.io.paths import FramePattern
from vfx_swap.models.default import load_face_models
from vfx_swap.pipeline.demo_portraits import HOPPER
from vfx_swap.pipeline.demo_shot import DemoShot, make_demo_shot


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench speed", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("build/speed"), help="folder for plate and swap")
    parser.add_argument("--frames", type=int, default=8, help="of the demo shot, 1920x1080 half ZIP")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    given = parser.parse_args()
    out = given.out.absolute()
    shutil.rmtree(out / "swaps", ignore_errors=True)
    shot = make_demo_shot(out / "plate", frames=given.frames)
    seconds = {"read and write": _copy(shot, out / "copies")}
    with load_face_models() as models:
        pack = build_pack(HOPPER, out / "identities", models=models, config=load_config())
        stages = {"analyse": 0.0, "render": 0.0}
        for name in stages:  # the first run analyses and renders, the second finds its tracks on disk
            start = time.perf_counter()
            render(
                "speed",
                plate=shot.pattern,
                output=str(out / "swaps" / "speed.####.exr"),
                colour_space="ACEScg",
                pack=pack,
                models=models,
            )
            stages[name] = time.perf_counter() - start
        seconds["analyse"] = max(0.0, stages["analyse"] - stages["render"])
        seconds["render"] = stages["render"]
    _print(seconds, frames=given.frames, as_json=given.json)


def _copy(shot: DemoShot, folder: Path) -> float:
    """Best of three: every frame read to memory and written again as it was, by OpenImageIO alone."""
    folder.mkdir(parents=True, exist_ok=True)
    pattern, best = FramePattern.parse(shot.pattern), float("inf")
    for _ in range(3):
        start = time.perf_counter()
        for number in shot.frames:
            path = pattern.path(number)
            _copy_one(path, folder / path.name)
        best = min(best, time.perf_counter() - start)
    return best


def _copy_one(path: Path, copy: Path) -> None:
    source, output = oiio.ImageInput.open(str(path)), oiio.ImageOutput.create(str(copy))
    if source is None or output is None:
        raise OSError(f"{path} cannot be copied: {oiio.geterror()}")
    spec, pixels = source.spec(), source.read_image(oiio.HALF)
    source.close()
    if not (output.open(str(copy), spec) and output.write_image(pixels) and output.close()):
        raise OSError(f"{copy} cannot be written: {output.geterror()}")


def _print(seconds: dict[str, float], *, frames: int, as_json: bool) -> None:
    base = seconds["read and write"]
    if as_json:
        ratios = {f"{name.replace(' ', '_')}_ratio": round(value / base, 3) for name, value in seconds.items()}
        print(json.dumps({"frames": frames, "read_and_write_seconds": round(base, 3), **ratios}))
        return
    table = Table(title=f"{frames} frames of 1920x1080 half ZIP EXR, one face 400 px high")
    for heading in ("stage", "seconds a frame", "x reading and writing the file"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    for name, value in seconds.items():
        table.add_row(name, f"{value / frames:.3f}", f"{value / base:.2f}")
    console = Console()
    console.print(table)
    console.print("render reads, swaps and writes; analyse is the first run less the second, which finds its tracks.")


if __name__ == "__main__":
    main()
