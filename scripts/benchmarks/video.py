"""What a shot costs beyond the networks it runs: a 1080p EXR sequence through a generator, against bare forwards.

Fresh weights: costs are those of real ones. Render and forwards run in turn and the middle of the pairs' ratios is
taken: a machine that is busy with other things is busy for both. The forwards are the same networks with the same
threads of torch, on arrays that are there already: no file, no crop, no comp.

    scripts/bench video [--frames N] [--rounds N] [--parser NAME] [--out DIR] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from scripts.benchmarks._plates import CASES, SpeedPlate, make_plate
from scripts.benchmarks._shots import Pack, build_pack, render
from vfx_swap.colour.ocio import load_config
from vfx_swap.models.bring.add import AddOptions, add_models
from vfx_swap.models.cards import card_folder, read_cards
from vfx_swap.models.default import FaceModels, load_face_models
from vfx_swap.models.networks import build_network, network_spec
from vfx_swap.pipeline.demo_portraits import HOPPER
from vfx_swap.pipeline.identity_file import load_identity, save_identity
from vfx_swap.pipeline.shot import ShotReport
from vfx_swap.types import Embedding

__all__ = ["main", "measure"]

ENGINE, VECTOR = "simswap-224", "simswap-arcface"
STAGES = ("read", "swap", "write")
NETWORKS_OF = {"landmark-parser": ("gen224",), "bisenet": ("gen224", "bisenet")}
"""Parser -> the networks that run once a frame with it."""


@dataclass(frozen=True)
class Pair:
    """Seconds a frame of one round."""

    forwards: float
    forwards_cpu: float
    render: float
    render_cpu: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench video", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, default=8, help="of the sequence, half ZIP EXR")
    parser.add_argument("--rounds", type=int, default=5, help="times that forwards and render run in turn")
    parser.add_argument("--parser", nargs="+", choices=list(NETWORKS_OF), default=list(NETWORKS_OF), help="of regions")
    parser.add_argument("--out", type=Path, default=Path("build/video"), help="folder for plates and swaps")
    parser.add_argument("--json", action="store_true", help="one JSON object a parser on stdout")
    given = parser.parse_args(arguments)
    out = given.out.absolute()
    with load_face_models() as models:
        pack = _pack(out, models=models, parsers=given.parser)
        plate = make_plate(CASES["1080p"], out / "plate", frames=given.frames)
        for name in given.parser:
            found = measure(plate, out / "swaps", parser=name, pack=pack, models=models, rounds=given.rounds)
            if given.json:
                print(json.dumps(found), flush=True)
            else:
                _print(found)


def _bring(folder: Path, *networks: str) -> None:
    """Fresh weights in the user's folder of models, as `models add` puts them there."""
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    for name in networks:
        path = folder.parent / f"{name}.pth"
        torch.save(build_network(name, seed=0).state_dict(), path)
        shipped = read_cards(card_folder())
        options = AddOptions(convention="official" if name.startswith("gen") else None)
        list(add_models(path, folder=folder, cards=shipped, accept=lambda _: True, options=options))
        path.unlink()


def _pack(out: Path, *, models: FaceModels, parsers: Sequence[str]) -> Pack:
    """A portrait's identity, with a vector that no recogniser made: costs do not depend on it."""
    home = out / "models"
    os.environ["VFX_SWAP_MODELS"] = str(home)
    shutil.rmtree(home, ignore_errors=True)
    _bring(home, *dict.fromkeys(name for parser in parsers for name in NETWORKS_OF[parser]))
    pack = build_pack(HOPPER, out / "identities", models=models, config=load_config())
    identity = load_identity(pack.path)
    vector = np.random.default_rng(0).standard_normal(512).astype(np.float32)
    vectors = {**identity.embeddings, VECTOR: Embedding(VECTOR, vector)}
    save_identity(replace(identity, embeddings=vectors, sha256=""), pack.path)
    return pack


def measure(
    plate: SpeedPlate, folder: Path, *, parser: str, pack: Pack, models: FaceModels, rounds: int
) -> dict[str, Any]:
    """Seconds of a frame, and the render's over the forwards'."""
    shutil.rmtree(folder, ignore_errors=True)

    def swap() -> ShotReport:
        return render(
            "video",
            plate=plate.pattern,
            output=str(folder / "video.####.exr"),
            colour_space="ACEScg",
            pack=pack,
            models=models,
            settings=(f'engine="{ENGINE}"', f'network.parser="{parser}"'),
        )

    count = len(plate.frames)
    swap()  # faces are found and followed once a shot, and are no part of this
    calls = [_forward(name) for name in NETWORKS_OF[parser]]

    def forwards() -> None:
        for _ in range(count):
            for call in calls:
                call()

    forwards()
    pairs = []
    for _ in range(rounds):
        alone, (render_wall, render_cpu, report) = _timed(forwards, count), _timed(swap, count)
        pairs.append(Pair(alone[0], alone[1], render_wall, render_cpu))
    rows = json.loads(report.log.read_text(encoding="utf-8"))["rows"]
    found = {
        "parser": parser,
        "networks": NETWORKS_OF[parser],
        "cores": len(os.sched_getaffinity(0)),
        "frames": count,
        "ratio": statistics.median(pair.render / pair.forwards for pair in pairs),
        "ratio_least": min(pair.render / pair.forwards for pair in pairs),
        "ratio_most": max(pair.render / pair.forwards for pair in pairs),
        "ratio_cpu": statistics.median(pair.render_cpu / pair.forwards_cpu for pair in pairs),
        **{key: statistics.median(getattr(pair, key) for pair in pairs) for key in vars(pairs[0])},
        "stages": {stage: statistics.median(row["seconds"][stage] for row in rows) for stage in STAGES},
    }
    rounded: dict[str, Any] = json.loads(json.dumps(found), parse_float=lambda text: round(float(text), 4))
    return rounded


def _forward(name: str) -> Callable[[], None]:
    import torch

    network, spec = build_network(name, seed=0), network_spec(name)
    inputs = [torch.rand(1, 3, spec.size, spec.size)]
    if spec.is_generator:
        inputs.append(torch.nn.functional.normalize(torch.randn(1, 512)))

    def call() -> None:
        with torch.inference_mode():
            network(*inputs)

    return call


def _timed(work: Callable[[], Any], frames: int) -> tuple[float, float, Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    answer = work()
    return (time.perf_counter() - wall) / frames, (time.process_time() - cpu) / frames, answer


def _print(found: dict[str, Any]) -> None:
    title = f"1920x1080 half ZIP EXR, one face; {', '.join(found['networks'])}; {found['cores']} cores"
    table = Table(title=title)
    for heading in ("a frame", "seconds", "CPU seconds"):
        table.add_column(heading, justify="left" if heading == "a frame" else "right")
    table.add_row("forwards alone", f"{found['forwards']:.3f}", f"{found['forwards_cpu']:.3f}")
    table.add_row("render", f"{found['render']:.3f}", f"{found['render_cpu']:.3f}")
    table.add_row("ratio", f"{found['ratio']:.2f}", f"{found['ratio_cpu']:.2f}")
    console = Console()
    console.print(table)
    stages = ", ".join(f"{stage} {seconds:.3f}" for stage, seconds in found["stages"].items())
    console.print(f"ratios from {found['ratio_least']:.2f} to {found['ratio_most']:.2f}; busy a frame: {stages}")


if __name__ == "__main__":
    main()
