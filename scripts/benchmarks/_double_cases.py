"""Swap and measure shots of doubles, one after the other, and draw the frames to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from scripts.benchmarks._doubles import DoubleShot, reference_pictures
from scripts.benchmarks._seen import Onlooker
from scripts.benchmarks._shots import Pack, build_double, render_values, with_settings
from scripts.benchmarks._truth import measure_shot, neighbours, read_frames
from scripts.benchmarks._truth_result import FaceRow, ShotResult
from scripts.benchmarks._truth_sheet import make_strip, write_sheet
from vfx_swap.colour.ocio import ColourConfig
from vfx_swap.models.default import FaceModels
from vfx_swap.settings.shot import Holdout

__all__ = ["DoubleRun"]

HOLDOUTS: tuple[str, ...] = get_args(Holdout)
"""Everything that can be kept in front: the true swap keeps it all."""


@dataclass(frozen=True, eq=False)
class DoubleRun:
    """What all shots of a run share."""

    root: Path
    """Of the doubles."""
    out: Path
    models: FaceModels
    config: ColourConfig
    quick: bool
    settings: tuple[str, ...] = ()
    """As `--set` gives them: `matte.feather=0.1`."""
    say: Callable[[str], None] = print

    def packs(self, shots: Sequence[DoubleShot]) -> dict[str, Pack]:
        """The identities that go in, made anew: textures are what is being worked on."""
        wanted = {identity for shot in shots for _, identity in shot.performers if identity is not None}
        return {
            name: build_double(
                name,
                reference_pictures(self.root, name),
                self.out / "identities",
                models=self.models,
                config=self.config,
            )
            for name in sorted(wanted)
        }

    def measure(self, shot: DoubleShot, packs: Mapping[str, Pack]) -> ShotResult:
        """Swap a shot, measure it, and write its sheet: `OUT/sheets/NAME.png`."""
        frames = neighbours(shot.frames) if self.quick else shot.frames
        output = str(self.out / "swaps" / shot.name / f"{shot.name}_swap.####.exr")
        render_values(self._values(shot, packs, output), models=self.models, frames=frames)
        self.say(f"swapped {shot.name}: {len(frames)} frames")
        embeddings = {name: packs[identity].embedding for name, identity in shot.performers if identity is not None}
        result = measure_shot(
            read_frames(shot, output, frames=frames, config=self.config),
            onlooker=Onlooker(self.models, self.out / "seen"),
            config=self.config,
            identities=embeddings,
        )
        self._write_sheet(shot, output, result)
        return result

    def _values(self, shot: DoubleShot, packs: Mapping[str, Pack], output: str) -> dict[str, Any]:
        goes_in = {name: identity for name, identity in shot.performers if identity is not None}
        alone = len(shot.performers) == 1
        cast = [
            ({"position": "largest"} if alone else {"performer": str(reference_pictures(self.root, name)[0])})
            | {"identity": str(packs[identity].path)}
            for name, identity in goes_in.items()
        ]
        values: dict[str, Any] = {
            "name": shot.name,
            "plate": shot.plate,
            "output": output,
            "colour_space": shot.colour_space,
            "cast": cast,
            "matte": {"holdout": list(HOLDOUTS)},
            "write": {"layers": ["matte"]},
        }
        return with_settings(values, self.settings)

    def _write_sheet(self, shot: DoubleShot, output: str, result: ShotResult) -> None:
        strips = []
        for what, row in _wanted(result):
            look = next(iter(read_frames(shot, output, frames=[row.frame], config=self.config)))
            face = next(one for one in look.truth.faces if one.performer == row.performer)
            box = look.plate.data_window
            middle = (face.points.min(axis=0) + face.points.max(axis=0)) / 2 - (box.x, box.y)
            label = f"{what}: frame {row.frame}, {row.performer}: " + ", ".join(
                f"{key.replace('_', ' ')} {row.swap[key]:.2f}"
                for key in ("true_error_ratio", "true_feature_stops", "true_light_stops", "true_done", "true_stray")
                if key in row.swap
            )
            centre = (float(middle[0]), float(middle[1]))
            strips.append(make_strip(label, look, centre=centre, face_height=face.height, config=self.config))
        if strips:
            write_sheet(self.out / "sheets" / f"{shot.name}.png", strips, title=f"{shot.name}, 200 %")


def _wanted(result: ShotResult) -> Iterator[tuple[str, FaceRow]]:
    """The worst frame and the one in the middle of the ranking."""
    ranked = sorted(
        (row for row in result.rows if "true_error_ratio" in row.swap), key=lambda row: row.swap["true_error_ratio"]
    )
    if ranked:
        yield "worst", ranked[-1]
    if len(ranked) > 2:
        yield "median", ranked[len(ranked) // 2]
