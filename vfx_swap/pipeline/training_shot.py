"""Crops of one shot to fine-tune on: its performers as the plate shows them, and the identities that go on them.

The faces are those of the shot's tracks, cut and exposed as an engine cuts and exposes them: what is trained on is what
will be swapped. Everyone seen must have consented to training, performers too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vfx_swap.colour.encode import encode
from vfx_swap.colour.exposure import face_exposure_stops
from vfx_swap.colour.ocio import LINEAR_REC709
from vfx_swap.errors import CancelledError, ConsentMissingError, InputError, NoFaceError, UsageError
from vfx_swap.geometry.warps import cut_crop, fit_similarity
from vfx_swap.io.outputs import open_output
from vfx_swap.models.network_swapper import soft_alpha
from vfx_swap.models.templates import five_points, template_named
from vfx_swap.models.training.crops import Usage, write_crops
from vfx_swap.pipeline.consent import check_consent, consent_from_file
from vfx_swap.pipeline.identity_file import load_identity
from vfx_swap.pipeline.progress import Cancelled, Progress, never_cancelled, no_progress
from vfx_swap.pipeline.render_log import output_trouble
from vfx_swap.pipeline.shot import Tools
from vfx_swap.pipeline.shot_plate import ShotPlate, open_shot_plate
from vfx_swap.pipeline.shot_tracks import ModelsOnDemand, cast_shot, shot_tracks
from vfx_swap.pipeline.tracks_file import Tracks
from vfx_swap.pipeline.training_crops import Prepared, check_training_consent, usage_of
from vfx_swap.settings import Cast, Shot
from vfx_swap.types import Consent, Crop, Face, Identity, Track, Window

__all__ = ["MOST", "prepare_shot"]

MOST = 200
"""Crops of a performer, where nobody says another number: neighbouring frames teach the same."""
MEASURED = 5
"""Frames of a track that its exposure is measured on."""
LEAST_SEEN = 0.75
"""Share of a crop that must lie in the picture."""
MOST_HIDDEN = 0.05
"""Share of a face that may lie behind a hand: more would teach hands."""


@dataclass(eq=False)
class _Found:
    """Crops so far."""

    pictures: list[NDArray[np.uint8]] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class _Cutter:
    """How a face is cut, wherever it is seen."""

    template: NDArray[np.float64]
    size: int

    def crop(self, rgb: NDArray[np.float32], window: Window, points: NDArray[np.float32]) -> Crop:
        """The crop of a face.

        Raises:
            NoFaceError: its landmarks fall together, or too much of it lies beyond the picture.
        """
        warp = fit_similarity(five_points(points), self.template, width=self.size, height=self.size)
        crop = cut_crop(rgb, data_window=window, warp=warp, colour_space="")
        if float(crop.alpha.mean()) < LEAST_SEEN:
            raise NoFaceError(f"only {100.0 * float(crop.alpha.mean()):.0f} % of the crop lies in the picture")
        return crop

    def stops(self, crops: list[Crop], to_lin709: NDArray[np.float64]) -> int:
        """One exposure for all crops of a track, as an engine chooses it."""
        middle = soft_alpha(width=self.size, height=self.size, shape="ellipse", feather=0.2)
        found = [face_exposure_stops(one.rgb, to_lin709=to_lin709, weight=middle * one.alpha) for one in crops]
        return round(float(np.median(found)))


def prepare_shot(
    shot: Shot,
    out: Path,
    *,
    today: date,
    size: int = 224,
    template: str = "arcface_112_v1",
    model: str = "",
    consent: Path | None = None,
    most: int = MOST,
    tools: Tools = Tools(),
    progress: Progress = no_progress,
    cancelled: Cancelled = never_cancelled,
    say: Callable[[str], None] = lambda _line: None,
) -> Prepared:
    """Cut a shot's cast performers and their identities to crops, by a render's tracks, made where there are none.

    Args:
        shot: the settings.
        out: the folder of crops.
        today: the day of the use.
        size: side of a crop in pixels.
        template: where the face lies in it.
        model: name of what is to be trained.
        consent: the record of the performers in the plate.
        most: crops of a performer, evenly over the shot.
        tools: what to work with.
        progress: told of every frame.
        cancelled: asked between frames.
        say: called with a line for everybody.

    Raises:
        RefusedError: a record is missing, no longer holds, or does not allow training; nothing of the plate is read.
        UsageError: numbers below 1, or two that have one name.
        NoFaceError: somebody is cast of whom no crop can be had.
        InputError: plate, packs or tracks are not fit.
        CannotRunError: a model is missing.
    """
    if most < 1:
        raise UsageError(f"{most} crops of a performer cannot be trained on", mend="Give --most of at least 1")
    cutter = _Cutter(template_named(template).pixels(size), size)
    identities = _allowed_identities(shot, today=today, model=model)
    performers = _performers_usage(consent, today=today, model=model)
    plate, found = _open_plate(shot, tools, say), _Found()
    with plate.plate:
        tracks, owners = _tracks_and_cast(shot, plate, tools, progress, cancelled)
        names = _names(owners, identities)
        for track_id in owners:
            _performer(found, names.index(f"track{track_id}"), tracks.track(track_id), plate, cutter, most, cancelled)
    for path in dict.fromkeys(cast.identity for cast in owners.values()):
        _identity(found, names.index(identities[path].name), identities[path], cutter)
    _check_all(found, names, where=shot.plate, say=say)
    usage = dict.fromkeys(names, performers) | {one.name: usage_of(_record(one)) for one in identities.values()}
    write_crops(
        out, pictures=np.stack(found.pictures), labels=np.array(found.labels, dtype=np.int64), identities=names,
        files=found.files, template=template, usage={name: usage[name] for name in names},
        casting=[(f"track{number}", identities[cast.identity].name) for number, cast in owners.items()],
    )  # fmt: skip
    return Prepared(len(found.pictures), len(names), tuple(found.skipped))


def _open_plate(shot: Shot, tools: Tools, say: Callable[[str], None]) -> ShotPlate:
    plate = open_shot_plate(
        shot.plate, frames=shot.frames, missing=shot.missing, colour_space=shot.colour_space, config=tools.load_config()
    )
    for warning in plate.warnings:
        say(warning)
    return plate


def _tracks_and_cast(
    shot: Shot, plate: ShotPlate, tools: Tools, progress: Progress, cancelled: Cancelled
) -> tuple[Tracks, dict[int, Cast]]:
    """The shot's tracks, and track id -> casting of those that are cast."""
    with ModelsOnDemand(tools.load_models) as models:
        tracks = shot_tracks(
            plate, path=_tracks_path(shot, plate), models=models, digests=tools.model_digests(),
            progress=progress, cancelled=cancelled, analyse_with=tools.analyse,
        )  # fmt: skip
        return tracks, cast_shot(shot, tracks, config=plate.config, models=models, progress=progress)


