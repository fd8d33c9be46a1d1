"""Folders of photographs become aligned crops to train on; whoever did not consent to training is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np

from vfx_swap.colour.display import to_display
from vfx_swap.colour.ocio import LINEAR_REC709, ColourConfig
from vfx_swap.errors import (
    ConsentExpiredError,
    ConsentMissingError,
    ConsentScopeError,
    InputError,
    MissingInputError,
    NoFaceError,
    UsageError,
)
from vfx_swap.geometry.warps import cut_crop, fit_similarity
from vfx_swap.models.default import FaceModels
from vfx_swap.models.templates import five_points, template_named
from vfx_swap.models.training.crops import Usage, write_crops
from vfx_swap.pipeline.consent import consent_from_file
from vfx_swap.pipeline.consent_policy import require_policy
from vfx_swap.pipeline.identity import read_photograph
from vfx_swap.pipeline.signed_record import record_digest
from vfx_swap.pipeline.training_regions import cut_regions, read_regions
from vfx_swap.types import Consent, Window

__all__ = ["CONSENT_NAMES", "Prepared", "check_training_consent", "prepare_crops", "usage_of"]

CONSENT_NAMES = ("consent.json", "consent.toml")
"""A record beside an identity's pictures."""
Cut: TypeAlias = Callable[[Path], tuple[np.ndarray, np.ndarray | None]]
_PICTURES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".exr"}


@dataclass(frozen=True)
class Prepared:
    """What was made."""

    crops: int
    identities: int
    skipped: tuple[str, ...]
    """Pictures without a face that could be used, each with the reason."""


def check_training_consent(consent: Consent, *, today: date, model: str, where: object) -> None:
    """Refuse training that a record does not allow.

    Args:
        consent: the record.
        today: the day of the use.
        model: name of what is trained; compared with the record's list where that names any.
        where: for messages.

    Raises:
        ConsentExpiredError: before its first or past its last day.
        ConsentSignatureError, ConsentRevokedError: it is not signed as the facility asks, or revoked.
        ConsentScopeError: training is not allowed, or not of this model.
    """
    if not consent.valid_from <= today <= consent.expires:
        raise ConsentExpiredError(
            f"consent {consent.id} holds from {consent.valid_from} to {consent.expires}; today is {today}", where=where
        )
    require_policy(consent, today=today, where=where)
    training = json.loads(consent.record_json).get("training")
    if not training or not training["allowed"]:
        raise ConsentScopeError(
            f"consent {consent.id} does not allow models to be trained",
            where=where,
            mend='Ask for a record with "training": {"allowed": true}; docs/training.md shows one',
        )
    if training.get("models") and model not in training["models"]:
        raise ConsentScopeError(
            f"consent {consent.id} allows to train {', '.join(training['models'])}, not {model!r}",
            where=where,
            mend="Say which model is trained with --model",
        )


def usage_of(consent: Consent) -> Usage:
    """What crops say of the record they were cut under: no personal data."""
    digest = record_digest(consent.record_json)
    return Usage(consent.id, digest, consent.valid_from.isoformat(), consent.expires.isoformat())


def prepare_crops(
    root: Path,
    out: Path,
    *,
    models: FaceModels,
    config: ColourConfig,
    today: date,
    size: int = 224,
    template: str = "arcface_112_v1",
    model: str = "",
    consent: Path | None = None,
    regions: bool = False,
    say: Callable[[str], None] = lambda _line: None,
) -> Prepared:
    """Align every picture of every identity and write the crops.

    Args:
        root: a folder of identities: a folder each, of pictures, with `consent.json` or `consent.toml`.
        out: the folder of crops.
        models: that see faces.
        config: of colour.
        today: the day of the use.
        size: side of a crop in pixels.
        template: where the face lies in it.
        model: name of what is to be trained.
        consent: a record for identities that have none beside their pictures.
        regions: whether the regions of every face are known, from `regions/NAME.exr` beside the pictures.
        say: called with a line for every identity and every warning.

    Raises:
        MissingInputError: there is no such folder.
        RefusedError: a record is missing, no longer holds, or does not allow training; nothing is read then.
        NoFaceError: no picture had a face.
    """
    points, people = template_named(template).pixels(size), _people(root)
    # All records before any picture.
    usage = {folder.name: _usage(folder, fallback=consent, today=today, model=model) for folder in people}
    cut: Cut = partial(_crop, models=models, config=config, points=points, size=size, regions=regions, say=say)
    cuts, skipped = _cut_all(people, cut, say=say)
    if not cuts:
        raise NoFaceError("no picture had a face that could be used", where=root)
    labels = [label for label, _, _, _ in cuts]
    write_crops(
        out,
        pictures=np.stack([picture for _, _, picture, _ in cuts]),
        labels=np.array(labels, dtype=np.int64),
        identities=[folder.name for folder in people],
        files=[file for _, file, _, _ in cuts],
        template=template,
        usage=usage,
        regions=np.stack([known for _, _, _, known in cuts if known is not None]) if regions else None,
    )
    return Prepared(len(cuts), len(set(labels)), tuple(skipped))


