"""Folders of photographs become aligned crops to train on; whoever did not consent to training is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np

from vfx_swap.arrays import FloatArray
from vfx_swap.colour.display import auto_exposure_stops, to_display
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
from vfx_swap.models.training.crops import Answers, Usage, write_crops
from vfx_swap.pipeline.consent import consent_from_file
from vfx_swap.pipeline.consent_policy import require_policy
from vfx_swap.pipeline.identity import read_photograph
from vfx_swap.pipeline.signed_record import record_digest
from vfx_swap.pipeline.training_answers import PICTURES, check_answers, read_answers
from vfx_swap.pipeline.training_regions import cut_regions, read_regions
from vfx_swap.types import Consent, ModelImage, Window

__all__ = ["CONSENT_NAMES", "Prepared", "check_training_consent", "prepare_crops", "usage_of"]

CONSENT_NAMES = ("consent.json", "consent.toml")
"""A record beside an identity's pictures."""


@dataclass(frozen=True, eq=False)
class _Cut:
    """A crop, (side, side, 3) uint8, and what is known of it."""

    picture: np.ndarray
    regions: np.ndarray | None
    answers: list[tuple[str, np.ndarray]]
    """Whose face it is known with, and so."""


@dataclass(frozen=True)
class Prepared:
    """What was made."""

    crops: int
    identities: int
    skipped: tuple[str, ...]
    """Pictures without a face that could be used, each with the reason."""
    answers: int = 0
    """True swaps that go with the crops."""


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
        UsageError: it holds no identities, or answers that answer nothing (`training_answers`).
        RefusedError: a record is missing, no longer holds, or does not allow training; nothing is read then.
        NoFaceError: no picture had a face.
    """
    points, people = template_named(template).pixels(size), _people(root)
    check_answers(people)
    # All records before any picture.
    usage = {folder.name: _usage(folder, fallback=consent, today=today, model=model) for folder in people}
    cut = partial(_crop, models=models, config=config, points=points, size=size, regions=regions, say=say)
    cuts, skipped = _cut_all(people, cut, say=say)
    if not cuts:
        raise NoFaceError("no picture had a face that could be used", where=root)
    labels, names = [label for label, _, _ in cuts], [folder.name for folder in people]
    answers = _answers([one for _, _, one in cuts], names=names)
    write_crops(
        out,
        pictures=np.stack([one.picture for _, _, one in cuts]),
        labels=np.array(labels, dtype=np.int64),
        identities=names,
        files=[file for _, file, _ in cuts],
        template=template,
        usage=usage,
        regions=np.stack([one.regions for _, _, one in cuts if one.regions is not None]) if regions else None,
        answers=answers,
    )
    return Prepared(len(cuts), len(set(labels)), tuple(skipped), 0 if answers is None else len(answers.rows))


def _answers(cuts: Sequence[_Cut], *, names: Sequence[str]) -> Answers | None:
    found = [(row, names.index(name), picture) for row, one in enumerate(cuts) for name, picture in one.answers]
    if not found:
        return None
    rows, labels, pictures = zip(*found, strict=True)
    return Answers(np.stack(pictures), np.array(rows, dtype=np.int64), np.array(labels, dtype=np.int64))


def _cut_all(
    people: Sequence[Path], cut: Callable[[Path], _Cut], *, say: Callable[[str], None]
) -> tuple[list[tuple[int, str, _Cut]], list[str]]:
    """Of every picture its person, its name and its crop; and what was left out, and why."""
    cuts, skipped = list[tuple[int, str, _Cut]](), list[str]()
    for label, folder in enumerate(people):
        before = len(cuts)
        for path in _pictures(folder):
            try:
                cuts.append((label, f"{folder.name}/{path.name}", cut(path)))
            except InputError as error:
                beside = "" if error.where in (None, path, str(path)) else f"{error.where}: "
                skipped.append(f"{path}: {beside}{error.what}")
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
    found = sorted(one for one in folder.iterdir() if one.suffix.lower() in PICTURES)
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
) -> _Cut:
    """Of the largest face, sRGB-encoded; with its regions, and its answers exposed and cut alike."""
    linear = read_photograph(path, config=config, colour_space=None, warn=say)
    stops = auto_exposure_stops(linear)

    def shown(linear: FloatArray) -> ModelImage:
        return to_display(linear, config=config, colour_space=LINEAR_REC709, exposure=stops)

    image = shown(linear)
    found = sorted(models.detector.detect(image), key=lambda one: -one.height)
    landmarks = models.landmarker.landmarks(image, found[0]) if found else None
    if landmarks is None:
        raise NoFaceError("no face was found", where=path)
    warp = fit_similarity(five_points(landmarks.points), points, width=size, height=size)
    window = Window(0, 0, image.rgb.shape[1], image.rgb.shape[0])

    def cut(pixels: FloatArray) -> np.ndarray:
        crop = cut_crop(pixels, data_window=window, warp=warp, colour_space="sRGB")
        return np.asarray(np.round(np.clip(crop.rgb, 0.0, 1.0) * 255.0).astype(np.uint8))

    known = None
    if regions:
        layers = read_regions(path.parent / "regions" / f"{path.stem}.exr", window=window)
        known = cut_regions(layers, window=window, warp=warp)
    answers = [
        (name, cut(shown(pixels).rgb))
        for name, pixels in read_answers(path, shape=linear.shape, config=config, say=say)
    ]
    return _Cut(cut(image.rgb), known, answers)
