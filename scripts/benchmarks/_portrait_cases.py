"""The two public-domain portraits swapped both ways round, and the demo shot: cases without a known answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from scripts.benchmarks._shots import Pack, build_pack, render, write_still_plate
from vfx_swap.arrays import FloatArray
from vfx_swap.colour.display import to_display
from vfx_swap.colour.ocio import ColourConfig
from vfx_swap.io.paths import FramePattern
from vfx_swap.models.default import FaceModels
from vfx_swap.pipeline.contact_sheet import crop_at_200
from vfx_swap.pipeline.demo_portraits import COLLINS, HOPPER, Portrait, read_portrait
from vfx_swap.pipeline.demo_shot import make_demo_shot
from vfx_swap.pipeline.qc import Metrics, measure_sequence
from vfx_swap.pipeline.shot_frames import read_pairs
from vfx_swap.settings import Cast
from vfx_swap.types import Frame, ModelImage

__all__ = ["RESHAPE", "Case", "PortraitRun"]

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


@dataclasses.dataclass(frozen=True, eq=False)
class PortraitRun:
    """What all cases of a run share."""

    out: Path
    models: FaceModels
    config: ColourConfig
    quick: bool
    reshape: float = RESHAPE
    settings: tuple[str, ...] = ()
    """As `--set` gives them."""

    def stills(self) -> Iterator[Case]:
        """Both ways round, at both sizes and without reshaping; one size where it should be quick."""
        packs = self._packs()
        kinds = [(factor, self.reshape) for factor in SIZES] + [(1, 0.0)]
        for performer, identity in PAIRS:
            for factor, amount in kinds[:1] if self.quick else kinds:
                off = "" if amount else ", reshape off"
                name = f"{identity.name} on {performer.name}, {factor}x{off}"
                stem = f"{identity.name}_on_{performer.name}_{factor}x{off.replace(', ', '_').replace(' ', '_')}"
                plate, output = self.out / "plates" / f"{stem}.exr", self.out / "swaps" / f"{stem}.exr"
                write_still_plate(performer, plate, factor=factor)
                yield self._rendered(name, stem, str(plate), str(output), "lin_rec709_scene", identity, packs, amount)

    def demo(self, frames: int) -> Iterator[Case]:
        """The demo shot."""
        shot = make_demo_shot(self.out / "plates" / "demo", frames=frames)
        output = str(self.out / "swaps" / "demo" / "demo_swap.####.exr")
        name = "hopper on collins, demo shot"
        yield self._rendered(name, "demo", shot.pattern, output, "ACEScg", HOPPER, self._packs(), self.reshape)

    def measure(self, case: Case) -> Metrics:
        """Measure a case and write its crops."""
        wanted = {case.frames[0], case.frames[len(case.frames) // 2], case.frames[-1]}
        config, space = self.config, case.colour_space

        def watched() -> Iterator[tuple[Frame, Frame, FloatArray]]:
            pairs = read_pairs(case.plate, case.output, frames=case.frames, config=config, colour_space=space)
            for plate, swap, matte in pairs:
                if plate.number in wanted:
                    path = self.out / "crops" / f"{FramePattern.parse(case.output).path(plate.number).stem}.png"
                    _write_crop(path, plate, swap, matte, identity=case.identity, config=config)
                yield plate, swap, matte

        return measure_sequence(watched(), models=self.models, config=config, identity=case.pack.embedding)[0]

    def _packs(self) -> dict[str, Pack]:
        folder = self.out / "identities"
        return {one.name: build_pack(one, folder, models=self.models, config=self.config) for one in (COLLINS, HOPPER)}

    def _rendered(
        self,
        name: str,
        stem: str,
        plate: str,
        output: str,
        colour_space: str,
        identity: Portrait,
        packs: dict[str, Pack],
        reshape: float,
    ) -> Case:
        report = render(
            stem,
            plate=plate,
            output=output,
            colour_space=colour_space,
            pack=packs[identity.name],
            models=self.models,
            reshape=reshape,
            settings=self.settings,
        )
        done = tuple(sorted(report.rendered + report.skipped))
        return Case(name, plate, output, done, colour_space, identity, packs[identity.name])


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