def _cut_all(
    people: Sequence[Path], cut: Cut, *, say: Callable[[str], None]
) -> tuple[list[tuple[int, str, np.ndarray, np.ndarray | None]], list[str]]:
    """Of every picture its person, its name, its crop and that one's regions; and what was left out, and why."""
    cuts, skipped = list[tuple[int, str, np.ndarray, np.ndarray | None]](), list[str]()
    for label, folder in enumerate(people):
        before = len(cuts)
        for path in _pictures(folder):
            try:
                cuts.append((label, f"{folder.name}/{path.name}", *cut(path)))
            except InputError as error:
                skipped.append(f"{path}: {error.what}")
        say(f"{folder.name}: {len(cuts) - before} crops")
    return cuts, skipped


def _people(root: Path) -> list[Path]:
    if not root.is_dir():
        raise MissingInputError("there is no such folder", where=root)
    people = sorted(one for one in root.iterdir() if one.is_dir())
    if not people:
        raise UsageError("it holds no folders of identities", where=root, mend="Put each person's pictures in a folder")
    return people


def _pictures(folder: Path) -> list[Path]:
    """One file of each stem: the same picture twice would be a pair of one person that teaches nothing."""
    found = sorted(one for one in folder.iterdir() if one.suffix.lower() in _PICTURES)
    return list({one.stem: one for one in reversed(found)}.values())[::-1]


def _usage(folder: Path, *, fallback: Path | None, today: date, model: str) -> Usage:
    beside = [folder / name for name in CONSENT_NAMES if (folder / name).is_file()]
    path = beside[0] if beside else fallback
    if path is None:
        raise ConsentMissingError(
            f"{folder.name!r} has no consent record",
            where=folder,
            mend=f"Put {CONSENT_NAMES[0]} beside the pictures, or give one for all with --consent",
        )
    held = consent_from_file(path)
    check_training_consent(held, today=today, model=model, where=path)
    return usage_of(held)


def _crop(
    path: Path,
    *,
    models: FaceModels,
    config: ColourConfig,
    points: np.ndarray,
    size: int,
    regions: bool,
    say: Callable[[str], None],
) -> tuple[np.ndarray, np.ndarray | None]:
    """(size, size, 3) uint8, sRGB-encoded, of the largest face, and its regions (size, size) uint8."""
    linear = read_photograph(path, config=config, colour_space=None, warn=say)
    image = to_display(linear, config=config, colour_space=LINEAR_REC709)
    found = sorted(models.detector.detect(image), key=lambda one: -one.height)
    landmarks = models.landmarker.landmarks(image, found[0]) if found else None
    if landmarks is None:
        raise NoFaceError("no face was found", where=path)
    warp = fit_similarity(five_points(landmarks.points), points, width=size, height=size)
    window = Window(0, 0, linear.shape[1], linear.shape[0])
    crop = cut_crop(image.rgb, data_window=window, warp=warp, colour_space="sRGB")
    known = None
    if regions:
        layers = read_regions(path.parent / "regions" / f"{path.stem}.exr", window=window)
        known = cut_regions(layers, window=window, warp=warp)
    return np.round(np.clip(crop.rgb, 0.0, 1.0) * 255.0).astype(np.uint8), known
