"""Prepared crops on disk: one array that is mapped, not read, so that no step waits for a decoder.

A folder holds `crops.npy`, (n, side, side, 3) uint8, sRGB-encoded, and `crops.json` with what each is; where regions
of faces are known, `regions.npy`, (n, side, side) uint8, with the index of each pixel's region.
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

__all__ = ["CROPS_SCHEMA", "Crops", "Usage", "check_usage", "read_crops", "write_crops"]

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
) -> None:
    """Write a folder of crops; the description last, so that a folder that has one is whole.

    Raises:
        OutputError: it cannot be written.
    """
    with atomic_write(folder / "crops.npy") as temporary, temporary.open("wb") as stream:
        np.save(stream, pictures, allow_pickle=False)
    if regions is not None:
        with atomic_write(folder / "regions.npy") as temporary, temporary.open("wb") as stream:
            np.save(stream, regions, allow_pickle=False)
    told = {
        "schema": CROPS_SCHEMA,
        "side": int(pictures.shape[1]),
        "template": template,
        "regions": regions is not None,
        "identities": [{"name": name, **vars(usage[name])} for name in identities],
        "casting": [list(pair) for pair in casting],
        "crops": [{"identity": int(label), "file": file} for label, file in zip(labels, files, strict=True)],
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
        known = isinstance(told, dict) and told.get("regions") is True  # a folder of before may hold others' regions
        regions = np.load(folder / "regions.npy", mmap_mode="r", allow_pickle=False) if known else None
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
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"not crops: {error}", where=where, mend="Prepare them again") from error
    return _only(Crops(pictures, labels, names, str(told["template"]), usage, regions, casting), identities)


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
    return Crops(crops.pictures[rows], labels, tuple(names), crops.template, usage, regions, casting)


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
