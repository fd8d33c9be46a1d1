"""A server under a mixed load for half an hour: memory, descriptors and shared memory must stay flat.

Two clients submit shots and render them anew, watch and go away in mid-stream, keep and forget an identity, ask for
what hosts ask for. Every few seconds the server's and its workers' memory (proportional set), descriptors, threads and
files in shared memory are noted. Flat means: the middle of the last third is at most 1.1 times the middle of the
first third after the warm-up, and descriptors and shared memory end where they were.

    scripts/bench soak [--minutes 30] [--json]        exit code 1 where something grew
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
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from scripts.benchmarks._plates import Case, make_plate
from scripts.benchmarks._served import served
from scripts.benchmarks._shots import build_pack
from vfx_swap.client import Client, connect
from vfx_swap.colour.ocio import load_config
from vfx_swap.models.default import load_face_models
from vfx_swap.pipeline.demo_portraits import HOPPER
from vfx_swap.settings import Cast, Shot

__all__ = ["Sample", "grown", "main"]

GROWTH = 1.1
"""Most that memory may grow from the first third to the last."""
SPARE = 4
"""Descriptors and threads that may come and go with a connection."""
SHARED = "/dev/shm"  # noqa: S108  # where Linux keeps shared memory
WARM_UP = 0.2
"""Share of the time that is not looked at: pools fill and allocators settle."""


@dataclass(frozen=True)
class Sample:
    """One look at the server."""

    seconds: float
    server_bytes: int
    workers_bytes: int
    descriptors: int
    threads: int
    shared_files: int


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, print, and end with 1 where something grew."""
    parser = argparse.ArgumentParser(prog="scripts/bench soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0, help="how long")
    parser.add_argument("--every", type=float, default=2.0, metavar="SECONDS", help="between two looks")
    parser.add_argument("--out", type=Path, default=Path("build/soak"), help="folder for plates and swaps")
    parser.add_argument("--json", action="store_true", help="one JSON object a look, and one at the end")
    given = parser.parse_args(arguments)
    folder = given.out.absolute() / "show"
    plate = make_plate(Case("the demo's face", 640, 360), folder / "plate", frames=2)
    with load_face_models() as models:
        pack = build_pack(HOPPER, folder / "identities", models=models, config=load_config()).path
    shutil.rmtree(given.out.absolute() / "state", ignore_errors=True)
    with served(folder, devices="cpu", state=given.out.absolute() / "state") as server:
        samples, rounds = _load(
            server.address, server.pid, plate.pattern, pack, folder, given.minutes * 60, given.every
        )
    wrong = grown(samples)
    if given.json:
        for one in samples:
            print(json.dumps({"event": "look", **asdict(one)}))
        print(json.dumps({"event": "done", "rounds": rounds, "looks": len(samples), "grown": wrong}), flush=True)
    else:
        _print(samples, rounds, wrong)
    raise SystemExit(1 if wrong else 0)


def grown(samples: Sequence[Sample]) -> list[str]:
    """What is not flat, in words; empty where all is."""
    used = samples[int(len(samples) * WARM_UP) :]
    third = len(used) // 3
    if third < 1:
        return ["too few looks to tell: run it longer"]
    first, last = used[:third], used[-third:]
    wrong = []
    for name in ("server_bytes", "workers_bytes"):
        before, after = (statistics.median(getattr(one, name) for one in part) for part in (first, last))
        if after > GROWTH * before:
            wrong.append(f"{name} grew from {before / 2**20:.0f} to {after / 2**20:.0f} MiB")
    for name, spare in (("descriptors", SPARE), ("threads", SPARE), ("shared_files", 0)):
        before, after = (statistics.median(getattr(one, name) for one in part) for part in (first, last))
        if after > before + spare:
            wrong.append(f"{name} grew from {before:g} to {after:g}")
    return wrong


def _load(
    address: str, pid: int, plate: str, pack: Path, folder: Path, seconds: float, every: float
) -> tuple[list[Sample], int]:
    """Two clients at work for so long, and the looks meanwhile."""
    start, rounds, failed = time.monotonic(), [0, 0], list[BaseException]()

    def client(index: int) -> None:
        try:
            with connect(address) as one:
                while time.monotonic() - start < seconds and not failed:
                    _round(one, index, rounds[index], plate, pack, folder)
                    rounds[index] += 1
        except BaseException as error:  # noqa: BLE001  # raised by the bench itself
            failed.append(error)

    threads = [threading.Thread(target=client, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    samples = []
    while any(thread.is_alive() for thread in threads):
        samples.append(_look(pid, time.monotonic() - start))
        time.sleep(every)
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return samples, sum(rounds)


def _round(one: Client, index: int, turn: int, plate: str, pack: Path, folder: Path) -> None:
    """What a host does in an afternoon."""
    name = f"client{index}"
    shot = Shot(
        name=name,
        plate=plate,
        output=str(folder / name / "swap.####.exr"),
        cast=(Cast(position="largest", identity=str(pack)),),
    )
    one.info()
    one.options()
    one.render(shot, overwrite=True)
    left = one.submit(shot, overwrite=True).id
    watched = one.watch(left)
    next(watched)
    watched.close()  # goes away in mid-stream; the job goes on
    one.create_identity(f"{name}-{turn % 3}", [pack], replace=True)
    one.identities()
    if turn % 3 == 2:
        one.delete_identity(f"{name}-{turn % 3}")
    one.cancel(left)


def _look(pid: int, seconds: float) -> Sample:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return Sample(
        seconds=round(seconds, 1),
        server_bytes=_memory(pid),
        workers_bytes=sum(_memory(int(child)) for child in children),
        descriptors=len(os.listdir(f"/proc/{pid}/fd")),
        threads=len(os.listdir(f"/proc/{pid}/task")),
        shared_files=sum("vfx-swap" in name for name in os.listdir(SHARED)),
    )


def _memory(pid: int) -> int:
    """The proportional set: what is shared with others counts by its share."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return next(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:"))


def _print(samples: Sequence[Sample], rounds: int, wrong: Sequence[str]) -> None:
    console = Console()
    table = Table(title=f"{rounds} rounds in {samples[-1].seconds / 60:.1f} minutes")
    for heading in ("minutes", "server MiB", "workers MiB", "descriptors", "threads", "shared files"):
        table.add_column(heading, justify="right")
    step = max(1, len(samples) // 12)
    for one in samples[::step]:
        memory = (f"{value / 2**20:.0f}" for value in (one.server_bytes, one.workers_bytes))
        counts = (str(value) for value in (one.descriptors, one.threads, one.shared_files))
        table.add_row(f"{one.seconds / 60:.1f}", *memory, *counts)
    console.print(table)
    console.print("flat" if not wrong else "\n".join(wrong))


if __name__ == "__main__":
    main()