def _tracks_path(shot: Shot, plate: ShotPlate) -> Path:
    """Where a render looks for the shot's tracks; its folder is made."""
    folder = open_output(shot.output, plate=plate.plate, layers=False).path(plate.frames[0]).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_trouble(error, where=folder, doing="making the folder of the tracks") from error
    return folder / f"{shot.name}.tracks.json"


def _allowed_identities(shot: Shot, *, today: date, model: str) -> dict[str, Identity]:
    """Path -> identity, every one allowed to be swapped here and trained on."""
    identities = {path: load_identity(path) for path in dict.fromkeys(cast.identity for cast in shot.cast)}
    for path, identity in identities.items():
        check_consent(identity, today=today, shot_name=shot.name, pack=path)
        check_training_consent(_record(identity), today=today, model=model, where=path)
    return identities


def _record(identity: Identity) -> Consent:
    assert identity.consent is not None  # noqa: S101  # `check_consent` refused all others
    return identity.consent


def _performers_usage(path: Path | None, *, today: date, model: str) -> Usage:
    if path is None:
        raise ConsentMissingError(
            "the performers in the plate have no consent record to train on",
            mend="Give their record with --consent; it must allow training",
        )
    held = consent_from_file(path)
    check_training_consent(held, today=today, model=model, where=path)
    return usage_of(held)


