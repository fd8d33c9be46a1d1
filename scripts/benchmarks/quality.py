"""How good the default swap is: on the two public-domain portraits, on the demo shot, and on digital doubles.

Portraits and demo have no known answer: the swap is compared with the plate. Doubles (made by scripts/doubles) have
one: a render of the true swap, true landmarks, true mattes of what lies in front. Prints tables, writes `quality.json`,
crops (plate, swap, identity) and sheets of doubles (plate, swap, true swap, difference, matte) at 200 %.

    scripts/bench quality --pairs pairs.toml [--engine CARD]       the paper's measures on pairs of your own
    scripts/bench quality [--shots NAMES] [--quick] [--set matte.feather=0.1] [--compare OLD.json] [--out DIR] [--json]
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from scripts.benchmarks._double_cases import DoubleRun
from scripts.benchmarks._doubles import DoubleShot, find_shots
from scripts.benchmarks._pairs import PAIR_PROTOCOLS, PairRun, print_pairs
from scripts.benchmarks._pairs_file import Pairs, read_pairs_file
from scripts.benchmarks._portrait_cases import RESHAPE, PortraitRun
from scripts.benchmarks._truth_report import print_changes, print_protocols, print_truth
from scripts.benchmarks._truth_result import as_json
from vfx_swap.colour.ocio import load_config
from vfx_swap.errors import VfxSwapError
from vfx_swap.io.atomic import atomic_write
from vfx_swap.models.default import load_face_models
from vfx_swap.pipeline.engines import engine_ids
from vfx_swap.pipeline.qc import Metrics
from vfx_swap.pipeline.qc_report import PROTOCOLS, metric_rows
from vfx_swap.settings.load import ENGINES

__all__ = ["PAIRS_SCHEMA", "SCHEMA", "main"]

SCHEMA = "vfx_swap/quality.1"
PAIRS_SCHEMA = "vfx_swap/quality-pairs.1"

Case = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, write numbers and pictures."""
    given = _arguments(arguments)
    out = given.out.absolute()
    console = Console(stderr=given.json, width=max(Console().width, 140))
    if given.pairs is not None:
        try:
            _pairs(given, out, console, read_pairs_file(given.pairs))
        except VfxSwapError as error:
            print(f"error: {error}", file=sys.stderr)
            raise SystemExit(error.exit_code) from error
        return
    old = json.loads(given.compare.read_text(encoding="utf-8"))["cases"] if given.compare else None
    shots = find_shots(given.doubles)
    portraits, demo, doubles = _chosen(given.shots, shots, frames=given.frames)
    cases: dict[str, Case] = {}
    for name, case in _measured(given, out, console, portraits=portraits, demo=demo, doubles=doubles):
        cases[name] = case
        if given.json:
            print(json.dumps({"case": name, **case}), flush=True)
    settings = {"quick": given.quick, "reshape": given.reshape, "set": given.set}
    with atomic_write(out / "quality.json") as temporary:
        text = json.dumps({"schema": SCHEMA, "settings": settings, "cases": cases}, indent=1)
        temporary.write_text(text + "\n", encoding="utf-8")
    _print(console, given.engine, {name: case for name, case in cases.items() if "true" not in case})
    print_truth(console, cases)
    if given.protocols:
        print_protocols(console)
    else:
        console.print("How each is measured: docs/quality.md, or --protocols", style="dim")
    if old is not None:
        print_changes(console, cases, old)
    console.print(f"numbers: {out / 'quality.json'}   200 %: {out / 'crops'}, {out / 'sheets'}", soft_wrap=True)


