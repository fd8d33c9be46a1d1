"""The paper's measures on any engine and any pairs: who the swap is taken for, posture, self-swap (docs/quality.md)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from scripts.benchmarks._pairs_file import IdentityEntry, Pairs, PlateEntry
from scripts.benchmarks._shots import Pack, render, write_plate
from vfx_swap.arrays import FloatArray
from vfx_swap.colour.display import auto_exposure_stops, to_display
from vfx_swap.colour.ocio import LINEAR_REC709, ColourConfig
from vfx_swap.colour.transfer import apply_matrix
from vfx_swap.errors import VfxSwapError
from vfx_swap.models.default import FaceModels
from vfx_swap.pipeline.consent import consent_from_file
from vfx_swap.pipeline.embeddings import vectors_here, with_vectors
from vfx_swap.pipeline.engines import texture_builder
from vfx_swap.pipeline.identity import build_identity, read_photograph
from vfx_swap.pipeline.identity_file import load_identity, save_identity
from vfx_swap.pipeline.qc import SeenFace, measure_sequence, see_face
from vfx_swap.pipeline.qc_pixels import matte_window
from vfx_swap.pipeline.shot_frames import read_pairs
from vfx_swap.types import Embedding, Frame, Pose

__all__ = [
    "PAIR_PROTOCOLS",
    "SHARED",
    "Look",
    "PairRun",
    "cosine",
    "nearest_person",
    "posture_degrees",
    "print_pairs",
    "self_swap_l1",
    "summary",
]

PAIR_PROTOCOLS = {
    "retrieved": "share of swapped frames whose nearest picture by cosine is of the identity's person. The gallery is "
    "every frame of the plates that were swapped, the swapped frame's own plate among them, and every identity's mean "
    "vector. By the default recogniser (dlib's), which no swapper here was trained with. Self-swaps are left out",
    "cosine_to_identity": "cosine of the swapped face's vector and the identity's, by that recogniser",
    "cosine_to_performer": "the same, to the plate's face in the same frame; self-swaps are left out",
    "posture_error_degrees": "length of the difference of (yaw, pitch, roll), all three, by MediaPipe's landmarks "
    "on plate and swap; mean over frames",
    "self_swap_l1": "pairs of a person with themselves only: mean magnitude of swap less plate, sRGB 0 to 1 with the "
    "plate's exposure, three channels, where the matte is above 0.5",
}
"""What the paper measures; the other columns are `qc_report.PROTOCOLS`."""
SHARED = ("distance_to_identity", "distance_to_performer", "expression_error", "flicker_ratio", "seam_step_stops")
"""Columns that every swap is measured by."""


@dataclass(frozen=True, eq=False)
class Look:
    """One swapped frame, by the recogniser and the landmarker."""

    person: str
    """The identity's."""
    self_swap: bool
    plate: SeenFace
    swap: SeenFace
    l1: float | None


@dataclass(frozen=True, eq=False)
class Swapped:
    """One pair, swapped and looked at."""

    metrics: dict[str, float]
    looks: list[Look]
    plates: dict[tuple[str, int], Embedding]
    """(plate, frame) -> the performer's face there."""
    missed: int
    """Frames in which no face was found, or none was swapped."""


def cosine(one: Embedding, other: Embedding) -> float:
    """Cosine of two vectors of one recogniser."""
    one.distance(other)  # refuses vectors of two recognisers
    a, b = one.vector.astype(np.float64), other.vector.astype(np.float64)
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def nearest_person(face: Embedding, gallery: Sequence[tuple[str, Embedding]]) -> str:
    """Whose picture in the gallery is nearest by cosine."""
    return max(gallery, key=lambda entry: cosine(face, entry[1]))[0]


def posture_degrees(plate: Pose, swap: Pose) -> float:
    """Length of the difference of (yaw, pitch, roll), each the short way round, in degrees."""
    angles = [
        (getattr(swap, name) - getattr(plate, name) + 180.0) % 360.0 - 180.0
        for name in ("yaw_degrees", "pitch_degrees", "roll_degrees")
    ]
    return float(np.linalg.norm(angles))


