"""Regions of every face of a frame in the plate's pixels, and the layers that are written of them.

A parser sees one face in a crop; here its answer is laid on the plate, what passes in front is taken out, faces lie
over one another (the larger in front), and what belongs to no region is `background`. A frame's regions come from this
frame's picture and its tracks alone, so that chunks of a shot give the same bits.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.colour.display import to_display
from vfx_swap.colour.ocio import ColourConfig
from vfx_swap.geometry.resample import reduction
from vfx_swap.geometry.warps import crop_points, cut_crop, footprint, sampled
from vfx_swap.io.cryptomatte import cryptomatte_header, cryptomatte_layers
from vfx_swap.models.default import PARSE_ARCHITECTURES, load_model
from vfx_swap.models.devices import open_kernels
from vfx_swap.models.parsing.regions import BACKGROUND, REGIONS
from vfx_swap.models.protocols import Parser
from vfx_swap.models.registry import LoadOptions, load_registry
from vfx_swap.pipeline.holdout import front_in_crop, front_in_plate
from vfx_swap.types import Crop, Face, Frame, Track, Window

if TYPE_CHECKING:
    from vfx_swap.pipeline.render_plan import SwapPlan

    Plan = TypeVar("Plan", bound=SwapPlan)

__all__ = [
    "CRYPTOMATTE_LAYER",
    "PERFORMER_LAYER",
    "FaceRegions",
    "Parsing",
    "open_parsing",
    "parse_face",
    "parse_frame",
    "region_layers",
    "with_regions",
]

CRYPTOMATTE_LAYER = "CryptoFaceRegion"
"""First part of the channels' names: faces by region."""
PERFORMER_LAYER = "CryptoPerformer"
"""The same of faces whole. No name of a layer begins with another's: readers look for one by its beginning."""
PARSE_REVISION = 4
"""Part of the digest of every frame with regions; raise it when a change gives other regions from the same inputs."""
LEAST = 1e-4
"""Coverage that is none: what filters leave far from any edge."""


@dataclass(frozen=True, eq=False)
class Parsing:
    """What finds the regions of a shot, and whose."""

    parser: Parser
    tracks: tuple[Track, ...]
    digests: Mapping[str, str] = field(default_factory=dict)
    """Card id/file name -> SHA-256 of every file the parser works with."""
    arithmetic: str = "numpy"
    """As in `Kernels`: a network on a GPU gives other bits."""

    def key(self, number: int) -> list[object]:
        """What decides a frame's regions beside its picture and the parser."""
        return [[track.id, _face_key(track.faces.get(number))] for track in self.tracks]

    def windows(self, number: int, plate: Window) -> list[Window]:
        """The parts of the plate that the crops of a frame's faces are cut from or laid into."""
        warps = [self.parser.warp_for(track.faces[number]) for track in self.tracks if number in track.faces]
        return [part for part in (sampled(warp, plate) for warp in warps) if not part.is_empty]

    @property
    def decides(self) -> list[object]:
        """What decides the regions of every frame: the parser, its files, and how they are worked with."""
        return [PARSE_REVISION, self.parser.id, self.arithmetic, sorted(self.digests.items())]

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that a Cryptomatte of this shot's regions can hold, in every frame the same."""
        return tuple(f"track{track.id}/{name}" for track in self.tracks for name in REGIONS if name != BACKGROUND)


@dataclass(frozen=True, eq=False)
class FaceRegions:
    """One face's regions."""

    track_id: int
    window: Window
    """Plate pixels."""
    alphas: FloatArray
    """(19, height, width) of the window, in the order of `REGIONS`; they sum to 1."""


