"""Prepared crops on disk: one array that is mapped, not read, so that no step waits for a decoder.

A folder holds `crops.npy`, (n, side, side, 3) uint8, sRGB-encoded, and `crops.json` with what each is; where regions
of faces are known, `regions.npy`, (n, side, side) uint8, with the index of each pixel's region; where some crops' true
swaps are known, `answers.npy`, (m, side, side, 3) uint8.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vfx_swap.errors import ConsentExpiredError, InputError, MissingInputError, UsageError
from vfx_swap.io.atomic import atomic_write

__all__ = ["CROPS_SCHEMA", "Answers", "Crops", "Usage", "check_usage", "kept_answers", "read_crops", "write_crops"]

CROPS_SCHEMA = "vfx_swap/training_crops.1"


@dataclass(frozen=True)
class Usage:
    """Under which consent an identity's crops may be trained on: no personal data."""

    consent_id: str
    consent_sha256: str
    valid_from: str
    expires: str
    """First and last day, ISO 8601."""


@dataclass(frozen=True, eq=False)
class Answers:
    """Crops with somebody else's face, as a camera saw it or a render shows it: what a swap should be."""

    pictures: NDArray[np.uint8]
    """(m, side, side, 3), sRGB-encoded, cut as the performer's crop is."""
    rows: NDArray[np.int64]
    """(m,) row of `Crops.pictures`: the performer without that face."""
    labels: NDArray[np.int64]
    """(m,) index of `Crops.identities`: whose face it is."""

    def __post_init__(self) -> None:
        if not len(self.pictures) == len(self.rows) == len(self.labels):
            raise ValueError("answers are pictures, rows and labels of one length")


@dataclass(frozen=True, eq=False)
class Crops:
    """Aligned crops and whose they are."""

    pictures: NDArray[np.uint8]
    """(n, side, side, 3), sRGB-encoded, mapped from disk."""
    labels: NDArray[np.int64]
    """(n,) index of `identities`."""
    identities: tuple[str, ...]
    template: str
    usage: Mapping[str, Usage]
    """By identity."""
    regions: NDArray[np.uint8] | None = None
    """(n, side, side) indices of `parsing.regions.REGIONS`, mapped from disk; None where they are not known."""
    casting: tuple[tuple[int, int], ...] = ()
    """(performer, identity) as indices of `identities`: only these are swapped; empty: anybody on anybody."""
    answers: Answers | None = None
    """True swaps of some of the crops; None where none is known."""

    @property
    def side(self) -> int:
        """In pixels."""
        return int(self.pictures.shape[1])


def write_crops(
    folder: Path,
    *,
    pictures: NDArray[np.uint8],
    labels: NDArray[np.int64],
    identities: Sequence[str],
    files: Sequence[str],
    template: str,
    usage: Mapping[str, Usage],
    regions: NDArray[np.uint8] | None = None,
    casting: Sequence[tuple[str, str]] = (),
    answers: Answers | None = None,
) -> None:
    """Write a folder of crops; the description last, so that a folder that has one is whole.

    Raises:
        OutputError: it cannot be written.
    """
    arrays = {"crops": pictures, "regions": regions, "answers": None if answers is None else answers.pictures}
    for name, array in arrays.items():
        if array is not None:
            with atomic_write(folder / f"{name}.npy") as temporary, temporary.open("wb") as stream:
                np.save(stream, array, allow_pickle=False)
    swapped = [] if answers is None else zip(answers.rows.tolist(), answers.labels.tolist(), strict=True)
    told = {
        "schema": CROPS_SCHEMA,
        "side": int(pictures.shape[1]),
        "template": template,
        "regions": regions is not None,
        "identities": [{"name": name, **vars(usage[name])} for name in identities],
        "casting": [list(pair) for pair in casting],
        "crops": [{"identity": int(label), "file": file} for label, file in zip(labels, files, strict=True)],
        "answers": [{"crop": row, "identity": label} for row, label in swapped],
    }
    with atomic_write(folder / "crops.json") as temporary:
        temporary.write_text(json.dumps(told, indent=1), encoding="utf-8")


