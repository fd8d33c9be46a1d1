"""A server under a mixed load for half an hour: memory, descriptors and shared memory must stay flat.

Two clients submit shots and render them anew, send frames in chunks and through shared memory, go away in mid-stream
and in mid-frame, keep and forget an identity, ask for what hosts ask for. Every few seconds the server's and its
workers' memory (proportional set), descriptors, threads and open files in shared memory are noted. Flat means: the
middle of the last third is at most 1.1 times the middle of the first third after the warm-up, and descriptors and
shared memory end where they were.

    scripts/bench soak [--minutes 30] [--pause SECONDS] [--json]        exit code 1 where something grew
"""

from __future__ import annotations

import argparse
import contextlib
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
from vfx_swap.client import AsyncClient, Client, connect
from vfx_swap.client.frame_values import FrameSettings, Transport, plate_frame
from vfx_swap.client.frames import process_frames
from vfx_swap.colour.ocio import load_config
from vfx_swap.io.plates import open_plate
from vfx_swap.models.default import load_face_models
from vfx_swap.pipeline.demo_portraits import HOPPER
from vfx_swap.settings import Cast, Shot

__all__ = ["SPARE", "Load", "Sample", "grown", "look", "main"]

GROWTH = 1.1
"""Most that memory may grow from the first third to the last."""
SPARE = 4
"""Descriptors and threads that may come and go with a connection."""
SHARED = "/dev/shm/"  # noqa: S108  # where Linux keeps shared memory
TRANSPORTS: tuple[Transport, ...] = ("chunks", "slots")
WARM_UP = 0.2
"""Share of the time that is not looked at: pools fill and allocators settle."""


@dataclass(frozen=True)
class Sample:
    """One look at the server. Descriptors, threads and files in shared memory are its own and its workers'."""

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
    parser.add_argument("--pause", type=float, default=0.0, metavar="SECONDS", help="of each client after a round")
    parser.add_argument("--devices", default="cpu", help="of the server, by commas: one worker each")
    parser.add_argument("--out", type=Path, default=Path("build/soak"), help="folder for plates and swaps")
    parser.add_argument("--json", action="store_true", help="one JSON object a look, and one at the end")
    given = parser.parse_args(arguments)
    folder = given.out.absolute() / "show"
    plate = make_plate(Case("the demo's face", 640, 360), folder / "plate", frames=2)
    with load_face_models() as models:
        pack = build_pack(HOPPER, folder / "identities", models=models, config=load_config()).path
    shutil.rmtree(given.out.absolute() / "state", ignore_errors=True)
    config = given.out.absolute() / "server.toml"
    config.write_text('schema = "vfx_swap/server.1"\nshared_memory.enabled = true\n', encoding="utf-8")
    with served(folder, devices=given.devices, state=given.out.absolute() / "state", config=config) as server:
        load = Load(server.address, plate.pattern, pack, folder, seconds=given.minutes * 60, pause=given.pause)
        samples, rounds = _watched(load, server.pid, every=given.every)
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


@dataclass(frozen=True)
class Load:
    """What clients do, where, and for how long."""

    address: str
    plate: str
    pack: Path
    folder: Path
    seconds: float
    pause: float

    def client(self, index: int, rounds: list[int], failed: list[BaseException]) -> None:
        """One client's life; how often it went round is counted."""
        until = time.monotonic() + self.seconds
        try:
            with connect(self.address) as one:
                while time.monotonic() < until and not failed:
                    self.turn(one, f"client{index}", rounds[index])
                    rounds[index] += 1
                    time.sleep(self.pause)
        except BaseException as error:  # noqa: BLE001  # raised by the bench itself
            failed.append(error)

    def turn(self, one: Client, name: str, turn: int) -> None:
        """What a host does in an afternoon."""
        cast = Cast(position="largest", identity=str(self.pack))
        shot = Shot(name=name, plate=self.plate, output=str(self.folder / name / "swap.####.exr"), cast=(cast,))
        one.info()
        one.options()
        one.render(shot, overwrite=True)
        left = one.submit(shot, overwrite=True).id
        watched = one.watch(left)
        next(watched)
        watched.close()  # goes away in mid-stream; the job goes on
        one.create_identity(f"{name}-{turn % 3}", [self.pack], replace=True)
        one.identities()
        if turn % 3 == 2:
            one.delete_identity(f"{name}-{turn % 3}")
        one.cancel(left)
        for transport in TRANSPORTS:
            one.run(lambda client, how=transport: self._frames(client, how, leaves=turn % 2 == 1))  # type: ignore[misc]  # a default binds the loop's value

    async def _frames(self, client: AsyncClient, transport: Transport, *, leaves: bool) -> None:
        """Both frames as stills; who leaves goes while the second is under way."""
        plate = open_plate(self.plate)
        cast = {"position": "largest", "identity": str(self.pack)}
        settings = FrameSettings(shot={"name": "frames", "cast": [cast]}, mode="stills", colour_space="ACEScg")
        frames = process_frames(
            client.stubs.frames,
            settings,
            plate.frames,
            read=lambda number: plate_frame(number, plate.read(number)),
            transport=transport,
        )
        try:
            async for frame in frames:
                if frame.error is not None:
                    raise frame.error
                if leaves:
                    break
        finally:
            await frames.aclose()


def _watched(load: Load, pid: int, *, every: float) -> tuple[list[Sample], int]:
    """Two clients at work, and the looks meanwhile."""
    start, rounds, failed = time.monotonic(), [0, 0], list[BaseException]()
    threads = [threading.Thread(target=load.client, args=(index, rounds, failed)) for index in range(len(rounds))]
    for thread in threads:
        thread.start()
    samples = []
    while any(thread.is_alive() for thread in threads):
        samples.append(look(pid, seconds=time.monotonic() - start))
        time.sleep(every)
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return samples, sum(rounds)


def look(pid: int, *, seconds: float = 0.0) -> Sample:
    """A server and its workers as they are now."""
    children = [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    files = [_files(one) for one in (pid, *children)]
    return Sample(
        seconds=round(seconds, 1),
        server_bytes=_memory(pid),
        workers_bytes=sum(_memory(child) for child in children),
        descriptors=sum(len(one) for one in files),
        threads=sum(len(os.listdir(f"/proc/{one}/task")) for one in (pid, *children)),
        shared_files=len({name for one in files for name in one if name.startswith(SHARED)}),
    )


def _files(pid: int) -> list[str]:
    """What a process has open."""
    found = []
    for number in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            found.append(os.readlink(f"/proc/{pid}/fd/{number}"))
    return found


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