def _names(owners: dict[int, Cast], identities: dict[str, Identity]) -> list[str]:
    """Of everybody: performers by their tracks, then identities."""
    paths = dict.fromkeys(cast.identity for cast in owners.values())
    names = [*(f"track{number}" for number in owners), *(identities[path].name for path in paths)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"two are called {', '.join(twice)}", mend="Build one of the packs under another name")
    return names


def _performer(
    found: _Found, label: int, track: Track, plate: ShotPlate, cutter: _Cutter, most: int, cancelled: Cancelled
) -> None:
    """Add a track's crops."""
    linear = plate.config.scene_linear_for(plate.colour_space)
    to_lin709 = plate.config.matrix(source=linear, destination=LINEAR_REC709)
    usable = [face for _, face in sorted(track.faces.items()) if not face.bridged and _hidden(face) <= MOST_HIDDEN]
    # Read twice, so that a long shot's crops in full light need not lie in memory.
    measured = [crop for _, crop in _crops(_spread(usable, MEASURED), plate, cutter, _Found(), cancelled)]
    stops = cutter.stops(measured, to_lin709) if measured else 0
    for face, crop in _crops(_spread(usable, most), plate, cutter, found, cancelled):
        file = f"{plate.plate.path(face.frame).name}#{face.frame}"
        _add(found, crop, label=label, file=file, to_lin709=to_lin709, stops=stops)


def _crops(
    faces: list[Face], plate: ShotPlate, cutter: _Cutter, found: _Found, cancelled: Cancelled
) -> Iterator[tuple[Face, Crop]]:
    """Those that can be cut; the others are told of."""
    for face in faces:
        if cancelled():
            raise CancelledError("stopped; no crops were written", mend="Run the same command again")
        try:
            frame = plate.read(face.frame)
            yield face, cutter.crop(frame.rgb, frame.data_window, face.points)
        except InputError as error:
            found.skipped.append(f"frame {face.frame}: {error.what}")


def _identity(found: _Found, label: int, identity: Identity, cutter: _Cutter) -> None:
    """Add the references of a pack."""
    for number, reference in enumerate(identity.references):
        window = Window(0, 0, reference.rgb.shape[1], reference.rgb.shape[0])
        file = f"{identity.name}#{number}"
        try:
            crop = cutter.crop(reference.rgb, window, reference.points)
        except NoFaceError as error:
            found.skipped.append(f"{file}: {error.what}")
            continue
        stops = cutter.stops([crop], np.eye(3))
        _add(found, crop, label=label, file=file, to_lin709=np.eye(3), stops=stops)


def _add(found: _Found, crop: Crop, *, label: int, file: str, to_lin709: NDArray[np.float64], stops: int) -> None:
    image = encode(crop.rgb, to_lin709=to_lin709, exposure_stops=stops).image
    found.pictures.append(np.round(image.rgb * 255.0).astype(np.uint8))
    found.labels.append(label)
    found.files.append(file)


def _hidden(face: Face) -> float:
    """Share of the face's box that hands cover."""
    hand = None if face.front is None else face.front.mattes.get("hand")
    if hand is None or face.front is None:
        return 0.0
    wide, high = np.ptp(face.points[:, :2], axis=0)
    return float(hand.sum(dtype=np.float64) / 255.0 * face.front.step**2 / max(float(wide * high), 1.0))


def _spread(faces: list[Face], most: int) -> list[Face]:
    """At most so many, evenly over all."""
    if len(faces) <= most:
        return faces
    return [faces[int(index)] for index in np.linspace(0, len(faces) - 1, most).round()]


def _check_all(found: _Found, names: list[str], *, where: object, say: Callable[[str], None]) -> None:
    """Say how many crops of whom there are.

    Raises:
        NoFaceError: of somebody there is none.
    """
    for label, name in enumerate(names):
        say(f"{name}: {found.labels.count(label)} crops")
    without = [name for label, name in enumerate(names) if label not in found.labels]
    if without:
        told = "; ".join(found.skipped[:3]) or "every face is bridged, or behind a hand"
        raise NoFaceError(f"no crop can be had of {', '.join(without)} ({told})", where=where)