def read_crops(folder: Path, *, identities: Sequence[str] = ()) -> Crops:
    """The crops of a folder.

    Args:
        folder: as `write_crops` wrote it.
        identities: only these; empty: all.

    Raises:
        MissingInputError: it holds no crops.
        InputError: what it holds does not fit together.
        UsageError: an identity is not there.
    """
    where = folder / "crops.json"
    try:
        told = json.loads(where.read_text(encoding="utf-8"))
        pictures = np.load(folder / "crops.npy", mmap_mode="r", allow_pickle=False)
        # Asked for by the description alone: a folder of before may hold others' regions.
        known = told if isinstance(told, dict) else {}
        regions = np.load(folder / "regions.npy", mmap_mode="r", allow_pickle=False) if known.get("regions") else None
        true = np.load(folder / "answers.npy", mmap_mode="r", allow_pickle=False) if known.get("answers") else None
    except OSError as error:
        mend = "Make one with: vfx-swap train prepare"
        raise MissingInputError("no prepared crops are here", where=folder, mend=mend) from error
    except ValueError as error:
        raise InputError(f"not readable as crops ({error})", where=where) from error
    try:
        if told["schema"] != CROPS_SCHEMA:
            raise ValueError(f"its schema is {told['schema']!r}, not {CROPS_SCHEMA!r}")
        names = tuple(one["name"] for one in told["identities"])
        labels = np.array([one["identity"] for one in told["crops"]], dtype=np.int64)
        usage = {one["name"]: Usage(**{k: str(v) for k, v in one.items() if k != "name"}) for one in told["identities"]}
        casting = tuple((names.index(one), names.index(other)) for one, other in told.get("casting", ()))
        shape = (len(labels), told["side"], told["side"], 3)
        if pictures.shape != shape or pictures.dtype != np.uint8:
            raise ValueError(f"crops.npy is {pictures.dtype} {pictures.shape}, not uint8 {shape}")
        if regions is not None and (regions.shape != shape[:3] or regions.dtype != np.uint8):
            raise ValueError(f"regions.npy is {regions.dtype} {regions.shape}, not uint8 {shape[:3]}")
        if not len(labels) or labels.min() < 0 or labels.max() >= len(names):
            raise ValueError("a crop belongs to nobody, or there are none")
        answers = None if true is None else _answers(true, told["answers"], shape=shape, people=len(names))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"not crops: {error}", where=where, mend="Prepare them again") from error
    return _only(Crops(pictures, labels, names, str(told["template"]), usage, regions, casting, answers), identities)


def _answers(
    pictures: NDArray[np.uint8], told: Sequence[Mapping[str, int]], *, shape: tuple[int, ...], people: int
) -> Answers:
    """
    Raises:
        ValueError: they do not fit the crops.
    """
    rows, labels = (np.array([one[key] for one in told], dtype=np.int64) for key in ("crop", "identity"))
    if pictures.shape != (len(rows), *shape[1:]) or pictures.dtype != np.uint8:
        raise ValueError(f"answers.npy is {pictures.dtype} {pictures.shape}, not uint8 {(len(rows), *shape[1:])}")
    if min(rows.min(), labels.min()) < 0 or rows.max() >= shape[0] or labels.max() >= people:
        raise ValueError("an answer is of no crop, or has nobody's face")
    return Answers(pictures, rows, labels)


def kept_answers(answers: Answers | None, *, rows: NDArray[np.int64], people: Mapping[int, int]) -> Answers | None:
    """Those answers whose crop and identity stay when crops are chosen from; None: none does.

    Args:
        answers: of all crops.
        rows: (n,) crops that stay, ascending.
        people: old index of an identity that stays -> its new one.
    """
    if answers is None:
        return None
    stays = np.isin(answers.rows, rows) & np.isin(answers.labels, list(people))
    if not stays.any():
        return None
    labels = np.array([people[int(label)] for label in answers.labels[stays]], dtype=np.int64)
    return Answers(np.array(answers.pictures[stays]), np.searchsorted(rows, answers.rows[stays]), labels)


def _only(crops: Crops, names: Sequence[str]) -> Crops:
    if not names:
        return crops
    unknown = [name for name in names if name not in crops.identities]
    if unknown:
        mend = f"There are: {', '.join(crops.identities)}"
        raise UsageError(f"there is no identity {', '.join(unknown)} among the crops", mend=mend)
    wanted = [crops.identities.index(name) for name in names]
    rows = np.flatnonzero(np.isin(crops.labels, wanted))
    place = {old: new for new, old in enumerate(wanted)}
    labels = np.array([place[int(label)] for label in crops.labels[rows]], dtype=np.int64)
    usage = {name: crops.usage[name] for name in names}
    regions = None if crops.regions is None else crops.regions[rows]
    casting = tuple((place[a], place[b]) for a, b in crops.casting if a in place and b in place)
    if crops.casting and not casting:
        raise UsageError(f"nobody of {', '.join(names)} is cast on another of them", mend="Name performer and identity")
    answers = kept_answers(crops.answers, rows=rows, people=place)
    return Crops(crops.pictures[rows], labels, tuple(names), crops.template, usage, regions, casting, answers)


def check_usage(crops: Crops, *, today: date) -> None:
    """Refuse crops whose consent no longer holds.

    Raises:
        ConsentExpiredError: of one identity at least.
    """
    for name, usage in crops.usage.items():
        if not usage.valid_from <= today.isoformat() <= usage.expires:
            raise ConsentExpiredError(
                f"consent {usage.consent_id} to train on {name!r} holds from {usage.valid_from} to {usage.expires}; "
                f"today is {today}",
                mend="Prepare the crops again with a record that holds, or leave this identity out",
            )