def self_swap_l1(plate: FloatArray, swap: FloatArray, matte: FloatArray) -> float | None:
    """Mean magnitude of the difference where the (height, width) matte is above 0.5; None where it never is.

    Args:
        plate: (height, width, 3) for viewing, 0 to 1.
        swap: the same, of the same exposure.
        matte: 0 to 1.
    """
    inside = matte > 0.5
    return float(np.abs(plate[inside].astype(np.float64) - swap[inside]).mean()) if inside.any() else None


def summary(looks: Sequence[Look], gallery: Sequence[tuple[str, Embedding]], identity: Embedding) -> dict[str, float]:
    """The paper's measures of one pair's frames; what cannot be measured is left out."""
    found: dict[str, list[float]] = {}
    for look in looks:
        if look.self_swap:
            if look.l1 is not None:
                found.setdefault("self_swap_l1", []).append(look.l1)
        else:
            hit = nearest_person(look.swap.embedding, gallery) == look.person
            found.setdefault("retrieved", []).append(float(hit))
            found.setdefault("cosine_to_performer", []).append(cosine(look.swap.embedding, look.plate.embedding))
        found.setdefault("cosine_to_identity", []).append(cosine(look.swap.embedding, identity))
        if look.plate.landmarks is not None and look.swap.landmarks is not None:
            error = posture_degrees(look.plate.landmarks.pose, look.swap.landmarks.pose)
            found.setdefault("posture_error_degrees", []).append(error)
    return {name: float(np.mean(values)) for name, values in found.items()} | {"frames": float(len(looks))}


