"""What a swap takes of memory: peak resident size of a short and of a long shot, analyse and render apart.

Each pass runs in a process of its own; the render's short figure is the long one's after so many frames. The long
plate is the short one over and over, by links: frames on disk are few, frames read, swapped and written are many.

    scripts/bench memory [--case 1080p] [--frames 24 240] [--out DIR] [--json]
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from scripts.benchmarks._plates import CASES, SpeedPlate, make_plate
from scripts.benchmarks._shots import build_pack
from vfx_swap.colour.ocio import load_config
from vfx_swap.models.default import load_face_models
from vfx_swap.pipeline.demo_portraits import HOPPER

__all__ = ["main", "repeated"]

ONE_RENDER = """
import json, sys
from datetime import date
from pathlib import Path
from vfx_swap.pipeline.shot import render_shot
from vfx_swap.settings import shot_from_values
def peak():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").open() if line.startswith("VmHWM"))
early = []
def told(step):
    if step.stage == "render" and step.done >= int(sys.argv[3]) and not early:
        early.append(peak())
shot = shot_from_values(json.loads(sys.argv[1])).result()
report = render_shot(shot, frames=json.loads(sys.argv[2]), overwrite=True, today=date.today(), progress=told)
print(json.dumps([len(report.rendered), early[0], peak()]))
"""
"""One render in a process of its own: frames rendered, its peak resident size after some and at its end, in KiB.

By /proc (Linux): what getrusage says of a process begins at the size of the one that started it. Early and late are
told of one process, since two runs of the same length differ by 5 % with what else the machine does.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench memory", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--case", choices=list(CASES), default="1080p", help="what is measured")
    parser.add_argument("--frames", type=int, nargs=2, default=(24, 240), help="of the short and the long shot")
    parser.add_argument("--out", type=Path, default=Path("build/memory"), help="folder for plates and swaps")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    given = parser.parse_args(arguments)
    case, out = CASES[given.case], given.out.absolute()
    short, long = given.frames
    plate = make_plate(case, out / "plate", frames=short)
    with load_face_models() as models:
        pack = build_pack(HOPPER, out / "identities", models=models, config=load_config())
    peaks: dict[str, dict[int, float]] = {"analyse and first frame": {}, "render": {}}
    for count in (short, long):
        values = {
            "name": "memory",
            "plate": repeated(plate, out / f"plate{count}", frames=count),
            "output": str(out / f"swaps{count}" / "memory.####.exr"),
            "colour_space": "ACEScg",
            "cast": [{"position": case.position, "identity": str(pack.path)}],
            "write": {"layers": ["matte"]},
        }
        shutil.rmtree(out / f"swaps{count}", ignore_errors=True)
        peaks["analyse and first frame"][count] = _peaks(values, [1], early=1)[1]
        if count == long:
            render = _peaks(values, list(range(1, count + 1)), early=short)
            peaks["render"] = {short: render[0], long: render[1]}
        shutil.rmtree(out / f"swaps{count}")
    ratios = {name: by_count[long] / by_count[short] for name, by_count in peaks.items()}
    if given.json:
        print(json.dumps({"case": given.case, "peak_mib": peaks, "ratio": ratios}))
        return
    table = Table(title=f"peak memory, {case.text}")
    for heading in ("pass", f"{short} frames", f"{long} frames", "ratio"):
        table.add_column(heading, justify="left" if heading == "pass" else "right")
    for name, by_count in peaks.items():
        table.add_row(name, f"{by_count[short]:.0f} MiB", f"{by_count[long]:.0f} MiB", f"{ratios[name]:.3f}")
    Console().print(table)


def repeated(plate: SpeedPlate, folder: Path, *, frames: int) -> str:
    """The pattern of a plate of `frames` frames from 1 on, links to those of another, over and over."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for number in range(1, frames + 1):
        (folder / f"plate.{number:04d}.exr").symlink_to(plate.paths[(number - 1) % len(plate.paths)])
    return str(folder / "plate.####.exr")


def _peaks(values: dict[str, Any], frames: list[int], *, early: int) -> tuple[float, float]:
    """MiB, after `early` frames and at the end."""
    command = [sys.executable, "-c", ONE_RENDER, json.dumps(values), json.dumps(frames), str(early)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    rendered, *kib = json.loads(done.stdout.splitlines()[-1])
    if rendered != len(frames):
        raise SystemExit(f"{rendered} of {len(frames)} frames were rendered")
    return kib[0] / 1024.0, kib[1] / 1024.0


if __name__ == "__main__":
    main()
