"""How good the default swap is: both ways round between the two public-domain portraits, and on the demo shot.

Prints a table with the protocol beside the numbers, and writes 200 % crops (plate, swap, identity) for the eye.

    scripts/bench quality [--out DIR] [--frames N] [--reshape AMOUNT] [--json]
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from scripts.benchmarks._shots import Pack, build_pack, render, write_still_plate
from vfx_swap.arrays import FloatArray
from vfx_swap.colour.display import to_display
from vfx_swap.colour.ocio import ColourConfig, load_config
from vfx_swap.io.paths import FramePattern
from vfx_swap.models.default import FaceModels, load_face_models
from vfx_swap.pipeline.contact_sheet import crop_at_200
from vfx_swap.pipeline.demo_portraits import COLLINS, HOPPER, Portrait, read_portrait
from vfx_swap.pipeline.demo_shot import make_demo_shot
from vfx_swap.pipeline.qc import Metrics, measure_sequence
from vfx_swap.pipeline.qc_report import PROTOCOLS, metric_rows
from vfx_swap.pipeline.shot_frames import read_pairs
from vfx_swap.settings import Cast
from vfx_swap.types import Frame, ModelImage

PAIRS = ((COLLINS, HOPPER), (HOPPER, COLLINS))
SIZES = (1, 2)
RESHAPE = Cast.model_fields["reshape"].default


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """One thing measured."""

    name: str
    plate: str
    output: str
    frames: tuple[int, ...]
    colour_space: str
    identity: Portrait
    pack: Pack


def main() -> None:
    """Measure, print, write crops."""
    parser = argparse.ArgumentParser(prog="scripts/bench quality", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("build/quality"), help="folder for plates, swaps and crops")
    parser.add_argument("--frames", type=int, default=24, help="of the demo shot; 0 leaves it out")
    parser.add_argument("--reshape", type=float, default=RESHAPE, help="0 to 1; stills are measured at 0 too")
    parser.add_argument("--json", action="store_true", help="one JSON object a case on stdout")
    given = parser.parse_args()
    out = given.out.absolute()
    console = Console(stderr=given.json)
    config = load_config()
    found: dict[str, Metrics] = {}
    with load_face_models() as models:
        for case in _cases(out, models=models, config=config, frames=given.frames, reshape=given.reshape):
            found[case.name] = _measure(case, out / "crops", models=models, config=config)
            console.print(f"measured {case.name}", style="dim")
            if given.json:
                known = {
                    name: value for name, value in dataclasses.asdict(found[case.name]).items() if value is not None
                }
                print(json.dumps({"case": case.name, **known}), flush=True)
    _print(console, found)
    console.print(f"crops at 200 %: {out / 'crops'}")


def _cases(out: Path, *, models: FaceModels, config: ColourConfig, frames: int, reshape: float) -> Iterator[Case]:
    packs = {one.name: build_pack(one, out / "identities", models=models, config=config) for one in (COLLINS, HOPPER)}
    for performer, identity in PAIRS:
        for factor, amount in (*((factor, reshape) for factor in SIZES), (1, 0.0)):
            off = "" if amount else ", reshape off"
            name = f"{identity.name} on {performer.name}, {factor}x{off}"
            stem = f"{identity.name}_on_{performer.name}_{factor}x{off.replace(', ', '_').replace(' ', '_')}"
            plate, output = out / "plates" / f"{stem}.exr", out / "swaps" / f"{stem}.exr"
            write_still_plate(performer, plate, factor=factor)
            report = render(
                stem,
                plate=str(plate),
                output=str(output),
                colour_space="lin_rec709_scene",
                pack=packs[identity.name],
                models=models,
                reshape=amount,
            )
            done = report.rendered + report.skipped
            yield Case(name, str(plate), str(output), done, "lin_rec709_scene", identity, packs[identity.name])
    if frames:
        shot = make_demo_shot(out / "plates" / "demo", frames=frames)
        output = out / "swaps" / "demo" / "demo_swap.####.exr"
        report = render(
            "demo",
            plate=shot.pattern,
            output=str(output),
            colour_space="ACEScg",
            pack=packs[HOPPER.name],
            models=models,
            reshape=reshape,
        )
        done = tuple(sorted(report.rendered + report.skipped))
        yield Case(
            "hopper on collins, demo shot", shot.pattern, str(output), done, "ACEScg", HOPPER, packs[HOPPER.name]
        )


def _measure(case: Case, crops: Path, *, models: FaceModels, config: ColourConfig) -> Metrics:
    wanted = {case.frames[0], case.frames[len(case.frames) // 2], case.frames[-1]}

    def watched() -> Iterator[tuple[Frame, Frame, FloatArray]]:
        pairs = read_pairs(case.plate, case.output, frames=case.frames, config=config, colour_space=case.colour_space)
        for plate, swap, matte in pairs:
            if plate.number in wanted:
                name = FramePattern.parse(case.output).path(plate.number).stem
                _write_crop(crops / f"{name}.png", plate, swap, matte, identity=case.identity, config=config)
            yield plate, swap, matte

    return measure_sequence(watched(), models=models, config=config, identity=case.pack.embedding)[0]


def _write_crop(
    path: Path, plate: Frame, swap: Frame, matte: FloatArray, *, identity: Portrait, config: ColourConfig
) -> None:
    """Plate, swap and identity side by side, the first two at 200 %, the identity's head fitted to their height."""
    rows, columns = np.flatnonzero((matte > 0.02).any(axis=1)), np.flatnonzero((matte > 0.02).any(axis=0))
    if not rows.size:
        return
    centre = (float(columns[0] + columns[-1]) / 2, float(rows[0] + rows[-1]) / 2)
    side = int(2 * 1.35 * (rows[-1] - rows[0]))
    pictures = [
        crop_at_200(
            to_display(picture.rgb, config=config, colour_space=picture.colour_space, exposure=0.0, shoulder=False),
            centre=centre,
            width=side,
            height=side,
        )
        for picture in (plate, swap)
    ]
    whole = ModelImage(read_portrait(identity))
    height = pictures[0].height
    x, y, span = _HEADS[identity.name]
    face = crop_at_200(whole, centre=(x, y), width=2 * span, height=2 * span)
    pictures.append(face.resize((height, height), Image.Resampling.LANCZOS))
    sheet = Image.new("RGB", (sum(picture.width for picture in pictures) + 16, height), (24, 24, 26))
    left = 0
    for picture in pictures:
        sheet.paste(picture, (left, 0))
        left += picture.width + 8
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)


_HEADS = {"collins": (224.0, 120.0, 190), "hopper": (258.0, 190.0, 330)}
"""Centre x, y and side of a square about the head in each portrait, in its own pixels."""


def _print(console: Console, found: dict[str, Metrics]) -> None:
    console = Console(stderr=console.stderr, width=max(console.width, 140))
    table = Table(title="vfx-swap, engine reprojection", show_lines=False)
    table.add_column("metric", no_wrap=True)
    for name in found:
        table.add_column(name, justify="right")
    table.add_column("good is", no_wrap=True)
    shown = {name: {row.key: row.value for row in metric_rows(metrics)} for name, metrics in found.items()}
    for key, known in PROTOCOLS.items():
        if any(key in values for values in shown.values()):
            table.add_row(known.name, *(values.get(key, "") for values in shown.values()), known.wish)
    console.print(table)
    console.print("How each is measured (docs/quality.md):")
    for known in PROTOCOLS.values():
        console.print(f"  {known.name}: {known.text}", style="dim", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