@dataclass(frozen=True, eq=False)
class PairRun:
    """What all pairs of a run share."""

    out: Path
    models: FaceModels
    config: ColourConfig
    settings: tuple[str, ...] = ()
    say: Callable[[str], None] = print

    def measure(self, pairs: Pairs) -> dict[str, dict[str, Any]]:
        """Swap and measure every pair: name -> its numbers."""
        packs = {entry.name: self._pack(entry) for entry in pairs.identities}
        gallery = [(entry.person, packs[entry.name].embedding) for entry in pairs.identities]
        seen: dict[tuple[str, int], Embedding] = {}
        cases: dict[str, dict[str, Any]] = {}
        looked: list[tuple[str, IdentityEntry, list[Look]]] = []
        for plate, identity in pairs.pairs:
            name = f"{identity.name} on {plate.name}"
            try:
                swapped = self._swap(plate, identity, packs[identity.name])
            except VfxSwapError as error:
                # One pair that cannot be swapped must not cost the hours that the others took.
                cases[name] = {"error": str(error)}
                self.say(f"failed {name}: {error}")
                continue
            gallery += [(plate.person, face) for key, face in swapped.plates.items() if key not in seen]
            seen |= swapped.plates
            cases[name] = {"swap": swapped.metrics, "pair": {"missed": float(swapped.missed)}}
            looked.append((name, identity, swapped.looks))
            self.say(f"measured {name}: {len(swapped.looks)} frames")
        for name, identity, looks in looked:  # only now does the gallery hold every plate
            cases[name]["pair"] |= summary(looks, gallery, packs[identity.name].embedding)
        return cases

    def _pack(self, entry: IdentityEntry) -> Pack:
        if entry.pack is not None:
            identity = load_identity(entry.pack)
        else:
            identity = build_identity(
                name=entry.name,
                references=list(entry.references),
                consent=None if entry.consent is None else consent_from_file(entry.consent),
                models=self.models,
                config=self.config,
                texture_builder=texture_builder(),
            )
        path = self.out / "identities" / f"{entry.name}.identity"
        saved = save_identity(with_vectors(identity, config=self.config, vectors=vectors_here())[0], path)
        return Pack(path, saved.embeddings[self.models.recogniser.id])

    def _swap(self, plate: PlateEntry, identity: IdentityEntry, pack: Pack) -> Swapped:
        path, space = self._exr(plate)
        output = str(self.out / "swaps" / identity.name / f"{plate.name}{'.####' if '#' in path else ''}.exr")
        report = render(
            f"{identity.name}_on_{plate.name}",
            plate=path,
            output=output,
            colour_space=space,
            pack=pack,
            models=self.models,
            settings=self.settings,
        )
        looks: list[Look] = []
        plates: dict[tuple[str, int], Embedding] = {}

        def watched() -> Iterator[tuple[Frame, Frame, FloatArray]]:
            for own, swap, matte in read_pairs(
                path, output, frames=report.rendered, config=self.config, colour_space=space
            ):
                before, look = self._look(own, swap, matte, identity.person, same=plate.person == identity.person)
                if before is not None:
                    plates[plate.name, own.number] = before.embedding
                if look is not None:
                    looks.append(look)
                yield own, swap, matte

        metrics, _ = measure_sequence(watched(), models=self.models, config=self.config, identity=pack.embedding)
        found = {name: value for name, value in dataclasses.asdict(metrics).items() if value is not None}
        return Swapped(found, looks, plates, len(report.rendered) - len(looks))

    def _exr(self, plate: PlateEntry) -> tuple[str, str]:
        """The plate as an EXR and its space; photographs are made scene-linear first."""
        if plate.path.lower().endswith(".exr"):
            return plate.path, plate.colour_space or LINEAR_REC709
        path = self.out / "plates" / f"{plate.name}.exr"
        space = plate.colour_space
        write_plate(path, read_photograph(Path(plate.path), config=self.config, colour_space=space, warn=self.say))
        return str(path), LINEAR_REC709

    def _look(
        self, plate: Frame, swap: Frame, matte: FloatArray, person: str, *, same: bool
    ) -> tuple[SeenFace | None, Look | None]:
        """The plate's face, and the swapped frame's look; None where either is not found."""
        tight = matte_window(matte, margin=0)
        if tight is None:
            return None, None
        side = max(one.stop - one.start for one in tight)
        near = matte_window(matte, margin=int(1.5 * side)) or tight
        matrix = self.config.matrix(source=plate.colour_space, destination=LINEAR_REC709)
        whole = apply_matrix(np.nan_to_num(plate.rgb, posinf=65504.0, neginf=0.0), matrix)
        # One exposure and one clip for both, by the plate: otherwise a bright swap would be shown another way.
        stops, shoulder = auto_exposure_stops(whole), bool(whole.max(initial=0.0) > 1.001)
        own, new = (
            to_display(
                np.ascontiguousarray(one.rgb[near]),
                config=self.config,
                colour_space=plate.colour_space,
                exposure=stops,
                shoulder=shoulder,
            )
            for one in (plate, swap)
        )
        cut = matte[near]
        rows, columns = np.nonzero(cut > 0.0)
        middle = np.array([columns.mean(), rows.mean()], dtype=np.float32)
        before = see_face(own, models=self.models, near=middle)
        if before is None:
            return None, None
        after = see_face(new, models=self.models, near=middle, otherwise=before.detection)
        if after is None:
            return before, None
        return before, Look(person, same, before, after, self_swap_l1(own.rgb, new.rgb, cut))


def print_pairs(console: Console, engine: str, cases: Mapping[str, Mapping[str, Any]]) -> None:
    """One row a pair, the mean over all frames, and what failed."""
    keys = (*PAIR_PROTOCOLS, *SHARED)
    rows = {name: {**case["swap"], **case["pair"]} for name, case in cases.items() if "error" not in case}
    table = Table(title=f"pairs, engine {engine}")
    for name in ("pair", "frames", *keys):
        table.add_column(name.replace("_", " "), justify="left" if name == "pair" else "right", no_wrap=name == "pair")
    for name, row in rows.items():
        count = f"{row['frames']:.0f}" + (f" of {row['frames'] + row['missed']:.0f}" if row["missed"] else "")
        table.add_row(name, count, *(f"{row[key]:.3f}" if key in row else "" for key in keys))
    means = []
    for key in keys:
        known = [(row[key], row["frames"]) for row in rows.values() if key in row and row["frames"]]
        means.append(f"{sum(a * b for a, b in known) / sum(b for _, b in known):.3f}" if known else "")
    table.add_row("all, by frames", f"{sum(row['frames'] for row in rows.values()):.0f}", *means)
    console.print(table)
    for name, case in cases.items():
        if "error" in case:
            console.print(f"{name} failed: {case['error']}", style="red", highlight=False, soft_wrap=True)
