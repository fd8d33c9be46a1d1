"""What a network costs in torch and in ONNX Runtime, side by side in the same run, on the CPU.

Ratios travel between machines, seconds do not. Sizes are small by default, so that a run takes a minute or two: costs
of convolutions grow with the area. Weights are fresh ones.

    scripts/bench networks [NAME ...] [--size PX | --native] [--batch N ...] [--threads N] [--cpu-time]
        [--rounds N] [--json]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from rich.console import Console
from rich.table import Table

from vfx_swap.errors import VfxSwapError
from vfx_swap.models.export import export_onnx
from vfx_swap.models.networks import NETWORKS, build_network, network_spec
from vfx_swap.models.runtimes.onnx_session import open_session

_Clock: TypeAlias = Callable[[], float]
SMALL = 96
"""Side of pictures in pixels; the recogniser keeps its own."""


@dataclass(frozen=True)
class Row:
    """One network at one batch."""

    name: str
    size: int
    batch: int
    torch_seconds: float
    """Of the whole batch."""
    onnxruntime_seconds: float

    @property
    def ratio(self) -> float:
        """How many times as fast ONNX Runtime is."""
        return self.torch_seconds / self.onnxruntime_seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench networks", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(NETWORKS), metavar="NAME", help=", ".join(NETWORKS))
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--size", type=int, default=SMALL, help="side of pictures in pixels")
    size.add_argument("--native", action="store_true", help="each network's own size")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 4, 8])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many is taken")
    parser.add_argument("--cpu-time", action="store_true", help="CPU time, steady on a busy machine; with --threads 1")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    given = parser.parse_args()
    rows: list[Row] = []
    try:
        for name in given.names:
            print(f"measuring {name}", file=sys.stderr, flush=True)
            side = None if given.native or network_spec(name).fixed_size else given.size
            clock = time.process_time if given.cpu_time else time.perf_counter
            rows += _measured(
                name, side=side, batches=given.batch, threads=given.threads, rounds=given.rounds, clock=clock
            )
    except VfxSwapError as error:
        parser.exit(error.exit_code, f"scripts/bench networks: {error}\n")
    _print(rows, threads=given.threads, as_json=given.json)


def _measured(
    name: str, *, side: int | None, batches: list[int], threads: int, rounds: int, clock: _Clock
) -> list[Row]:
    import torch

    spec, network = network_spec(name), build_network(name, seed=0)
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder:
        graph = Path(folder) / "network.onnx"
        export_onnx(network, spec, graph, size=side)
        session = open_session(graph.read_bytes(), device="cpu", threads=threads, where=graph)
    rows, size = [], spec.size if side is None else side
    for batch in batches:
        inputs = [torch.rand(batch, 3, size, size)]
        if spec.is_generator:
            inputs.append(torch.nn.functional.normalize(torch.randn(batch, 512)))
        feed = {key: value.numpy() for key, value in zip(spec.inputs, inputs, strict=True)}

        def by_torch(inputs: list[Any] = inputs) -> None:
            with torch.inference_mode():
                network(*inputs)

        def by_onnxruntime(feed: dict[str, Any] = feed) -> None:
            session.run(None, feed)

        rows.append(Row(name, size, batch, *_best(by_torch, by_onnxruntime, rounds=rounds, clock=clock)))
    return rows


def _best(first: Callable[[], None], second: Callable[[], None], *, rounds: int, clock: _Clock) -> tuple[float, float]:
    """Seconds of each one's fastest round; in turn, so that other work meets both; after one that is not counted."""
    best = [float("inf"), float("inf")]
    for round_ in range(rounds + 1):
        for index, call in enumerate((first, second)):
            start = clock()
            call()
            if round_:
                best[index] = min(best[index], clock() - start)
    return best[0], best[1]


def _print(rows: list[Row], *, threads: int, as_json: bool) -> None:
    alone = {row.name: row for row in rows if row.batch == 1}
    if as_json:
        found = [
            {
                "network": row.name,
                "size": row.size,
                "batch": row.batch,
                "onnxruntime_times_as_fast": round(row.ratio, 2),
            }
            for row in rows
        ]
        print(json.dumps({"threads": threads, "rows": found}))
        return
    table = Table(title=f"torch against ONNX Runtime on the CPU, {threads} threads, float32")
    for heading in ("network", "side", "batch", "torch s", "ort s", "ratio", "each / batch 1"):
        table.add_column(heading, justify="left" if heading == "network" else "right")
    for row in rows:
        one = alone.get(row.name)
        each = "" if one is None else f"{row.onnxruntime_seconds / row.batch / one.onnxruntime_seconds:.2f}"
        cells = (f"{row.torch_seconds:.3f}", f"{row.onnxruntime_seconds:.3f}", f"{row.ratio:.2f}", each)
        table.add_row(
            row.name, str(row.size), str(row.batch), *cells, end_section=row.batch == max(r.batch for r in rows)
        )
    Console().print(table)


if __name__ == "__main__":
    main()
