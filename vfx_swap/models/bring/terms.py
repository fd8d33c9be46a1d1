"""The MODEL.LICENSE of an InsightFace pack: read, checked by insightface's own inspector, and recorded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vfx_swap.errors import ModelMismatchError
from vfx_swap.models.runtimes.onnx_session import import_onnxruntime

__all__ = ["LICENCE_FILE", "PackTerms", "read_pack_terms"]

LICENCE_FILE = "MODEL.LICENSE"


@dataclass(frozen=True)
class PackTerms:
    """What a pack's licence file grants."""

    path: Path
    licence: str
    """For the card."""
    commercial_use: bool


def read_pack_terms(folder: Path) -> PackTerms | None:
    """The terms of a pack, or None: no licence file, so InsightFace's public non-commercial terms hold.

    Raises:
        ModelMismatchError: the file is there and does not hold: forged, expired, or of another model.
    """
    path = folder / LICENCE_FILE
    if not path.exists():
        return None
    import_onnxruntime()  # before insightface imports it, with its reports on
    from insightface.model_zoo.model_license import inspect_model_package_license

    found = inspect_model_package_license(folder)
    status = str(found.status)
    if status == "dependency_missing":
        return PackTerms(path, "InsightFace MODEL.LICENSE, signature not checked: taken as non-commercial", False)
    if not status.startswith("verified_"):
        raise ModelMismatchError(
            f"the pack's licence does not hold ({status})",
            where=path,
            mend="Ask InsightFace for a valid one; without a licence file the non-commercial terms hold",
        )
    commercial = bool(found.commercial_use_permitted)
    return PackTerms(path, f"InsightFace MODEL.LICENSE, {status.removeprefix('verified_')}", commercial)
