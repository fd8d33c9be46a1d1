"""Command line of `scripts/doubles`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from scripts.digital_doubles.anatomy import Anatomy, assets_folder
from scripts.digital_doubles.blender import BlenderError, blender_python
from scripts.digital_doubles.cast import CAST, CROWD
from scripts.digital_doubles.crowd import answered_with, crowd_frames, crowd_stage, swapped_with
from scripts.digital_doubles.figure import Region
from scripts.digital_doubles.golden import GOLDEN_FRAMES, GOLDEN_VIEWS, write_golden
from scripts.digital_doubles.pictures import read_channels, write_png
from scripts.digital_doubles.render import Plan, draw, shot_truth, write_text
from scripts.digital_doubles.sheet import contact_sheet
from scripts.digital_doubles.shots import SHOTS, VIEWS, Options, Shot, reference_stage

__all__ = ["main"]

ROOT = Path(__file__).resolve().parent.parent.parent
SPACE = "lin_rec709_scene"


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/doubles", description="Draw digital people with Blender: references, shots, true swaps, truth."
    )
    parser.add_argument("--list", action="store_true", help="say what there is, and draw nothing")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="shots, people, or the word people")
    parser.add_argument(
        "--crowd", type=int, default=0, metavar="N", help=f"only N people of no shot, for training (to {len(CROWD)})"
    )
    parser.add_argument("--stills", type=int, default=16, metavar="N", help="pictures of each of the crowd (16)")
    parser.add_argument(
        "--swaps", type=int, default=0, metavar="N", help="true swaps of the last N stills of each of the crowd (0)"
    )
    parser.add_argument(
        "--answers", type=int, default=0, metavar="N",
        help="true swaps of two stills with each of N others, as `vfx-swap train prepare` takes them along (0)",
    )  # fmt: skip
    parser.add_argument("--dressed", action="store_true", help="some of the crowd wear spectacles, a cap or a hat")
    parser.add_argument(
        "--regions", action="store_true", help="write each picture's true face regions beside it, as regions/NAME.exr"
    )
    parser.add_argument("--views", nargs="+", metavar="VIEW", choices=sorted(VIEWS), help="only these of people")
    parser.add_argument("--out", type=Path, default=Path("build/doubles"), help="folder (build/doubles)")
    parser.add_argument(
        "--golden",
        type=Path,
        metavar="DIR",
        help="only what tests/golden/doubles holds, and its half-size samples in DIR",
    )
    parser.add_argument("--sheet", type=Path, metavar="FILE.jpg", help="only a picture of what has been drawn")
    parser.add_argument("--samples", type=int, default=8, help="samples a pixel, denoised (8)")
    parser.add_argument("--size", type=float, default=1.0, metavar="FACTOR", help="factor on width and height (1)")
    parser.add_argument("--frames", type=int, default=0, metavar="N", help="only the first N frames of a shot")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="Blender's threads")
    parser.add_argument("--seconds", type=float, default=300.0, help="a picture that takes longer is a failure (300)")
    parser.add_argument(
        "--venv", type=Path, default=Path(os.environ.get("VFX_SWAP_DOUBLES_VENV", ROOT / ".venv-doubles"))
    )
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> int:
    """Draws what is asked for and missing; 0 when all of it is there."""
    args = _arguments(given)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that Blender is taken down too
    if args.list:
        for shot in SHOTS.values():
            casting = ", ".join(f"{identity} on {performer}" for performer, identity in shot.casting)
            print(f"{shot.name}: {shot.about} ({shot.frames} frames; {casting})")
        print(f"people: {', '.join(CAST)} ({', '.join(VIEWS)})")
        return 0
    if args.sheet:
        contact_sheet(drawn=args.out, out=args.sheet, people=[*CAST])
        return 0
    if not 0 <= args.crowd <= len(CROWD):
        print(f"doubles: --crowd takes 1 to {len(CROWD)}, not {args.crowd}", file=sys.stderr)
        return 2
    catalogue = [*GOLDEN_VIEWS, *GOLDEN_FRAMES] if args.golden else [*CAST, *SHOTS]
    wanted = [*(args.only or ()), *CROWD[: args.crowd]] or catalogue
    wanted = [name for one in wanted for name in (CAST if one == "people" else [one])]
    unknown = [name for name in wanted if name not in {*CAST, *CROWD, *SHOTS}]
    if unknown:
        print(f"doubles: there is no {', '.join(unknown)}; see scripts/doubles --list", file=sys.stderr)
        return 2
    try:
        blender_python(args.venv)
        region = Region(Anatomy(assets_folder(args.venv)))
        options = Options(
            samples=args.samples, scale=args.size, threads=args.threads, regions=args.regions, dressed=args.dressed
        )
        for name in wanted:
            if name in SHOTS:
                _shot(region, SHOTS[name], args, options)
            elif name in CAST:
                _person(region, name, args, options)
            else:
                _stills(region, name, args, options)
        if args.golden:
            written = write_golden(drawn=args.out, out=args.golden)
            _tell(f"{args.golden}: {len(written)} pictures")
    except (BlenderError, FileNotFoundError, OSError) as problem:
        print(f"doubles: {problem}", file=sys.stderr)
        return 4
    return 0


def _tell(line: str) -> None:
    print(line, flush=True)


def _person(region: Region, name: str, args: argparse.Namespace, options: Options) -> None:
    """References of one person."""
    folder = args.out / "people" / name
    for view in args.views or VIEWS:
        stage = reference_stage(region=region, name=name, view=view, options=options)
        plan = Plan(stage=stage, folder=folder, frames=[(view, 0.0)], true=False, plate_name="{}.exr", grain=0.7)
        draw(plan=plan, venv=args.venv, seconds_per_picture=args.seconds, tell=_tell)
        passes = read_channels(folder / f"{view}.exr")
        if not (folder / f"{view}.png").is_file() or _older(folder / f"{view}.png", folder / f"{view}.exr"):
            import numpy as np

            write_png(path=folder / f"{view}.png", pixels=np.stack([passes[k] for k in "RGB"], 2))
        told = {"exr": f"{view}.exr", "png": f"{view}.png"} | shot_truth(plan)[view]
        _into_json(folder / "references.json", view, told, name=name)


def _stills(region: Region, name: str, args: argparse.Namespace, options: Options) -> None:
    """Training stills of one of the crowd."""
    folder = args.out / "crowd" / name
    stage = crowd_stage(region=region, name=name, options=options)
    frames = crowd_frames(args.stills)
    plan = Plan(stage=stage, folder=folder, frames=frames, true=False, plate_name="{}.exr", grain=0.3)
    draw(plan=plan, venv=args.venv, seconds_per_picture=args.seconds, tell=_tell)
    for label, _ in frames:
        _photograph(folder / f"{label}.exr")
    if name not in CROWD[: args.crowd]:
        return

    def swapped(identity: str, frames: list[tuple[str, float]], folder: Path) -> None:
        stage = crowd_stage(region=region, name=name, options=options, identity=identity)
        plan = Plan(stage=stage, folder=folder, frames=frames, true=True, plate_name="{}.exr", grain=0.3,
                    reach=stage.height / 24)  # fmt: skip
        draw(plan=plan, venv=args.venv, seconds_per_picture=args.seconds, tell=_tell)

    if args.swaps:
        identity, last = swapped_with(name, count=args.crowd), frames[-args.swaps :]
        swapped(identity, last, folder / "swaps")
        for label, _ in last:
            _photograph(folder / "swaps" / f"{label}.exr")
            _photograph(folder / "swaps" / f"true.{label}.exr")
        write_text(folder / "swaps" / "swaps.json", json.dumps({"performer": name, "identity": identity}))
    for identity, which in answered_with(name, count=args.crowd, answers=args.answers, stills=args.stills):
        swapped(identity, [frames[one] for one in which], folder / "worn" / identity)
        for label in (frames[one][0] for one in which):
            told = folder / "answers" / identity / f"{label}.png"
            told.parent.mkdir(parents=True, exist_ok=True)
            _photograph(folder / "worn" / identity / f"true.{label}.exr", told)


def _photograph(still: Path, picture: Path | None = None) -> None:
    """A picture as 8-bit sRGB, beside it where no other place is named, where there is none of it yet."""
    import numpy as np

    picture = picture or still.with_suffix(".png")
    if not picture.is_file() or _older(picture, still):
        passes = read_channels(still)
        write_png(path=picture, pixels=np.stack([passes[k] for k in "RGB"], 2))


def _older(a: Path, b: Path) -> bool:
    return a.stat().st_mtime < b.stat().st_mtime


def _into_json(path: Path, view: str, told: object, *, name: str) -> None:
    found: dict[str, Any] = {"name": name, "colour_space": SPACE, "views": {}}
    if path.is_file():
        found = json.loads(path.read_text())
    found["views"][view] = told
    write_text(path, json.dumps(found, indent=1))


def _shot(region: Region, shot: Shot, args: argparse.Namespace, options: Options) -> None:
    """One shot; its descriptions first, so that whole frames can be used while others are drawn."""
    folder = args.out / "shots" / shot.name
    stage = shot.build(region, options)
    frames = shot.frame_list()[: args.frames or None]
    plan = Plan(stage=stage, folder=folder, frames=frames, true=True, reach=stage.height / 24)
    told = {
        "name": shot.name,
        "about": shot.about,
        "width": stage.width,
        "height": stage.height,
        "frames": [int(label) for label, _ in frames],
        "fps": 24,
        "performers": [{"name": performer, "identity": identity} for performer, identity in shot.casting],
        "occluders": [{"part": part} for part in shot.occluders],
        "colour_space": SPACE,
    }
    write_text(folder / "shot.json", json.dumps(told, indent=1))
    write_text(folder / "truth.json", json.dumps(shot_truth(plan)))
    draw(plan=plan, venv=args.venv, seconds_per_picture=args.seconds, tell=_tell)


if __name__ == "__main__":
    sys.exit(main())