def _pairs(given: argparse.Namespace, out: Path, console: Console, pairs: Pairs) -> None:
    """Measure the pairs of a file, print, write `OUT/pairs.json`."""
    settings = tuple(given.set)
    if given.reshape != RESHAPE:
        settings = (f"cast.reshape={given.reshape}", *settings)
    with load_face_models() as models:
        run = PairRun(out, models, load_config(), settings, partial(console.print, style="dim"))
        cases = run.measure(pairs)
        recogniser = models.recogniser.id
    with atomic_write(out / "pairs.json") as temporary:
        how = {"engine": given.engine, "recogniser": recogniser, "set": given.set}
        told = {"schema": PAIRS_SCHEMA, **how, "cases": cases}
        temporary.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    if given.json:
        for name, case in cases.items():
            print(json.dumps({"case": name, **case}), flush=True)
    print_pairs(console, given.engine, cases)
    if given.protocols:
        for name, text in PAIR_PROTOCOLS.items():
            console.print(f"  {name}: {text}", style="dim", highlight=False, soft_wrap=True)
    console.print(f"recogniser: {recogniser}   numbers: {out / 'pairs.json'}", soft_wrap=True)
    if any("error" in case for case in cases.values()):
        raise SystemExit(1)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench quality", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("build/quality"), help="folder for plates, swaps and pictures")
    parser.add_argument("--doubles", type=Path, default=Path("build/doubles"), help="what scripts/doubles made")
    parser.add_argument(
        "--shots",
        default="all",
        help="names of doubles' shots, `portraits`, `demo`, `doubles`, with commas; `all` that there are by default",
    )
    parser.add_argument("--quick", action="store_true", help="a third of the doubles' frames, portraits at one size")
    parser.add_argument("--frames", type=int, default=24, help="of the demo shot; 0 leaves it out")
    parser.add_argument("--reshape", type=float, default=RESHAPE, help="0 to 1; stills are measured at 0 too")
    parser.add_argument("--engine", default=ENGINES[0], metavar="E", help="any engine that is here")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the shot file")
    parser.add_argument(
        "--pairs", type=Path, metavar="PAIRS.toml", help="plates and identities; this alone is measured"
    )
    parser.add_argument("--compare", type=Path, metavar="OLD.json", help="print the change against this quality.json")
    parser.add_argument("--protocols", action="store_true", help="say how each number against the truth is measured")
    parser.add_argument("--json", action="store_true", help="one JSON object a case on stdout")
    given = parser.parse_args(arguments)
    if given.engine not in engine_ids():
        parser.error(f"no engine {given.engine!r} here; there are: {', '.join(engine_ids())}")
    if given.engine != ENGINES[0]:
        given.set = [f'engine="{given.engine}"', *given.set]
    return given


def _chosen(names: str, shots: Mapping[str, DoubleShot], *, frames: int) -> tuple[bool, bool, tuple[DoubleShot, ...]]:
    """Whether the portraits, whether the demo, and which shots of doubles."""
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    everything = "all" in wanted
    unknown = sorted(set(wanted) - {"all", "portraits", "demo", "doubles"} - set(shots))
    if unknown:
        there = ", ".join(("portraits", "demo", "doubles", *shots))
        raise SystemExit(f"no shot called {', '.join(unknown)}; there are: {there} (scripts/doubles makes more)")
    doubles = tuple(shot for name, shot in shots.items() if everything or "doubles" in wanted or name in wanted)
    return everything or "portraits" in wanted, bool(frames) and (everything or "demo" in wanted), doubles


def _measured(
    given: argparse.Namespace,
    out: Path,
    console: Console,
    *,
    portraits: bool,
    demo: bool,
    doubles: Sequence[DoubleShot],
) -> Iterator[tuple[str, Case]]:
    config, settings = load_config(), tuple(given.set)
    with load_face_models() as models:
        plain = PortraitRun(out, models, config, given.quick, given.reshape, settings)
        for cases in (plain.stills() if portraits else (), plain.demo(given.frames) if demo else ()):
            for case in cases:
                found = dataclasses.asdict(plain.measure(case))
                console.print(f"measured {case.name}", style="dim")
                yield case.name, {"swap": {name: value for name, value in found.items() if value is not None}}
        if not doubles:
            return
        if given.reshape != RESHAPE:
            settings = (f"cast.reshape={given.reshape}", *settings)
        run = DoubleRun(given.doubles, out, models, config, given.quick, settings, partial(console.print, style="dim"))
        packs = run.packs(doubles)
        for shot in doubles:
            yield shot.name, as_json(run.measure(shot, packs))
            console.print(f"measured {shot.name}", style="dim")


def _print(console: Console, engine: str, cases: Mapping[str, Case]) -> None:
    if not cases:
        return
    table = Table(title=f"vfx-swap, engine {engine}", show_lines=False)
    table.add_column("metric", no_wrap=True)
    for name in cases:
        table.add_column(name, justify="right")
    table.add_column("good is", no_wrap=True)
    shown = {name: {row.key: row.value for row in metric_rows(Metrics(**case["swap"]))} for name, case in cases.items()}
    for key, known in PROTOCOLS.items():
        if any(key in values for values in shown.values()):
            table.add_row(known.name, *(values.get(key, "") for values in shown.values()), known.wish)
    console.print(table)


if __name__ == "__main__":
    main()