def open_parsing(engine: str | None, *, tracks: Iterable[Track], device: str = "cpu") -> Parsing:
    """The parser of a card, for some tracks.

    Args:
        engine: id of a card whose task is `parse`; None: the default.
        tracks: whose regions are wanted.
        device: `cpu`, `cuda`, `cuda:N` or `auto`, for parsers that are networks; never another in its place.

    Raises:
        UsageError: there is no such card or device.
        CannotRunError: a model file or the device is missing.
    """
    registry = load_registry(architectures=PARSE_ARCHITECTURES)
    card = registry.default_card("parse") if engine is None else registry.card(engine, task="parse")
    kernels = open_kernels(device)
    parser = load_model(card, registry=registry, options=LoadOptions(device=kernels.device))
    digests = {f"{card.id}/{file.name}": file.sha256 for file in card.file}
    ordered = tuple(sorted(tracks, key=lambda track: track.id))
    return Parsing(parser=parser, tracks=ordered, digests=digests, arithmetic=kernels.arithmetic)


def with_regions(plan: Plan, *, device: str) -> Plan:
    """The plan of a shot that asks for regions, with what finds those of its cast faces; any other as it is.

    Args:
        plan: of a shot.
        device: as in `open_parsing`.

    Raises:
        CannotRunError: a model file or the device is missing.
    """
    if not {"regions", "cryptomatte"} & set(plan.shot.write.layers):
        return plan
    parsing = open_parsing(None, tracks=[one.track for one in plan.cast], device=device)
    digest = hashlib.sha256(json.dumps([plan.base_digest, *parsing.decides]).encode()).hexdigest()
    header = {**plan.header, "parser": parsing.parser.id, "parser_models": dict(parsing.digests)}
    return replace(plan, parsing=parsing, base_digest=digest, header=header)


def parse_frame(frame: Frame, parsing: Parsing, *, config: ColourConfig) -> list[FaceRegions]:
    """Regions of a frame's faces, the larger in front: where faces meet, those behind have less.

    Args:
        frame: scene-linear; a part of the plate will do that holds `Parsing.windows`.
        parsing: of the shot.
        config: OCIO config.

    Returns:
        One entry a face that the frame shows, in order of track ids.
    """
    faces = [(track.id, track.faces[frame.number]) for track in parsing.tracks if frame.number in track.faces]
    found: list[FaceRegions] = []
    free = np.ones(frame.rgb.shape[:2], np.float32)
    for track_id, face in sorted(faces, key=lambda one: (-one[1].height, one[0])):
        regions = parse_face(frame, face, parsing.parser, track_id=track_id, config=config)
        if regions is None:
            continue
        at = regions.window.slices(frame.data_window)
        alphas = regions.alphas
        alphas[1:] *= free[at]
        alphas[0] = np.clip(1.0 - alphas[1:].sum(axis=0), 0.0, 1.0)
        free[at] = free[at] - free[at] * (1.0 - alphas[0])
        found.append(regions)
    return sorted(found, key=lambda one: one.track_id)


def parse_face(frame: Frame, face: Face, parser: Parser, *, track_id: int, config: ColourConfig) -> FaceRegions | None:
    """Regions of one face; None where its crop lies outside the frame.

    Args:
        frame: scene-linear.
        face: in the frame.
        parser: of the shot.
        track_id: whose face it is.
        config: OCIO config.
    """
    warp = parser.warp_for(face)
    part = footprint(warp, frame.data_window)
    if part.is_empty:
        return None
    crop = cut_crop(frame.rgb, data_window=frame.data_window, warp=warp, colour_space=frame.colour_space)
    here = {word: _in_front(frame, face, word, part) for word in ("hand", "glasses")}
    hidden = {word: front_in_crop(matte, part, crop) for word, matte in here.items() if matte is not None}
    image = to_display(crop.rgb, config=config, colour_space=frame.colour_space)
    flat = crop_points(face.points[:, :2].astype(np.float64), warp)
    deep = face.points[:, 2:] * np.float32(np.hypot(*warp.matrix[:, 0]))
    answer = parser.parse(image, np.column_stack([flat, deep]).astype(np.float32), hidden=hidden)
    alphas = _laid(answer, crop, part)
    hand = here["hand"]
    if hand is not None:
        alphas[1:] *= np.float32(1.0) - hand
    alphas[1:][alphas[1:] < LEAST] = 0.0
    alphas[0] = np.clip(1.0 - alphas[1:].sum(axis=0), 0.0, 1.0)
    return FaceRegions(track_id, part, alphas)


