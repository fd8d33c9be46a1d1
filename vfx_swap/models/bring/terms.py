"""The MODEL.LICENSE of an InsightFace pack: found, proved by insightface's own code, recorded, and proved again later.

It is a JSON file signed with Ed25519 over its canonical form (RFC 8785); the public key comes with insightface.
It names the pack, not the files in it: that they belong together is the word of whoever brings them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vfx_swap.errors import CannotRunError, ModelMismatchError
from vfx_swap.models.runtimes.onnx_session import import_onnxruntime

if TYPE_CHECKING:
    from insightface.model_zoo.model_license import ModelLicense

__all__ = ["LICENCE_FILE", "PackTerms", "check_recorded_terms", "read_pack_terms"]

LICENCE_FILE = "MODEL.LICENSE"
_WORDS = "InsightFace MODEL.LICENSE"
_MANIFEST_LIMIT = 1 << 20
_LICENCE_LIMIT = 64 * 1024
"""Bytes: insightface's MAX_LICENSE_BYTES."""


@dataclass(frozen=True)
class PackTerms:
    """What a pack's licence file grants."""

    path: Path
    licence: str
    """For the card: which licence, to what, for whom, until when."""
    commercial_use: bool


def read_pack_terms(folder: Path, *, root: Path | None = None) -> PackTerms | None:
    """The terms of a pack, or None: no licence file, so InsightFace's public non-commercial terms hold.

    Args:
        folder: where the model's file lies.
        root: the folder that was brought, at or above it: a pack's manifest may lie there. None: `folder`.

    Raises:
        ModelMismatchError: the file is there and does not hold: tampered with, forged, expired, or of another pack.
        CannotRunError: what proves signatures is not installed.
    """
    package = _package(folder, root or folder)
    if package is None:
        return None
    import_onnxruntime()  # before insightface imports it, with its reports on
    from insightface.model_zoo.model_license import STATUS_DEPENDENCY_MISSING, inspect_model_package_license

    found = inspect_model_package_license(package)
    if found.defaulted:
        return None
    if found.status == STATUS_DEPENDENCY_MISSING:
        raise _cannot_prove(package)
    if found.license is None or found.license_path is None:
        raise ModelMismatchError(
            f"the pack's licence does not hold ({found.status}): {found.message}",
            where=found.license_path or package,
            mend="Ask InsightFace for a valid one, and leave the pack's folder the name that the licence gives it; "
            "without a licence file the non-commercial terms hold",
        )
    return PackTerms(found.license_path, _in_words(found.license), found.license.commercial_use_permitted)


def check_recorded_terms(path: Path, *, commercial_use: bool) -> str:
    """Prove a licence that was recorded with a model again: signature, days, and that the card claims no more.

    Args:
        path: the recorded file.
        commercial_use: what the card says.

    Returns:
        What holds, in words.

    Raises:
        ModelMismatchError: it is gone, tampered with, expired, or grants less than the card says.
        CannotRunError: what proves signatures is not installed.
    """
    import_onnxruntime()
    from insightface.model_zoo.model_license import (
        ModelLicenseDependencyError,
        ModelLicenseError,
        verify_model_license,
    )

    try:
        # Which pack it is of was held against the folder when the pack was brought.
        held = verify_model_license(path, expected_model_id=_pack_name(path))
    except ModelLicenseDependencyError as error:
        raise _cannot_prove(path) from error
    except ModelLicenseError as error:
        raise ModelMismatchError(
            f"its licence does not hold any more: {error}", where=path, mend="Ask InsightFace for a valid one"
        ) from error
    if commercial_use and not held.commercial_use_permitted:
        raise ModelMismatchError(
            f"the card allows paid work, the licence does not ({held.grant})", where=path, mend="Add the pack again"
        )
    return f"{path.name}: signature proved, {_in_words(held).removeprefix(_WORDS).strip()}"


def _package(folder: Path, root: Path) -> Path | None:
    """The pack's folder: its manifest's where one is at or above the licence, else the licence's own."""
    licensed: Path | None = None
    for one in (folder, *folder.parents):
        file = one / LICENCE_FILE
        if licensed is None and (file.exists() or file.is_symlink()):  # a dead link is no missing licence
            licensed = one
        told = _start(one / "manifest.json", _MANIFEST_LIMIT)
        if LICENCE_FILE in told or (licensed is not None and ('"models"' in told or '"manifest_version"' in told)):
            return one
        if one == root:
            break
    return licensed


def _start(path: Path, limit: int) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(limit).decode("utf-8", "replace")
    except OSError:
        return ""


def _pack_name(path: Path) -> str:
    """What a licence says that it is of; its signature is still to be proved."""
    try:
        return str(json.loads(_start(path, _LICENCE_LIMIT))["model_id"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def _in_words(held: ModelLicense) -> str:
    whom = " ".join((held.customer or "").split())
    until = "" if held.valid_until is None else f", until {held.valid_until:%Y-%m-%d}"
    return f"{_WORDS} {held.license_id} of {held.model_id}: {held.grant}{f', for {whom}' if whom else ''}{until}"


def _cannot_prove(where: Path) -> CannotRunError:
    return CannotRunError(
        "the signature of the pack's licence cannot be proved: cryptography or rfc8785 is not installed",
        where=where,
        mend="Install both; they come with vfx-swap",
    )
