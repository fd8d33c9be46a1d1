"""What a server costs: 1, 2, 4 and 8 clients' shots on it, against the local render of the same frames.

Each client submits a shot of its own, all of one plate; its faces are found and its frames rendered, on both sides.
Models are warm on both sides. Local render and server take turns, and the middle of the rounds' ratios is taken. The
local render works on the first of the server's devices.

    scripts/bench server [--clients 1 2 4 8] [--devices cpu,cpu] [--frames N] [--rounds N] [--width W] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from scripts.benchmarks._plates import Case, make_plate
from scripts.benchmarks._served import served
from scripts.benchmarks._shots import build_pack
from vfx_swap.client import connect
from vfx_swap.colour.ocio import load_config
from vfx_swap.models.default import load_face_models
from vfx_swap.pipeline.demo_portraits import HOPPER
from vfx_swap.pipeline.shot import render_shot
from vfx_swap.pipeline.warm import WarmTools
from vfx_swap.settings import Cast, Shot

__all__ = ["main", "measure"]


@dataclass(frozen=True)
class Bench:
    """What is rendered, and where."""

    folder: Path
    plate: str
    frames: int
    pack: Path

    def shot(self, name: str) -> Shot:
        """A shot whose output folder is empty."""
        shutil.rmtree(self.folder / name, ignore_errors=True)
        return Shot(
            name=name,
            plate=self.plate,
            output=str(self.folder / name / "swap.####.exr"),
            cast=(Cast(position="largest", identity=str(self.pack)),),
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench server", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 2, 4, 8], help="at once")
    parser.add_argument("--devices", default="cpu", help="of the server, by commas: one worker each")
    parser.add_argument("--frames", type=int, default=12, help="of each shot")
    parser.add_argument("--rounds", type=int, default=3, help="times that local render and server run in turn")
    parser.add_argument("--width", type=int, default=1280, help="of the plate, in pixels")
    parser.add_argument("--out", type=Path, default=Path("build/server"), help="folder for plates and swaps")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    given = parser.parse_args(arguments)
    out = given.out.absolute()
    case = Case("the demo's face", given.width, given.width * 9 // 16)
    plate = make_plate(case, out / "show" / "plate", frames=given.frames)
    with load_face_models() as models:
        pack = build_pack(HOPPER, out / "show" / "identities", models=models, config=load_config())
    bench = Bench(out / "show", plate.pattern, given.frames, pack.path)
    found = measure(bench, clients=given.clients, devices=given.devices, rounds=given.rounds, state=out / "state")
    if given.json:
        print(json.dumps({"frames": given.frames, "devices": given.devices, "cores": _cores(), **found}), flush=True)
        return
    table = Table(title=f"{given.frames} frames a client, {given.width} pixels wide, {given.devices}, {_cores()} cores")
    for heading in ("clients", "x local render", "least", "most"):
        table.add_column(heading, justify="right")
    for count in given.clients:
        ratios = found[f"clients_{count}"]
        table.add_row(str(count), *(f"{value:.2f}" for value in (statistics.median(ratios), min(ratios), max(ratios))))
    Console().print(table)


def measure(bench: Bench, *, clients: Sequence[int], devices: str, rounds: int, state: Path) -> dict[str, list[float]]:
    """Frames a second on the server over those of the local render beside it: one ratio a round."""
    warm, local = WarmTools(), devices.partition(",")[0]
    shutil.rmtree(state, ignore_errors=True)
    found: dict[str, list[float]] = {f"clients_{count}": [] for count in clients}
    with served(bench.folder, devices=devices, state=state) as server:
        _local(bench, warm, local)  # loads the models
        _remote(bench, server.address, max(clients))
        for _ in range(rounds):
            for count in clients:
                own, there = _local(bench, warm, local), _remote(bench, server.address, count)
                found[f"clients_{count}"].append(round(there / own, 4))
    warm.close()
    return found


def _local(bench: Bench, warm: WarmTools, device: str) -> float:
    """Frames a second of a render in this process."""
    shot = bench.shot("local")
    start = time.perf_counter()
    render_shot(shot, device=device, today=datetime.now(UTC).date(), tools=warm.tools)
    return bench.frames / (time.perf_counter() - start)


def _remote(bench: Bench, address: str, count: int) -> float:
    """Frames a second of so many clients at once, all of theirs together."""
    shots = [bench.shot(f"client{index}") for index in range(count)]
    failed: list[BaseException] = []

    def client(shot: Shot) -> None:
        try:
            with connect(address) as server:
                server.render(shot)
        except BaseException as error:  # noqa: BLE001  # raised by the bench itself
            failed.append(error)

    threads = [threading.Thread(target=client, args=(shot,)) for shot in shots]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return count * bench.frames / (time.perf_counter() - start)


def _cores() -> int:
    return len(os.sched_getaffinity(0))


if __name__ == "__main__":
    main()