def region_layers(
    faces: Sequence[FaceRegions], parsing: Parsing, *, window: Window, wanted: Collection[str]
) -> tuple[dict[str, FloatArray], dict[str, str]]:
    """Layers of a frame, and what its header says of them.

    Args:
        faces: as `parse_frame` gives them.
        parsing: of the shot.
        window: of the layers, plate pixels.
        wanted: `regions`, `cryptomatte` or both.

    Returns:
        Full channel name -> (height, width); attribute -> text.
    """
    shape = (window.height, window.width)
    layers: dict[str, FloatArray] = {}
    header: dict[str, str] = {}
    if "regions" in wanted:
        whole = np.zeros((len(REGIONS), *shape), np.float32)
        for one in faces:
            whole[(slice(1, None), *one.window.slices(window))] += one.alphas[1:]
        whole[0] = np.clip(1.0 - whole[1:].sum(axis=0), 0.0, 1.0)
        layers |= {f"regions.{name}": whole[index] for index, name in enumerate(REGIONS)}
    if "cryptomatte" in wanted:
        coverages: dict[str, FloatArray] = {}
        performers: dict[str, FloatArray] = {}
        for one in faces:
            whole_face = np.zeros(shape, np.float32)
            whole_face[one.window.slices(window)] = one.alphas[1:].sum(axis=0)
            performers[f"track{one.track_id}"] = whole_face
            for index, name in enumerate(REGIONS):
                if name != BACKGROUND and one.alphas[index].any():
                    coverage = np.zeros(shape, np.float32)
                    coverage[one.window.slices(window)] = one.alphas[index]
                    coverages[f"track{one.track_id}/{name}"] = coverage
        layers |= cryptomatte_layers(CRYPTOMATTE_LAYER, coverages, shape=shape)
        layers |= cryptomatte_layers(PERFORMER_LAYER, performers, shape=shape)
        tracks = [f"track{track.id}" for track in parsing.tracks]
        header = cryptomatte_header(CRYPTOMATTE_LAYER, parsing.names) | cryptomatte_header(PERFORMER_LAYER, tracks)
    return layers, header


def _in_front(frame: Frame, face: Face, word: str, part: Window) -> FloatArray | None:
    at = part.slices(frame.data_window)
    return front_in_plate(face.front, words=(word,), rgb=frame.rgb[at], window=part)


def _laid(alphas: FloatArray, crop: Crop, part: Window) -> FloatArray:
    """A crop's alphas (19, h, w) in a window of the plate; filtered first where the plate is coarser."""
    matrix = crop.warp.matrix.copy()
    matrix[:, 2] += matrix[:, :2] @ (part.x, part.y)
    shrink = reduction(matrix)
    out = np.empty((len(alphas), part.height, part.width), np.float32)
    for index, alpha in enumerate(alphas):
        # Sigma of half an output pixel (Nyquist), less what the crop's own pixel already is.
        soft = alpha if shrink < 1.25 else cv2.GaussianBlur(alpha, (0, 0), 0.5 * np.sqrt(shrink**2 - 1.0))
        out[index] = cv2.warpAffine(
            soft, matrix, (part.width, part.height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        )
    return out


def _face_key(face: Face | None) -> str:
    if face is None:
        return ""
    sha = hashlib.sha256(np.ascontiguousarray(face.points).tobytes())
    if face.front is not None:
        sha.update(repr((face.front.left, face.front.top, face.front.step)).encode())
        for word, matte in sorted(face.front.mattes.items()):
            sha.update(word.encode())
            sha.update(np.ascontiguousarray(matte).tobytes())
    return sha.hexdigest()
