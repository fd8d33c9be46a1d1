"""What a swap costs: rendering against reading and writing the same files with OpenImageIO, in the same run.

Ratios travel between machines, seconds do not. The two are run in turn, and the middle of the pairs' ratios is taken:
a machine that is busy with other things is busy for both. Analyse is measured apart: it runs once per shot.

    scripts/bench speed [--case 1080p two 4k] [--frames N] [--rounds N] [--stages] [--out DIR] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from scripts.benchmarks._plates import CASES, Case, SpeedPlate, copy_frame, make_plate
from scripts.benchmarks._shots import Pack, build_pack, render
from vfx_swap.colour.ocio import load_config
from vfx_swap.models.default import FaceModels, load_face_models
from vfx_swap.pipeline.demo_portraits import HOPPER
from vfx_swap.pipeline.shot import ShotReport

__all__ = ["main", "measure"]

STAGES = {"read": "decode and digest", "swap": "swap", "write": "encode and digest"}


@dataclass(frozen=True)
class Cost:
    """Of one frame."""

    wall: float
    """Seconds that went by."""
    cpu: float
    """Seconds of all processors together, of this process."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench speed", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--case", nargs="+", choices=list(CASES), default=list(CASES), help="what is measured")
    parser.add_argument("--out", type=Path, default=Path("build/speed"), help="folder for plates and swaps")
    parser.add_argument("--frames", type=int, default=8, help="of each plate, half ZIP EXR")
    parser.add_argument("--rounds", type=int, default=3, help="times that copy and render run in turn")
    parser.add_argument("--stages", action="store_true", help="also what decode, swap and encode take of a render")
    parser.add_argument("--json", action="store_true", help="one JSON object a case on stdout")
    given = parser.parse_args(arguments)
    console, out = Console(stderr=given.json), given.out.absolute()
    with load_face_models() as models:
        pack = build_pack(HOPPER, out / "identities", models=models, config=load_config())
        for name in given.case:
            case = CASES[name]
            plate = make_plate(case, out / name / "plate", frames=given.frames)
            measured = measure(case, plate, out / name, pack=pack, models=models, rounds=given.rounds)
            if given.json:
                print(json.dumps({"case": name, "frames": given.frames, "cores": _cores(), **measured}), flush=True)
            else:
                _print(console, case, measured, stages=given.stages)
    if not given.json:
        console.print(
            "render reads, swaps and writes; analyse is the first run less a later one, which finds its tracks."
        )


def measure(
    case: Case, plate: SpeedPlate, folder: Path, *, pack: Pack, models: FaceModels, rounds: int
) -> dict[str, Any]:
    """Costs of a frame, and their ratios to reading and writing it."""
    shutil.rmtree(folder / "swaps", ignore_errors=True)
    copies = folder / "copies"
    copies.mkdir(parents=True, exist_ok=True)

    def copy() -> None:
        for path in plate.paths:
            copy_frame(path, copies / path.name)

    def swap() -> ShotReport:
        return render(
            "speed",
            plate=plate.pattern,
            output=str(folder / "swaps" / "speed.####.exr"),
            colour_space="ACEScg",
            pack=pack,
            models=models,
            settings=(f'cast.position="{case.position}"',),
        )

    count = len(plate.frames)
    first, report = _timed(swap, count)
    pairs = [(_timed(copy, count)[0], _timed(swap, count)[0]) for _ in range(rounds)]
    base, rendered = (_middle([pair[at] for pair in pairs]) for at in (0, 1))
    found = {
        "read_and_write": vars(base),
        "analyse": vars(Cost(max(0.0, first.wall - rendered.wall), max(0.0, first.cpu - rendered.cpu))),
        "render": vars(rendered),
        "render_ratio": statistics.median(swapped.wall / copied.wall for copied, swapped in pairs),
        "render_ratio_least": min(swapped.wall / copied.wall for copied, swapped in pairs),
        "render_ratio_cpu": statistics.median(swapped.cpu / copied.cpu for copied, swapped in pairs),
        "stages": _stages(report, rendered.wall),
    }
    rounded: dict[str, Any] = json.loads(json.dumps(found), parse_float=lambda text: round(float(text), 4))
    return rounded


def _timed(work: Callable[[], Any], frames: int) -> tuple[Cost, Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    answer = work()
    return Cost((time.perf_counter() - wall) / frames, (time.process_time() - cpu) / frames), answer


def _middle(costs: Sequence[Cost]) -> Cost:
    return Cost(statistics.median(cost.wall for cost in costs), statistics.median(cost.cpu for cost in costs))


def _stages(report: ShotReport, wall: float) -> dict[str, float]:
    """Middle seconds a frame that each stage was busy, by the render log; they overlap, so their sum is over `wall`."""
    rows = json.loads(report.log.read_text(encoding="utf-8"))["rows"]
    busy = {stage: statistics.median(row["seconds"][stage] for row in rows) for stage in STAGES}
    return {**busy, "at_once": sum(busy.values()) / wall}


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _print(console: Console, case: Case, found: dict[str, Any], *, stages: bool) -> None:
    table = Table(title=f"{case.text}; half ZIP EXR, {_cores()} cores")
    for heading in ("stage", "seconds a frame", "CPU seconds", "x reading and writing", "x its CPU"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    base = found["read_and_write"]
    for name in ("read_and_write", "analyse", "render"):
        cost = found[name]
        ratio = found["render_ratio"] if name == "render" else cost["wall"] / base["wall"]
        of_cpu = found["render_ratio_cpu"] if name == "render" else cost["cpu"] / base["cpu"]
        cells = (f"{cost['wall']:.3f}", f"{cost['cpu']:.3f}", f"{ratio:.2f}", f"{of_cpu:.2f}")
        table.add_row(name.replace("_", " "), *cells)
    console.print(table)
    if not stages:
        return
    busy = found["stages"]
    total = sum(busy[stage] for stage in STAGES)
    shares = Table(title=f"a render's stages; {busy['at_once']:.2f} at once on average")
    for heading in ("stage", "seconds a frame", "share"):
        shares.add_column(heading, justify="left" if heading == "stage" else "right")
    for stage, text in STAGES.items():
        shares.add_row(text, f"{busy[stage]:.3f}", f"{busy[stage] / total:.0%}")
    console.print(shares)


if __name__ == "__main__":
    main()
